//! One request and its answer: choosing the service by host name, and keeping a record.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::names::{Service, VaultName, host_and_port};
use super::recorder::{Exchange, Recorder};
use crate::world::SharedWorld;
use crate::{arm, entra, graph, key_vault, managed_identity, marketplace};

/// Larger than any request that the simulated services take.
const LARGEST_REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// Everything behind the listeners.
#[derive(Clone)]
pub(super) struct Front {
    world: SharedWorld,
    recorder: Arc<Recorder>,
    local: SocketAddr,
    login: Router,
    graph: Router,
    resource_manager: Router,
    marketplace: Router,
    key_vault: Router,
    on_this_machine: Router,
}

/// Which listener a request came in by.
#[derive(Clone, Copy)]
enum Side {
    Secure,
    Local,
}

impl Front {
    pub(super) fn new(world: &SharedWorld, recorder: Arc<Recorder>, local: SocketAddr) -> Self {
        let login = entra::router(world.clone());
        Self {
            world: world.clone(),
            recorder,
            local,
            graph: graph::router(world.clone()),
            resource_manager: arm::router(world.clone()),
            marketplace: marketplace::router(world.clone()),
            key_vault: key_vault::router(world.clone()),
            // Entra's pages once more, for a browser that does not use the proxy.
            on_this_machine: managed_identity::router(world.clone())
                .nest("/login.microsoftonline.com", login.clone()),
            login,
        }
    }

    async fn answer(&self, request: Request<Incoming>, side: Side) -> Response<Body> {
        let (started_at, started) = (self.world.clock.now(), Instant::now());
        let (mut head, body) = request.into_parts();
        let host = head
            .uri
            .authority()
            .map(|authority| authority.as_str().to_owned())
            .or_else(|| head.headers.get(header::HOST)?.to_str().ok().map(str::to_owned))
            .unwrap_or_default();
        let Some(router) = self.router(&host, side, &mut head) else {
            return (StatusCode::MISDIRECTED_REQUEST, "the sandbox does not answer to this host name")
                .into_response();
        };
        let body = match read(body).await {
            Ok(body) => body,
            Err(status) => return status.into_response(),
        };

        let sent = Request::from_parts(head.clone(), Body::from(body.clone()));
        let reply = router.oneshot(sent).await.unwrap_or_else(|never: Infallible| match never {});
        let (reply_head, reply_body) = reply.into_parts();
        let reply_body = match reply_body.collect().await {
            Ok(collected) => collected.to_bytes(),
            Err(error) => {
                tracing::error!(%error, "an answer of the sandbox broke off");
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
        };
        if let Some(fault) = self.world.storage_fault() {
            let text = format!("the sandbox could not save its state, so it answers no more: {fault}");
            return (StatusCode::INTERNAL_SERVER_ERROR, text).into_response();
        }

        let scheme = match side {
            Side::Secure => "https",
            Side::Local => "http",
        };
        self.recorder.record(&Exchange {
            scheme,
            host: &host,
            request: &head,
            request_body: &body,
            reply: &reply_head,
            reply_body: &reply_body,
            started_at,
            duration: started.elapsed(),
        });
        Response::from_parts(reply_head, Body::from(reply_body))
    }

    fn router(&self, host: &str, side: Side, head: &mut http::request::Parts) -> Option<Router> {
        let (name, port) = host_and_port(host)?;
        if let Side::Local = side {
            let own = port == self.local.port() && ["127.0.0.1", "localhost"].contains(&name);
            return own.then(|| self.on_this_machine.clone());
        }
        if port != 443 {
            return None;
        }
        Some(match Service::at(name)? {
            Service::Login => self.login.clone(),
            Service::Graph => self.graph.clone(),
            Service::ResourceManager => self.resource_manager.clone(),
            Service::Marketplace => self.marketplace.clone(),
            Service::KeyVault(vault) => {
                head.extensions.insert::<VaultName>(vault);
                self.key_vault.clone()
            }
        })
    }
}

/// Serves Azure's names until the world stops.
pub(super) async fn serve_tls(listener: TcpListener, tls: Arc<ServerConfig>, front: Front) {
    let (acceptor, world) = (TlsAcceptor::from(tls), front.world.clone());
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
        &world,
    )
    .await;
}

/// Serves plain HTTP on the loopback until the world stops.
pub(super) async fn serve_local(listener: TcpListener, front: Front) {
    let world = front.world.clone();
    accept(listener, |stream| serve(stream, front.clone(), Side::Local), &world).await;
}

/// Hands every connection to a task of its own.
pub(super) async fn accept<Work>(
    listener: TcpListener,
    mut work: impl FnMut(TcpStream) -> Work,
    world: &SharedWorld,
) where
    Work: Future<Output = ()> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, _)) => world.spawn(work(stream)),
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
        async move { Ok::<_, Infallible>(front.answer(request, side).await) }
    });
    let server = auto::Builder::new(TokioExecutor::new());
    if let Err(error) = server.serve_connection(TokioIo::new(stream), answer).await {
        tracing::debug!(%error, "a client went away");
    }
}

async fn read(body: Incoming) -> Result<Bytes, StatusCode> {
    match Limited::new(body, LARGEST_REQUEST_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => Err(StatusCode::BAD_REQUEST),
    }
}
