//! A client's body that can be sent once, by whichever attempt reaches the handler.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use super::activity::Activity;
use crate::handler::{BodyError, RequestBody, body};

/// The body until an attempt begins to send it.
pub(super) struct OnceBody {
    slot: Arc<Mutex<Option<Body>>>,
    size: SizeHint,
    is_empty: bool,
    activity: Arc<Activity>,
}

impl OnceBody {
    pub(super) fn new(body: Body, activity: Arc<Activity>) -> Self {
        let (size, is_empty) = (body.size_hint(), body.is_end_stream());
        Self { slot: Arc::new(Mutex::new(Some(body))), size, is_empty, activity }
    }

    pub(super) fn for_one_attempt(&self) -> RequestBody {
        if self.is_empty {
            return body::empty();
        }
        let attempt = Attempt {
            slot: self.slot.clone(),
            taken: None,
            size: self.size,
            activity: self.activity.clone(),
        };
        attempt.boxed_unsync()
    }

    /// Whether some of it has been sent.
    pub(super) fn is_used(&self) -> bool {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

struct Attempt {
    slot: Arc<Mutex<Option<Body>>>,
    taken: Option<Body>,
    size: SizeHint,
    activity: Arc<Activity>,
}

impl HttpBody for Attempt {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if this.taken.is_none() {
            this.taken = this.slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        let Some(body) = &mut this.taken else {
            return Poll::Ready(Some(Err("the body was sent by an earlier attempt".into())));
        };
        let frame = Pin::new(body).poll_frame(context);
        if frame.is_ready() {
            this.activity.moved();
        }
        frame.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}
