//! What the page stands on, and what its buttons need.

use std::sync::{Arc, Mutex, PoisonError};

use crate::cloud::SharedCloud;
use crate::traffic::recorder::Recorder;

/// The name of the form's token.
pub(super) const TOKEN: &str = "token";

/// What the page stands on.
#[derive(Clone)]
pub(super) struct Page {
    pub(super) cloud: SharedCloud,
    pub(super) recorder: Arc<Recorder>,
    pub(super) press: Arc<Press>,
}

/// What a button needs, and what the last one did.
pub(super) struct Press {
    pub(super) token: String,
    pub(super) said: Mutex<Option<String>>,
}

impl Press {
    pub(super) fn say(&self, what: String) {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }

    pub(super) fn said(&self) -> Option<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
