//! HTTP/1.1 to one handler process.
//!
//! A client belongs to one process: connections kept from a dead process must never carry a request to its successor.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

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
}

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

    /// Sends one request and returns the answer when its head is there.
    pub(crate) async fn send_streaming(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, TransportError> {
        self.http.request(request).await.map_err(|error| {
            if error.is_connect() {
                TransportError::Refused { port: self.port }
            } else {
                TransportError::Broken(with_causes(&error))
            }
        })
    }

    /// Asks `GET /`: any answer, and any failure but a refused connection, says that the handler is there.
    pub(crate) async fn is_listening(&self) -> bool {
        let request = Request::get(format!("http://{}/", self.authority()))
            .body(empty())
            .expect("an address and a port make a URL");
        !matches!(self.send(request).await, Err(TransportError::Refused { .. }))
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
