//! `enableProxyingHttpRequest`: the client's request and the handler's answer are streamed through.
//!
//! azure-functions-host, `DefaultHttpProxyService.cs`, `RetryProxyHandler.cs`, on the default transformer of YARP. An
//! answer of any status is a success of the invocation; only a broken transport fails it. WebSockets, which YARP would
//! let through, are not: `Upgrade` is taken off the request.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::activity::Activity;
use super::once_body::OnceBody;
use crate::event::OutputLevel;
use crate::handler::TransportError;
use crate::invocation::executor::{HOST_VERSION, HOST_VERSION_HEADER, INVOCATION_ID_HEADER, LoadedFunction};
use crate::invocation::{Executor, Invocation, InvocationError};

const ATTEMPTS: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// Frames of an answer that may wait for a slow client.
const FRAMES_AHEAD: usize = 16;

/// These belong to one connection (RFC 9110, 7.6.1).
const OF_ONE_CONNECTION: [HeaderName; 8] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
    header::TE,
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Parts of an answer on their way to the client.
enum Part {
    Frame(Frame<Bytes>),
    /// The answer is whole. Without this the client's answer breaks off, whatever ended the invocation.
    End,
}

/// Runs one invocation to the end of the answer's body. The answer goes to `head` as soon as it begins.
pub(super) async fn proxy(
    executor: &Executor,
    function: Arc<LoadedFunction>,
    request: Request<Body>,
    head: oneshot::Sender<Response<Body>>,
) -> Result<(), InvocationError> {
    let invocation = Invocation::new(function);
    let work = async {
        let activity = Arc::new(Activity::new());
        let exchange = exchange(executor, &invocation, request, head, &activity);
        tokio::select! {
            result = exchange => result,
            () = activity.ceases() => Err(forwarding_failed("RequestTimedOut")),
        }
    };
    executor.run(&invocation, work).await
}

async fn exchange(
    executor: &Executor,
    invocation: &Invocation,
    request: Request<Body>,
    head: oneshot::Sender<Response<Body>>,
    activity: &Arc<Activity>,
) -> Result<(), InvocationError> {
    let response = send(executor, invocation, request, activity).await?;
    activity.moved();
    let (mut parts, mut incoming) = response.into_parts();
    strip(&mut parts.headers);
    let (sender, receiver) = mpsc::channel(FRAMES_AHEAD);
    if head.send(Response::from_parts(parts, body_of(receiver))).is_err() {
        client_is_gone(executor);
        return Ok(());
    }
    copy(executor, &mut incoming, &sender, activity).await
}

fn body_of(parts: mpsc::Receiver<Part>) -> Body {
    let stream = futures::stream::unfold(Some(parts), |parts| async move {
        let mut parts = parts?;
        match parts.recv().await {
            Some(Part::Frame(frame)) => Some((Ok(frame), Some(parts))),
            Some(Part::End) => None,
            None => Some((Err(TransportError::Broken("the response was interrupted".to_owned())), None)),
        }
    });
    Body::new(StreamBody::new(stream))
}

async fn copy(
    executor: &Executor,
    incoming: &mut Incoming,
    client: &mpsc::Sender<Part>,
    activity: &Activity,
) -> Result<(), InvocationError> {
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|_| forwarding_failed("ResponseBodyDestination"))?;
        if client.send(Part::Frame(frame)).await.is_err() {
            client_is_gone(executor);
            return Ok(());
        }
        activity.moved();
    }
    // A client that is gone by now has had everything.
    let _ = client.send(Part::End).await;
    Ok(())
}

/// Tries again while the handler cannot be reached and nothing of the body is gone.
async fn send(
    executor: &Executor,
    invocation: &Invocation,
    request: Request<Body>,
    activity: &Arc<Activity>,
) -> Result<Response<Incoming>, InvocationError> {
    let (parts, body) = request.into_parts();
    let body = OnceBody::new(body, activity.clone());
    let mut pause = FIRST_PAUSE;
    for attempt in 1.. {
        let running = executor.running(invocation).await?;
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut outgoing = Request::new(body.for_one_attempt());
        *outgoing.method_mut() = parts.method.clone();
        *outgoing.headers_mut() = headers(&parts.headers, invocation);
        *outgoing.uri_mut() = format!("http://{}{path}", running.client.authority())
            .parse()
            .map_err(|_| TransportError::Broken(format!("cannot send to '{path}'")))?;
        let error = match running.client.send_streaming(outgoing).await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        executor.handler.after_broken_connection(&running).await;
        if attempt == ATTEMPTS || body.is_used() {
            executor.observer.line(OutputLevel::Warning, error.to_string());
            return Err(forwarding_failed("Request"));
        }
        let line = format!(
            "Failed to proxy request to the worker. Retrying in {}ms. Attempt {attempt} of {ATTEMPTS}.",
            pause.as_millis()
        );
        executor.observer.line(OutputLevel::Warning, line);
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    unreachable!("the last attempt returns")
}

/// The client's headers, its `Host` too: YARP's default transformer copies that one as well. Our guess: that the host
/// does not replace it.
fn headers(client: &HeaderMap, invocation: &Invocation) -> HeaderMap {
    let mut headers = client.clone();
    strip(&mut headers);
    let id = HeaderValue::from_str(&invocation.id.to_string()).expect("an id is hexadecimal");
    headers.insert("x-ms-invocation-id", id.clone());
    headers.insert(INVOCATION_ID_HEADER, id);
    headers.insert(HOST_VERSION_HEADER, HeaderValue::from_static(HOST_VERSION));
    headers
}

/// Takes off what belongs to one connection, and what `Connection` names besides.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in OF_ONE_CONNECTION.iter().chain(&named) {
        headers.remove(name);
    }
}

fn forwarding_failed(kind: &'static str) -> InvocationError {
    InvocationError::Proxying(kind)
}

fn client_is_gone(executor: &Executor) {
    let line = "The client disconnected while the function was processing the request.";
    executor.observer.line(OutputLevel::Information, line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_one_connection_are_taken_off_and_the_hosts_own_are_put_on() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("x-kept", "2"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        strip(&mut headers);
        let names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-kept"]);
    }
}
