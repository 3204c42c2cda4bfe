//! HTTP/1.1 to one handler process.
//!
//! A client belongs to one process: connections kept from a dead process must never carry a request to its successor.

use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpStream;

/// A body that goes to the handler.
pub(crate) type RequestBody = UnsyncBoxBody<Bytes, BodyError>;

/// Why a body that is streamed through cannot go on.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// Sends requests to `http://127.0.0.1:{port}`.
#[derive(Clone)]
pub(crate) struct Client {
    http: HyperClient<HttpConnector, RequestBody>,
    port: u16,
}

/// The handler could not be reached, or its answer did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    #[error("Connection refused (127.0.0.1:{port})")]
    Refused { port: u16 },
    #[error("An error occurred while sending the request: {0}")]
    Broken(String),
    /// The connection ended before an answer began.
    #[error("An error occurred while sending the request: The response ended prematurely.")]
    Closed,
}

/// How often .NET's client sends a request without a body again when the connection ends before an answer began
/// (dotnet/runtime, `HttpConnectionPool.cs`).
const RESENDS: u32 = 3;

impl Client {
    pub(crate) fn new(port: u16) -> Self {
        // Handlers close idle connections when they like (Node after 5 seconds); using one up to that very moment
        // would fail invocations for nothing.
        let http = HyperClient::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(1))
            .pool_timer(hyper_util::rt::TokioTimer::new())
            .build(HttpConnector::new());
        Self { http, port }
    }

    pub(crate) fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Sends one request and reads the whole answer. Redirects are not followed here.
    pub(crate) async fn send(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<Bytes>, TransportError> {
        let (parts, body) = self.send_streaming(request).await?.into_parts();
        let body = body.collect().await.map_err(|error| TransportError::Broken(with_causes(&error)))?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }

    /// Sends one request that has no body, and sends it again when the handler closes the connection instead of answering.
    pub(crate) async fn send_without_body(
        &self,
        request: &Request<()>,
    ) -> Result<Response<Bytes>, TransportError> {
        let mut resends = 0;
        loop {
            let answer = self.send(request.clone().map(|()| empty())).await;
            if !matches!(answer, Err(TransportError::Closed)) || resends == RESENDS {
                return answer;
            }
            resends += 1;
        }
    }

    /// Whether somebody still takes connections: of a process that has ended, nobody does.
    pub(crate) async fn is_taking_connections(&self) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.is_ok()
    }

    /// Sends one request and returns the answer when its head is there.
    pub(crate) async fn send_streaming(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, TransportError> {
        self.http.request(request).await.map_err(|error| {
            if error.is_connect() {
                TransportError::Refused { port: self.port }
            } else if was_closed(&error) {
                TransportError::Closed
            } else {
                TransportError::Broken(with_causes(&error))
            }
        })
    }

    /// Asks `GET /`: any answer, and any failure but a refused connection, says that the handler is there.
    pub(crate) async fn is_listening(&self) -> bool {
        let request = Request::get(format!("http://{}/", self.authority()))
            .body(())
            .expect("an address and a port make a URL");
        !matches!(self.send_without_body(&request).await, Err(TransportError::Refused { .. }))
    }
}

pub(crate) fn empty() -> RequestBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body that is sent with its `Content-Length`.
pub(crate) fn sized(bytes: Bytes) -> RequestBody {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// A body that is sent in chunks, without `Content-Length`.
pub(crate) fn chunked(bytes: Bytes) -> RequestBody {
    StreamBody::new(futures::stream::iter([Ok(Frame::data(bytes))])).boxed_unsync()
}

fn was_closed(error: &hyper_util::client::legacy::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<hyper::Error>());
    cause.is_some_and(|cause| {
        let reset = std::error::Error::source(cause)
            .and_then(|cause| cause.downcast_ref::<std::io::Error>())
            .is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset);
        cause.is_incomplete_message() || reset
    })
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
