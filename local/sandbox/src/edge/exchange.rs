//! One request and its answer: choosing the service by host name, faults on the way, and keeping a record.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header, request, response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use tokio::sync::RwLock;
use tower::ServiceExt;

use crate::cloud::SharedCloud;
use crate::faults::{self, Fault};
use crate::names::hosts::{Service, VaultName, host_and_port};
use crate::traffic::recorder::{Exchange, Recorder};
use crate::{arm, control, entra, graph, key_vault, managed_identity, marketplace, page};

use super::breaking::{Broken, broken_off, garbled};
use super::local_names::LocalNames;

/// Larger than any request that the simulated services take.
const LARGEST_REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// Where Entra's pages are once more, for a browser that does not use the proxy.
const LOGIN_PAGES: &str = "/login.microsoftonline.com";

/// Everything behind the listeners.
#[derive(Clone)]
pub(super) struct Front {
    pub(super) cloud: SharedCloud,
    recorder: Arc<Recorder>,
    local: SocketAddr,
    local_names: LocalNames,
    /// Held alone by a call whose effect is to be undone, so that no other call's effect is undone with it.
    alone: Arc<RwLock<()>>,
    login: Router,
    graph: Router,
    resource_manager: Router,
    marketplace: Router,
    key_vault: Router,
    on_this_machine: Router,
    own: Router,
}

/// Which listener a request came in by.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Secure,
    Local,
}

/// Who answers a request.
enum Answerer {
    /// A simulated service: its calls are recorded, and faults are meant for them.
    Service(Router),
    /// The sandbox itself, with its page and its control API.
    Own(Router),
}

/// A request that was read to its end.
struct Call {
    head: request::Parts,
    body: Bytes,
}

type WholeResponse = (response::Parts, Bytes);

impl Front {
    pub(super) fn new(
        cloud: &SharedCloud,
        recorder: Arc<Recorder>,
        local: SocketAddr,
        local_names: LocalNames,
    ) -> Self {
        let login = entra::router(cloud.clone());
        let own = control::router(cloud.clone(), recorder.clone(), local).merge(page::router(
            cloud.clone(),
            recorder.clone(),
            local,
        ));
        Self {
            cloud: cloud.clone(),
            recorder,
            local,
            local_names,
            alone: Arc::default(),
            graph: graph::router(cloud.clone()),
            resource_manager: arm::router(cloud.clone()),
            marketplace: marketplace::router(cloud.clone()),
            key_vault: key_vault::router(cloud.clone()),
            on_this_machine: managed_identity::router(cloud.clone()).nest(LOGIN_PAGES, login.clone()),
            login,
            own,
        }
    }

