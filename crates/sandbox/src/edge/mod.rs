//! The outer wires: the proxy that is the only way in, TLS, the choice of a service by host name, the recording.
//!
//! Every listener is bound to 127.0.0.1. Nothing in here opens a connection to another machine.

mod breaking;
mod certificates;
mod exchange;
mod names;
mod proxy;
mod recorder;
mod redaction;
mod serving;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::TcpListener;

use crate::world::SharedWorld;
pub use certificates::CertificateError;
pub(crate) use certificates::make as make_certificates;
use exchange::Front;
use names::ALL_NAMES;
pub(crate) use names::VaultName;
pub(crate) use recorder::{Recorder, Seen};

/// Where the wires end.
pub(crate) struct Edge {
    pub(crate) proxy: SocketAddr,
    /// Plain HTTP for what never leaves the machine: the managed identity endpoint.
    pub(crate) local: SocketAddr,
    pub(crate) recorder: Arc<Recorder>,
}

/// The ports of 127.0.0.1 to listen on; zero stands for any free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ports {
    /// The sandbox's own address: its page, its control API, the managed identity endpoint.
    pub own: u16,
    /// The CONNECT proxy.
    pub proxy: u16,
}

/// Opens every listener and serves until the world stops.
pub(crate) async fn open(
    world: &SharedWorld,
    tls: ServerConfig,
    keep_har: bool,
    ports: Ports,
) -> io::Result<Edge> {
    let (secure, local, proxy) = (listen(0).await?, listen(ports.own).await?, listen(ports.proxy).await?);
    let recorder = Arc::new(Recorder::new(keep_har));
    let addresses = (secure.local_addr()?, local.local_addr()?, proxy.local_addr()?);

    let front = Front::new(world, Arc::clone(&recorder), addresses.1);
    world.spawn(serving::serve_tls(secure, Arc::new(tls), front.clone()));
    world.spawn(serving::serve_local(local, front));
    world.spawn(proxy::serve(proxy, addresses.0, Arc::clone(world)));
    Ok(Edge { proxy: addresses.2, local: addresses.1, recorder })
}

async fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}
