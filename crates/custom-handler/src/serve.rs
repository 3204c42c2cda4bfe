//! Serving on the port that the host gave us, until the host or a person stops the process.

use std::{net::Ipv4Addr, time::Duration};

use axum::Router;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use crate::{functions::Functions, logging, otlp, otlp_metrics, settings::SettingsError};

/// The variables that tell the port, the current one first. (azure-functions-host, `HttpWorkerConstants.cs`.)
const PORTS: [&str; 2] = ["FUNCTIONS_CUSTOMHANDLER_PORT", "FUNCTIONS_HTTPWORKER_PORT"];

/// Why functions could not be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The port is not set.
    #[error(
        "FUNCTIONS_CUSTOMHANDLER_PORT is not set: the Functions host starts this program, for instance by `func start`"
    )]
    NoPort,
    /// The port is not a number of a port.
    #[error("{name} is {value:?}, which is not a port")]
    InvalidPort {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// A setting is invalid.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The port cannot be listened on.
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        /// The port.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
    /// Serving failed.
    #[error("the functions could not be served")]
    Serve(#[source] std::io::Error),
}

async fn listen() -> Result<TcpListener, ServeError> {
    let port = port(|name| std::env::var(name).ok())?;
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|source| ServeError::Listen { port, source })
}

impl<S: Clone + Send + Sync + 'static> Functions<S> {
    /// Serves the functions on the port that the host gave (`FUNCTIONS_CUSTOMHANDLER_PORT`), on 127.0.0.1, until
    /// SIGTERM or SIGINT; running invocations then have
    /// [`Settings::shutdown_grace`](crate::Settings::shutdown_grace) to end. The host itself kills the process without a
    /// signal that could be caught: never rely on this end.
    ///
    /// Writes log lines to stdout ([`logging::init`]) unless the process has a `tracing` subscriber already.
    ///
    /// # Errors
    /// When a setting cannot be used, or the port not be listened on.
    pub async fn serve(self) -> Result<(), ServeError> {
        logging::init();
        let listener = listen().await?;
        let stop = stop_signal().map_err(ServeError::Serve)?;
        self.serve_on(listener, stop).await
    }

    /// Serves the functions on a listener of one's own, until `stop` ends.
    ///
    /// # Errors
    /// When a setting cannot be used, or the listener not be served.
    pub async fn serve_on(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let settings = self.settings_or_environment()?;
        let port = listener.local_addr().map_err(ServeError::Serve)?.port();
        let grace = settings.shutdown_grace;
        let functions = self.registered().len();
        let router = self.router(settings, Some(port));
        tracing::info!(port, functions, "ready");
        run(listener, router, stop, grace).await.map_err(ServeError::Serve)
    }
}

async fn run(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
    grace: Duration,
) -> std::io::Result<()> {
    let (stopping, has_to_stop) = oneshot::channel();
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        stop.await;
        tracing::info!("stopping");
        // The other end is gone only when the server is, too.
        let _ = stopping.send(());
    });
    let too_late = async move {
        match has_to_stop.await {
            Ok(()) => tokio::time::sleep(grace).await,
            Err(_) => std::future::pending().await,
        }
    };
    let ended = tokio::select! {
        served = async { server.await } => served,
        () = too_late => {
            tracing::warn!("stopped with invocations still running");
            Ok(())
        }
    };
    otlp::flush().await;
    otlp_metrics::flush().await;
    ended
}

fn port(variable: impl Fn(&str) -> Option<String>) -> Result<u16, ServeError> {
    for name in PORTS {
        if let Some(value) = variable(name) {
            return value.trim().parse().map_err(|_| ServeError::InvalidPort { name, value });
        }
    }
    Err(ServeError::NoPort)
}

/// Ends at the first SIGTERM or SIGINT.
fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_comes_from_the_current_variable_then_from_the_older_one() {
        let read = |pairs: &'static [(&str, &str)]| {
            port(|name| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.to_owned()))
        };
        let (current, older) =
            (("FUNCTIONS_CUSTOMHANDLER_PORT", "4000"), ("FUNCTIONS_HTTPWORKER_PORT", "5000"));
        assert_eq!(read(Box::leak(Box::new([older, current]))).unwrap(), 4000);
        assert_eq!(read(Box::leak(Box::new([older]))).unwrap(), 5000);
        assert!(matches!(read(&[]), Err(ServeError::NoPort)));
        let invalid = read(&[("FUNCTIONS_CUSTOMHANDLER_PORT", "70000")]).unwrap_err();
        assert_eq!(invalid.to_string(), "FUNCTIONS_CUSTOMHANDLER_PORT is \"70000\", which is not a port");
    }
}
