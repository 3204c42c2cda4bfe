//! In the place of [`telemetry`](crate::telemetry)'s exporter when the feature `otlp` is off: spans stay in the process.

use tracing::Span;

use crate::{logging::BoxLayer, span::Sender};

pub(crate) fn layer() -> Result<Option<BoxLayer>, String> {
    Ok(None)
}

pub(crate) fn continue_trace(_span: &Span, _sender: &Sender) {}

pub(crate) fn link_sender(_span: &Span, _sender: &Sender) {}

pub(crate) fn link(_span: &Span, _other: &Span) {}

pub(crate) fn failed(_span: &Span, _description: &str) {}

pub(crate) fn current() -> Option<String> {
    None
}

pub(crate) async fn flush() {}