    /// The answer; an error when the connection is to end without one.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        side: Side,
    ) -> Result<Response<Body>, Broken> {
        let (started_at, started) = (self.cloud.clock.now(), Instant::now());
        let (mut head, body) = request.into_parts();
        let host = head
            .uri
            .authority()
            .map(|authority| authority.as_str().to_owned())
            .or_else(|| head.headers.get(header::HOST)?.to_str().ok().map(str::to_owned))
            .unwrap_or_default();
        let azures = self.local_names.azures_name(&host).filter(|_| matches!(side, Side::Secure));
        let under_local_names = azures.is_some();
        let host = azures.unwrap_or(host);
        if under_local_names && self.is_vault_without_name(&host) {
            let text = "the name does not resolve: there is no such vault";
            return Ok((StatusCode::BAD_GATEWAY, text).into_response());
        }
        let Some(answerer) = self.answerer(&host, side, &mut head) else {
            let text = "the sandbox does not answer to this host name";
            return Ok((StatusCode::MISDIRECTED_REQUEST, text).into_response());
        };
        let body = match read(body).await {
            Ok(body) => body,
            Err(status) => return Ok(status.into_response()),
        };
        let body = if under_local_names {
            let (uri, body) = self.local_names.request_inwards(&head.uri, &mut head.headers, &body);
            head.uri = uri;
            body
        } else {
            body
        };
        let call = Call { head, body };
        let router = match answerer {
            Answerer::Own(router) => {
                let (head, body) = carry_out(&router, &call).await;
                return Ok(self.unless_storage_failed(head, body));
            }
            Answerer::Service(router) => router,
        };

        let name = host_and_port(&host).map_or("", |(name, _)| name);
        let path = call.head.uri.path();
        let fault = self.cloud.faults.decide(call.head.method.as_str(), name, path);
        let (mut reply_head, mut reply_body) = self.under(fault, &router, &call, (name, path)).await?;
        self.recorder.record(&Exchange {
            scheme: match side {
                Side::Secure => "https",
                Side::Local => "http",
            },
            host: &host,
            request: &call.head,
            request_body: &call.body,
            reply: &reply_head,
            reply_body: &reply_body,
            started_at,
            duration: started.elapsed(),
            fault,
        });
        if under_local_names {
            reply_body = self.local_names.answer_outwards(&mut reply_head.headers, &reply_body);
        }
        match fault {
            Some(Fault::AnswerLost) => Err(Broken),
            Some(Fault::CutOff) => Ok(broken_off(reply_head, &reply_body)),
            _ => Ok(self.unless_storage_failed(reply_head, reply_body)),
        }
    }

    /// Carries a call out as its fault has it.
    async fn under(
        &self,
        fault: Option<Fault>,
        router: &Router,
        call: &Call,
        at: (&str, &str),
    ) -> Result<WholeResponse, Broken> {
        let now = self.cloud.clock.now();
        let instead = |status, retry_after| taken_apart(faults::answer(status, retry_after, at, now));
        match fault {
            Some(Fault::Unseen) => Err(Broken),
            Some(Fault::Throttled { retry_after_seconds }) => {
                Ok(instead(StatusCode::TOO_MANY_REQUESTS, retry_after_seconds).await)
            }
            Some(Fault::Status { status, after_effect: false }) => Ok(instead(status, None).await),
            Some(Fault::EffectLost) => {
                let _alone = self.alone.write().await;
                let before = self.cloud.copy_state();
                let reply = carry_out(router, call).await;
                self.cloud.restore(before);
                Ok(reply)
            }
            None | Some(_) => {
                if let Some(Fault::Slow(by)) = fault {
                    tokio::time::sleep(by).await;
                }
                let _shared = self.alone.read().await;
                let first = carry_out(router, call).await;
                match fault {
                    Some(Fault::Duplicated) => Ok(carry_out(router, call).await),
                    Some(Fault::Status { status, .. }) => Ok(instead(status, None).await),
                    Some(Fault::Garbled) => Ok(garbled(first)),
                    _ => Ok(first),
                }
            }
        }
    }

    fn unless_storage_failed(&self, head: response::Parts, body: Bytes) -> Response<Body> {
        match self.cloud.storage_fault() {
            None => Response::from_parts(head, Body::from(body)),
            Some(fault) => {
                let text = format!("the sandbox could not save its state, so it answers no more: {fault}");
                (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
            }
        }
    }

    /// Our guess: what the proxy says of a vault that does not exist is said here too, where there is no proxy.
    fn is_vault_without_name(&self, host: &str) -> bool {
        match host_and_port(host).and_then(|(name, _)| Service::at(name)) {
            Some(Service::KeyVault(vault)) => {
                !self.cloud.read(|state| key_vault::vault_resolves(state, &vault.0))
            }
            _ => false,
        }
    }

    fn answerer(&self, host: &str, side: Side, head: &mut request::Parts) -> Option<Answerer> {
        let (name, port) = host_and_port(host)?;
        if let Side::Local = side {
            // A page of another site that had this name resolved to 127.0.0.1 would send its own host name.
            let own_name = port == self.local.port() && ["127.0.0.1", "localhost"].contains(&name);
            let path = head.uri.path();
            let service = path == managed_identity::PATH || path.starts_with(LOGIN_PAGES);
            let answerer = match service {
                true => Answerer::Service(self.on_this_machine.clone()),
                false => Answerer::Own(self.own.clone()),
            };
            return own_name.then_some(answerer);
        }
        if port != 443 {
            return None;
        }
        Some(Answerer::Service(match Service::at(name)? {
            Service::Login => self.login.clone(),
            Service::Graph => self.graph.clone(),
            Service::ResourceManager => self.resource_manager.clone(),
            Service::Marketplace => self.marketplace.clone(),
            Service::KeyVault(vault) => {
                head.extensions.insert::<VaultName>(vault);
                self.key_vault.clone()
            }
        }))
    }
}

async fn carry_out(router: &Router, call: &Call) -> WholeResponse {
    let request = Request::from_parts(call.head.clone(), Body::from(call.body.clone()));
    let reply = router.clone().oneshot(request).await.unwrap_or_else(|never: Infallible| match never {});
    taken_apart(reply).await
}

async fn taken_apart(reply: Response<Body>) -> WholeResponse {
    let (head, body) = reply.into_parts();
    match body.collect().await {
        Ok(collected) => (head, collected.to_bytes()),
        Err(error) => {
            tracing::error!(%error, "an answer of the sandbox broke off");
            let (head, _) = StatusCode::INTERNAL_SERVER_ERROR.into_response().into_parts();
            (head, Bytes::new())
        }
    }
}

async fn read(body: Incoming) -> Result<Bytes, StatusCode> {
    match Limited::new(body, LARGEST_REQUEST_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => Err(StatusCode::BAD_REQUEST),
    }
}
