//! Ways for an answer not to arrive.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Response, header, response};
use hyper::body::Frame;
use tokio::time::Sleep;

/// Long enough for what was sent before to leave this process first.
const PAUSE: Duration = Duration::from_millis(50);

/// The connection ends here. HTTP/2 ends the one stream.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the connection ends here, as the fault script says")]
pub(super) struct Broken;

/// An answer whose headers promise all of it and of which half comes.
pub(super) fn broken_off(mut head: response::Parts, body: &Bytes) -> Response<Body> {
    // An empty answer has no middle: it promises one byte that never comes.
    let promised = body.len().max(1);
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(promised));
    let half = Some(body.slice(..body.len() / 2)).filter(|half| !half.is_empty());
    let pause = Box::pin(tokio::time::sleep(PAUSE));
    Response::from_parts(head, Body::new(Half { half, pause }))
}

/// The answer as something on the way may give it: the same head over a page of HTML.
pub(super) fn garbled((mut head, _): (response::Parts, Bytes)) -> (response::Parts, Bytes) {
    let page = Bytes::from_static(b"<html><body>Our services aren't available right now</body></html>");
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(page.len()));
    (head, page)
}

struct Half {
    half: Option<Bytes>,
    pause: Pin<Box<Sleep>>,
}

impl hyper::body::Body for Half {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Some(half) = self.half.take() {
            return Poll::Ready(Some(Ok(Frame::data(half))));
        }
        self.pause.as_mut().poll(context).map(|()| Some(Err(Broken)))
    }
}
