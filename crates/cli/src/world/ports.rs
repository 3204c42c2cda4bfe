//! Picks a port before the one who will listen on it exists: the address is part of what is set up beforehand.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use anyhow::Context;
use uuid::Uuid;

/// Below the range from which operating systems take ports for outgoing connections (32768 and up on Linux), so that
/// nothing but another program's own choice can take the port in the moment between picking and listening.
const RANGE: Range<u16> = 20_000..32_000;
const TRIES: u32 = 200;

/// The remembered port if it is free, or else a free one.
///
/// # Errors
///
/// None is free after many tries.
pub(super) fn pick(remembered: Option<u16>) -> anyhow::Result<u16> {
    remembered
        .into_iter()
        .chain((0..TRIES).map(|_| random_port()))
        .find(|port| is_free(*port))
        .context("no free port was found on 127.0.0.1")
}

fn random_port() -> u16 {
    let bytes = Uuid::new_v4().into_bytes();
    RANGE.start + u16::from_be_bytes([bytes[0], bytes[1]]) % (RANGE.end - RANGE.start)
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remembered_port_is_taken_again_only_if_it_is_free() {
        let free = pick(None).unwrap();
        assert!(RANGE.contains(&free));
        assert_eq!(pick(Some(free)).unwrap(), free);
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_ne!(pick(Some(port)).unwrap(), port);
    }
}
