//! Which port the handler is told to listen on.
//!
//! The real host binds port 0, reads the number and lets go, and hopes that nobody takes it before the handler does.
//! The system hands out such numbers to every connection that is opened, so on a busy machine the hope fails now and
//! then. This host looks below that range first.

use std::net::Ipv4Addr;

use tokio::net::TcpListener;
use uuid::Uuid;

use super::StartError;
use crate::configuration::host_json::HostJson;

/// Below the ephemeral ports of Linux (from 32768) and of Windows and macOS (from 49152).
const QUIET_PORTS: std::ops::Range<u16> = 20_000..32_000;
const TRIES: u32 = 64;

/// The one of host.json, or one that is free now.
pub(super) async fn handler_port(host_json: &HostJson) -> Result<u16, StartError> {
    if let Some(port) = host_json.custom_handler.port {
        return Ok(port);
    }
    for _ in 0..TRIES {
        let port = random_port();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.is_ok() {
            return Ok(port);
        }
    }
    let fail = |source| StartError::Listen { port: 0, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(fail)?;
    Ok(listener.local_addr().map_err(fail)?.port())
}

fn random_port() -> u16 {
    let [high, low, ..] = *Uuid::new_v4().as_bytes();
    let count = QUIET_PORTS.end - QUIET_PORTS.start;
    QUIET_PORTS.start + u16::from_be_bytes([high, low]) % count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_lie_in_the_quiet_range_and_differ() {
        let ports: std::collections::BTreeSet<u16> = (0..100).map(|_| random_port()).collect();
        assert!(ports.iter().all(|port| QUIET_PORTS.contains(port)));
        assert!(ports.len() > 50, "{ports:?}");
    }
}
