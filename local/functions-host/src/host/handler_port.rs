//! Which port the handler is told to listen on.
//!
//! The real host binds port 0, reads the number and lets go, and hopes that nobody takes it before the handler does.
//! The system hands out such numbers to every connection that is opened, so on a busy machine the hope fails now and
//! then. This host looks below that range first, and the hosts of one process never look at the same number.

use std::net::Ipv4Addr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::net::TcpListener;
use uuid::Uuid;

use super::StartError;
use crate::configuration::host_json::HostJson;

/// Below the ephemeral ports of Linux (from 32768) and of Windows and macOS (from 49152).
const QUIET_PORTS: std::ops::Range<u16> = 20_000..26_000;
const TRIES: u32 = 64;

/// The one of host.json, or one that is free now.
pub(super) async fn handler_port(host_json: &HostJson) -> Result<u16, StartError> {
    if let Some(port) = host_json.custom_handler.port {
        return Ok(port);
    }
    for _ in 0..TRIES {
        let port = next_port();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.is_ok() {
            return Ok(port);
        }
    }
    let fail = |source| StartError::Listen { port: 0, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(fail)?;
    Ok(listener.local_addr().map_err(fail)?.port())
}

/// One after the other, from somewhere: hosts of other processes begin elsewhere.
fn next_port() -> u16 {
    static NEXT: OnceLock<AtomicU16> = OnceLock::new();
    let somewhere = || {
        let [high, low, ..] = *Uuid::new_v4().as_bytes();
        AtomicU16::new(u16::from_be_bytes([high, low]))
    };
    let number = NEXT.get_or_init(somewhere).fetch_add(1, Ordering::Relaxed);
    QUIET_PORTS.start + number % (QUIET_PORTS.end - QUIET_PORTS.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_lie_in_the_quiet_range_and_differ() {
        let ports: std::collections::BTreeSet<u16> = (0..100).map(|_| next_port()).collect();
        assert!(ports.iter().all(|port| QUIET_PORTS.contains(port)));
        assert_eq!(ports.len(), 100, "{ports:?}");
    }
}
