//! W3C trace context, handed on with every event so that one onboarding is one trace.
//!
//! Where spans are exported, the context is that of the run's own span, so that the next step's span is its child. Without
//! an exporter spans have no ids; then a made-up one keeps the trace together for whoever reads the messages.
//!
//! Format: W3C Trace Context, `traceparent` version 00: `00-{trace-id}-{parent-id}-{flags}`.

use uuid::Uuid;

/// The context for what a request or a timer sets off: that of its own span, or of a new trace.
#[must_use]
pub fn new_trace() -> String {
    custom_handler::telemetry::traceparent().unwrap_or_else(made_up_trace)
}

fn made_up_trace() -> String {
    format!("00-{}-{}-01", Uuid::new_v4().simple(), span_id())
}

/// The context of a step within the trace of whoever caused it; a new trace when that is missing or malformed.
#[must_use]
pub fn child_of(traceparent: Option<&str>) -> String {
    custom_handler::telemetry::traceparent().unwrap_or_else(|| made_up_child_of(traceparent))
}

fn made_up_child_of(traceparent: Option<&str>) -> String {
    match traceparent.and_then(trace_id) {
        Some(trace_id) => format!("00-{trace_id}-{}-01", span_id()),
        None => made_up_trace(),
    }
}

fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let (version, trace_id, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let lower_hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
    };
    let valid =
        lower_hex(version, 2) && lower_hex(trace_id, 32) && lower_hex(parent, 16) && lower_hex(flags, 2);
    (valid && trace_id.bytes().any(|b| b != b'0')).then_some(trace_id)
}

fn span_id() -> String {
    // The high half of a version 4 GUID is random but for four bits, so it is never all zeros.
    format!("{:016x}", Uuid::new_v4().as_u64_pair().0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_stays_in_the_trace_and_nonsense_starts_a_new_one() {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let child = child_of(Some(parent));
        assert!(child.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && child != parent, "{child}");
        assert!(trace_id(&child).is_some());
        for nonsense in
            ["", "00-short-b7ad6b7169203331-01", &format!("00-{}-b7ad6b7169203331-01", "0".repeat(32))]
        {
            assert!(trace_id(&child_of(Some(nonsense))).is_some(), "{nonsense}");
            assert!(!child_of(Some(nonsense)).contains("0af7651916"));
        }
    }
}
