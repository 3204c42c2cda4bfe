//! Takes a port before the one who will listen on it exists: the address is part of what is set up beforehand.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use anyhow::Context;
use uuid::Uuid;

/// Below the range from which operating systems take ports for outgoing connections (32768 and up on Linux), so that
/// nothing but another program's own choice takes a remembered port while the world is down. The functions host gives
/// its handlers ports below this range: such a one is not held until the handler has started.
const RANGE: Range<u16> = 26_000..32_000;
const TRIES: u32 = 200;

/// A listener on the remembered port if it is free, or else on a free one. Whoever holds it has the port: one that was
/// only looked up may be another world's a moment later.
///
/// # Errors
///
/// None is free after many tries.
pub(crate) fn hold(remembered: Option<u16>) -> anyhow::Result<TcpListener> {
    remembered
        .into_iter()
        .chain((0..TRIES).map(|_| random_port()))
        .find_map(|port| bind(port).ok())
        .context("no free port was found on 127.0.0.1")
}

/// A listener on just this port.
///
/// # Errors
///
/// The port is taken.
pub(crate) fn hold_exactly(port: u16) -> anyhow::Result<TcpListener> {
    bind(port).with_context(|| format!("could not listen on 127.0.0.1:{port}"))
}

fn bind(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

fn random_port() -> u16 {
    let bytes = Uuid::new_v4().into_bytes();
    RANGE.start + u16::from_be_bytes([bytes[0], bytes[1]]) % (RANGE.end - RANGE.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remembered_port_is_taken_again_only_if_it_is_free() {
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        let held = hold(None).unwrap();
        assert!(RANGE.contains(&port(&held)));
        assert_ne!(port(&hold(Some(port(&held))).unwrap()), port(&held));
        assert!(hold_exactly(port(&held)).is_err());
        let remembered = port(&held);
        drop(held);
        assert_eq!(port(&hold(Some(remembered)).unwrap()), remembered);
    }
}
