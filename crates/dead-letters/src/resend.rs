//! What goes out for a dead letter: the same message, without what the service added when it died, with where it
//! comes from.

use service_bus::{Message, ReceivedMessage, Value};
use sha2::{Digest as _, Sha256};

use crate::{
    digest::hex,
    letter::{Letter, ORIGINAL_MESSAGE_ID, REPLAY_COUNT, REPLAY_OF, REPLAY_OF_TRACEPARENT, REPLAY_RUN},
    plan::Planned,
};

/// The message to send for a letter.
///
/// Everything is kept but: the dead-letter properties, which the service would take for its own; the message id, which
/// the target may still remember; and the trace context, which begins anew and keeps the old one as a link (OpenTelemetry
/// semantic conventions for messaging: what is sent again is another message). The time to live begins anew.
#[must_use]
pub fn resend(letter: &Letter, planned: &Planned, run: &str) -> Message {
    let mut message = letter.message.to_message();
    let properties = &mut message.application_properties;
    let mut set = |name: &str, value: Value| properties.insert(name.to_owned(), value);
    let count = letter.message.application_properties.get(REPLAY_COUNT).and_then(Value::as_i64).unwrap_or(0);
    set(REPLAY_OF, planned.id.to_string().into());
    set(REPLAY_RUN, run.into());
    set(REPLAY_COUNT, count.saturating_add(1).into());
    if let Some(traceparent) = letter.traceparent() {
        set(REPLAY_OF_TRACEPARENT, traceparent.into());
    }
    let traceparent = new_traceparent(run, &planned.replay_as);
    set("traceparent", traceparent.clone().into());
    set("Diagnostic-Id", traceparent.into());
    // Belongs to the trace that was left.
    properties.remove("tracestate");
    if let Some(original) = original_id(&letter.message) {
        properties.insert(ORIGINAL_MESSAGE_ID.to_owned(), original.into());
    }
    message.message_id = Some(planned.replay_as.clone());
    message
}

/// The id under which the message was sent first, through any number of replays.
fn original_id(message: &ReceivedMessage) -> Option<String> {
    let kept = message.application_properties.get(ORIGINAL_MESSAGE_ID).and_then(Value::as_str);
    kept.map(str::to_owned).or_else(|| message.message_id.clone())
}

/// One trace a run, one span a message; the same again when the run is resumed, so that the same bytes go out.
fn new_traceparent(run: &str, replay_as: &str) -> String {
    let part = |kind: &str, of: &str| hex(&Sha256::digest(format!("{kind}\n{of}").as_bytes()));
    format!("00-{}-{}-01", &part("trace", run)[..32], &part("span", replay_as)[..16])
}
