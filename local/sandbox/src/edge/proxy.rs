//! The CONNECT proxy: the only way in, and no way out.
//!
//! Clients believe that they speak to Azure because their `HTTPS_PROXY` leads here. A tunnel to one of the
//! sandbox's names ends at its own TLS listener; every other name is refused, so that a client that was pointed
//! here by mistake, or that calls home, reaches nobody.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::cloud::SharedCloud;
use crate::key_vault;
use crate::names::hosts::{Service, host_and_port};

/// Serves until the sandbox stops.
pub(super) async fn serve(listener: TcpListener, tls: SocketAddr, cloud: SharedCloud) {
    super::serving::accept(
        listener,
        |stream| {
            let cloud = cloud.clone();
            async move {
                let answer = service_fn(|request| {
                    let reply = answer(&cloud, tls, request);
                    async move { Ok::<_, Infallible>(reply) }
                });
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
                if let Err(error) = connection.with_upgrades().await {
                    tracing::debug!(%error, "a client of the proxy went away");
                }
            }
        },
        &cloud,
    )
    .await;
}

fn answer(cloud: &SharedCloud, tls: SocketAddr, request: Request<Incoming>) -> Response<Full<Bytes>> {
    if request.method() != Method::CONNECT {
        return refuse(
            StatusCode::FORBIDDEN,
            "the sandbox's proxy opens tunnels by CONNECT and does nothing else",
        );
    }
    let authority = request.uri().authority().map_or_else(String::new, ToString::to_string);
    let service = match host_and_port(&authority) {
        Some((host, 443)) => Service::at(host),
        _ => None,
    };
    match service {
        None => {
            tracing::warn!(
                authority,
                "the sandbox's proxy refused a tunnel to a name that is not the sandbox's"
            );
            refuse(
                StatusCode::FORBIDDEN,
                "this name is not one of the sandbox's: nothing leaves this machine",
            )
        }
        // Our guess: what a forward proxy says when a name does not resolve. A vault's name exists in the DNS
        // only while the vault does.
        Some(Service::KeyVault(name)) if !cloud.read(|state| key_vault::vault_resolves(state, &name.0)) => {
            refuse(StatusCode::BAD_GATEWAY, "the name does not resolve: there is no such vault")
        }
        Some(_) => {
            cloud.spawn(tunnel(request, tls));
            Response::new(Full::default())
        }
    }
}

async fn tunnel(request: Request<Incoming>, tls: SocketAddr) {
    let spliced = async {
        let upgraded = hyper::upgrade::on(request).await.map_err(std::io::Error::other)?;
        let mut inside = TcpStream::connect(tls).await?;
        tokio::io::copy_bidirectional(&mut TokioIo::new(upgraded), &mut inside).await
    };
    if let Err(error) = spliced.await {
        tracing::debug!(%error, "a tunnel ended early");
    }
}

fn refuse(status: StatusCode, why: &'static str) -> Response<Full<Bytes>> {
    let mut reply = Response::new(Full::from(why));
    *reply.status_mut() = status;
    reply
}
