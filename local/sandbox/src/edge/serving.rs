//! Taking connections and handing each to a task of its own.

use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::exchange::{Front, Side};
use crate::cloud::SharedCloud;

/// Serves Azure's names until the sandbox stops.
pub(super) async fn serve_tls(listener: TcpListener, tls: Arc<ServerConfig>, front: Front) {
    let (acceptor, cloud) = (TlsAcceptor::from(tls), front.cloud.clone());
    accept(
        listener,
        |stream| {
            let (acceptor, front) = (acceptor.clone(), front.clone());
            async move {
                match acceptor.accept(stream).await {
                    Ok(stream) => serve(stream, front, Side::Secure).await,
                    Err(error) => tracing::debug!(%error, "a TLS handshake failed"),
                }
            }
        },
        &cloud,
    )
    .await;
}

/// Serves plain HTTP on the loopback until the sandbox stops.
pub(super) async fn serve_local(listener: TcpListener, front: Front) {
    let cloud = front.cloud.clone();
    accept(listener, |stream| serve(stream, front.clone(), Side::Local), &cloud).await;
}

/// Hands every connection to a task of its own.
pub(super) async fn accept<Work>(
    listener: TcpListener,
    mut work: impl FnMut(TcpStream) -> Work,
    cloud: &SharedCloud,
) where
    Work: Future<Output = ()> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, _)) => cloud.spawn(work(stream)),
            // Out of file descriptors, most likely: give the open connections a moment to end.
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, front: Front, side: Side) {
    let answer = service_fn(move |request| {
        let front = front.clone();
        async move { front.answer(request, side).await }
    });
    let server = auto::Builder::new(TokioExecutor::new());
    if let Err(error) = server.serve_connection(TokioIo::new(stream), answer).await {
        tracing::debug!(%error, "a connection ended early");
    }
}
