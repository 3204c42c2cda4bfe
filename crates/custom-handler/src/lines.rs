//! Which fields of a span stand in every line that is written for people: those that differ from run to run.

use std::{error::Error, fmt};

use tracing::field::{Field, Visit};
use tracing_subscriber::{
    field::{RecordFields, VisitOutput as _},
    fmt::{
        FormatFields, FormattedFields,
        format::{DefaultVisitor, Writer},
    },
};

use crate::semconv;

/// Not what the lines of a function have in common, nor what nobody reads there. To format all of it would be a fifth of
/// what an invocation costs; JSON lines and exported spans have it.
fn is_written(name: &str) -> bool {
    !matches!(
        name,
        semconv::OTEL_NAME
            | semconv::OTEL_KIND
            | semconv::FAAS_TRIGGER
            | semconv::MESSAGING_SYSTEM
            | semconv::MESSAGING_OPERATION_NAME
            | semconv::MESSAGING_OPERATION_TYPE
            | semconv::MESSAGING_DESTINATION_NAME
            | semconv::MESSAGING_MESSAGE_BODY_SIZE
            | semconv::MESSAGING_MESSAGE_CONVERSATION_ID
            | semconv::MESSAGING_SERVICEBUS_MESSAGE_ENQUEUED_TIME
            | semconv::MESSAGING_SERVICEBUS_DISPOSITION_STATUS
            | semconv::SERVER_ADDRESS
    )
}

/// Formats fields as `tracing_subscriber` does, without those that are left out.
#[derive(Debug)]
pub(crate) struct BriefFields;

impl<'writer> FormatFields<'writer> for BriefFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = Brief(DefaultVisitor::new(writer, true));
        fields.record(&mut visitor);
        visitor.0.finish()
    }

    fn add_fields(
        &self,
        current: &'writer mut FormattedFields<Self>,
        fields: &tracing::span::Record<'_>,
    ) -> fmt::Result {
        let is_empty = current.fields.is_empty();
        let mut visitor = Brief(DefaultVisitor::new(current.as_writer(), is_empty));
        fields.record(&mut visitor);
        visitor.0.finish()
    }
}

struct Brief<'a>(DefaultVisitor<'a>);

impl Visit for Brief<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if is_written(field.name()) {
            self.0.record_debug(field, value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if is_written(field.name()) {
            self.0.record_str(field, value);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if is_written(field.name()) {
            self.0.record_error(field, value);
        }
    }
}
