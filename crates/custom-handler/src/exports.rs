//! What became of the last export of spans and of metrics, which nobody but the exporter knows.

use std::sync::{Mutex, PoisonError};

/// The last export of one signal by this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Export {
    /// Nothing is exported: no collector is named, or it is switched off.
    Off,
    /// Nothing has been exported yet.
    NotYet,
    /// The collector took it.
    Accepted,
    /// It is lost; why.
    Lost(String),
}

/// The state of one signal.
#[derive(Debug)]
pub(crate) struct Signal(Mutex<Export>);

pub(crate) static SPANS: Signal = Signal(Mutex::new(Export::Off));
pub(crate) static METRICS: Signal = Signal(Mutex::new(Export::Off));

impl Signal {
    pub(crate) fn last(&self) -> Export {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives what it was before.
    #[cfg(feature = "otlp")]
    pub(crate) fn is_now(&self, export: Export) -> Export {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), export)
    }
}
