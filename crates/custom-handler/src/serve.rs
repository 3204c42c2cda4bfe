//! Listens where the host says, until the host stops the process.

use std::net::{Ipv4Addr, SocketAddr};

use crate::Functions;

/// The variables in which the host names the port; the second is its name of 2020.
const PORT: [&str; 2] = ["FUNCTIONS_CUSTOMHANDLER_PORT", "FUNCTIONS_HTTPWORKER_PORT"];

/// Why the functions cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The host did not name a port.
    #[error("FUNCTIONS_CUSTOMHANDLER_PORT is not set: this program is started by the Azure Functions host")]
    NoPort,
    /// The host named something that is not a port.
    #[error("FUNCTIONS_CUSTOMHANDLER_PORT is not a port number")]
    BadPort,
    /// The port is taken, or may not be listened on.
    #[error("listening on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

impl<S: Clone + Send + Sync + 'static> Functions<S> {
    /// Serves the functions on 127.0.0.1 and the port that the host named, until SIGTERM or SIGINT.
    ///
    /// The host itself stops a handler with SIGKILL, so nothing may depend on ending well.
    ///
    /// # Errors
    /// When there is no port to listen on.
    pub async fn serve(self) -> Result<(), ServeError> {
        let named = PORT.iter().find_map(|name| std::env::var(name).ok()).ok_or(ServeError::NoPort)?;
        let port: u16 = named.parse().map_err(|_| ServeError::BadPort)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listen = |source| ServeError::Listen { address, source };
        let listener = tokio::net::TcpListener::bind(address).await.map_err(listen)?;
        axum::serve(listener, self.into_router()).with_graceful_shutdown(stopped()).await.map_err(listen)
    }
}

async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
