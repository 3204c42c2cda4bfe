//! The wires of the fake cloud: a CONNECT proxy that ends every tunnel itself, in TLS.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use azure_clients::{ProxyChoice, Transport, TransportOptions};
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};
use tokio_rustls::TlsAcceptor;

const NAMES: [&str; 5] = [
    "login.microsoftonline.com",
    "management.azure.com",
    "marketplaceapi.microsoft.com",
    "*.vault.azure.net",
    "*.managedhsm.azure.net",
];

/// A request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) host: String,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What to answer.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Reply {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// Never answers.
    Hang,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, body.to_string().as_str()).with_header("content-type", "application/json")
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self::Reply { status, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Self::Reply { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }
}

type Respond = Arc<dyn Fn(&Seen) -> Answer + Send + Sync>;

/// A running fake cloud. It stops when it is dropped.
pub(crate) struct FakeCloud {
    proxy: String,
    ca: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    serving: AbortHandle,
}

struct Wires {
    respond: Respond,
    /// The vaults whose names "resolve"; `None` lets every name through.
    hosts: Option<Vec<String>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    tls: TlsAcceptor,
}

impl FakeCloud {
    pub(crate) async fn start(respond: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_with(Arc::new(respond), None).await
    }

    /// A cloud in which only these host names resolve.
    pub(crate) async fn with_hosts(
        hosts: &[&str],
        respond: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        Self::start_with(Arc::new(respond), Some(hosts)).await
    }

    async fn start_with(respond: Respond, hosts: Option<Vec<String>>) -> Self {
        let certified = rcgen::generate_simple_self_signed(NAMES.map(str::to_owned)).unwrap();
        let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let wires = Wires { respond, hosts, seen: seen.clone(), tls: TlsAcceptor::from(Arc::new(tls)) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(accept(listener, Arc::new(wires))).abort_handle();
        Self { proxy, ca: certified.cert.pem(), seen, serving }
    }

    pub(crate) fn options(&self) -> TransportOptions {
        TransportOptions {
            proxy: ProxyChoice::Through(self.proxy.parse().unwrap()),
            extra_root_certificates: Some(self.ca.clone()),
            ..TransportOptions::default()
        }
    }

    pub(crate) fn transport(&self) -> Transport {
        Transport::new(self.options()).unwrap()
    }

    pub(crate) fn transport_with_time_limit(&self, time_limit: Duration) -> Transport {
        Transport::new(TransportOptions { time_limit, ..self.options() }).unwrap()
    }

    /// Every request so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Every request to a host so far.
    pub(crate) fn seen_at(&self, host: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.host == host).collect()
    }

    pub(crate) fn stop(&self) {
        self.serving.abort();
    }
}

impl Drop for FakeCloud {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn accept(listener: TcpListener, wires: Arc<Wires>) {
    // Dropped with this task, and with it every connection.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(proxy(stream, wires.clone()));
    }
}

async fn proxy(stream: TcpStream, wires: Arc<Wires>) {
    let connect = service_fn(move |request: Request<Incoming>| {
        let wires = wires.clone();
        async move {
            let host = request.uri().host().unwrap_or_default().to_owned();
            let resolves = wires.hosts.as_ref().is_none_or(|hosts| hosts.contains(&host));
            if request.method() != Method::CONNECT || !resolves {
                return Ok::<_, Infallible>(empty(StatusCode::BAD_GATEWAY));
            }
            tokio::spawn(tunnel(request, host, wires));
            Ok(empty(StatusCode::OK))
        }
    });
    // A client that goes away is no concern of the test's.
    let _gone = http1::Builder::new().serve_connection(TokioIo::new(stream), connect).with_upgrades().await;
}

async fn tunnel(request: Request<Incoming>, host: String, wires: Arc<Wires>) {
    let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
    let Ok(stream) = wires.tls.accept(TokioIo::new(upgraded)).await else { return };
    let answer = service_fn(move |request: Request<Incoming>| {
        let (wires, host) = (wires.clone(), host.clone());
        async move {
            let (head, body) = request.into_parts();
            let seen = Seen {
                method: head.method,
                host,
                path: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
                headers: head.headers,
                body: body.collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default(),
            };
            wires.seen.lock().unwrap().push(seen.clone());
            match (wires.respond)(&seen) {
                Answer::Reply { status, headers, body } => Ok::<_, Infallible>(reply(status, &headers, body)),
                Answer::Hang => std::future::pending().await,
            }
        }
    });
    let _gone = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}

fn reply(status: u16, headers: &[(String, String)], body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut reply = Response::new(Full::from(body));
    *reply.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        reply.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
    }
    reply
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    reply(status.as_u16(), &[], Vec::new())
}
