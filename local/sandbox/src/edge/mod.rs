//! The outer wires: the proxy that is the only way in, TLS, the choice of a service by host name, the recording.
//!
//! Every listener is bound to 127.0.0.1. Nothing in here opens a connection to another machine.

mod breaking;
mod certificates;
mod exchange;
mod local_names;
mod proxy;
mod serving;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::TcpListener;

use crate::cloud::SharedCloud;
use crate::names::hosts::ALL_NAMES;

use exchange::Front;

pub use certificates::{CertificateError, IssuedCertificate};
pub use local_names::LocalNames;

pub(crate) use crate::traffic::recorder::Recorder;
pub(crate) use certificates::{Authority, Made, make as make_certificates};

/// Where the wires end.
pub(crate) struct Edge {
    pub(crate) proxy: SocketAddr,
    /// Plain HTTP for what never leaves the machine: the managed identity endpoint.
    pub(crate) local: SocketAddr,
    /// The TLS listener, by the names under which it is reached without the proxy.
    pub(crate) local_names: LocalNames,
    pub(crate) recorder: Arc<Recorder>,
}

/// What the sandbox listens on, held by whoever starts it: nobody else can take a port that is held.
#[derive(Debug)]
pub struct Listeners {
    /// The sandbox's own address: its page, its control API, the managed identity endpoint.
    pub own: std::net::TcpListener,
    /// The CONNECT proxy.
    pub proxy: std::net::TcpListener,
    /// The services by TLS: where the proxy leads to, and what the local names are for.
    pub secure: std::net::TcpListener,
}

impl Listeners {
    /// On free ports of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// When no port can be opened.
    pub fn anywhere() -> io::Result<Self> {
        let listen = || std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        Ok(Self { own: listen()?, proxy: listen()?, secure: listen()? })
    }
}

/// Opens what is missing and serves until the sandbox stops. An address that another machine could reach is refused.
pub(crate) async fn open(
    cloud: &SharedCloud,
    tls: ServerConfig,
    keep_har: bool,
    listeners: Listeners,
) -> io::Result<Edge> {
    let secure = taken_over(listeners.secure)?;
    let (local, proxy) = (taken_over(listeners.own)?, taken_over(listeners.proxy)?);
    let recorder = Arc::new(Recorder::new(keep_har));
    let addresses = (secure.local_addr()?, local.local_addr()?, proxy.local_addr()?);

    let local_names = LocalNames::at(addresses.0.port());
    let front = Front::new(cloud, Arc::clone(&recorder), addresses.1, local_names);
    cloud.spawn(serving::serve_tls(secure, Arc::new(tls), front.clone()));
    cloud.spawn(serving::serve_local(local, front));
    cloud.spawn(proxy::serve(proxy, addresses.0, Arc::clone(cloud)));
    Ok(Edge { proxy: addresses.2, local: addresses.1, local_names, recorder })
}

fn taken_over(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    refuse_unless_local(listener.local_addr()?)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

fn refuse_unless_local(address: SocketAddr) -> io::Result<()> {
    if address.ip().is_loopback() {
        return Ok(());
    }
    let text = format!("{address} can be reached by other machines; the sandbox listens on 127.0.0.1 only");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_other_machines_could_reach_is_refused() {
        for (address, local) in
            [("127.0.0.1:80", true), ("0.0.0.0:80", false), ("192.168.0.1:80", false), ("[::]:80", false)]
        {
            assert_eq!(refuse_unless_local(address.parse().unwrap()).is_ok(), local, "{address}");
        }
    }
}
