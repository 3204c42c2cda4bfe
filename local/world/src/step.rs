//! Reads the line that the function app writes on stdout for every step it ran.
//!
//! The layout is that of `tracing-subscriber`'s JSON formatter: the values lie under `fields` with the target beside
//! them, or, when the formatter was told to flatten, all on one level.

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The target of the lines that report a step.
const STEP_TARGET: &str = "latchkey::step";

/// One run of one function on one message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StepReport {
    /// The function that ran.
    pub function: String,
    /// The message it ran on; an HTTP function may have none.
    pub message_id: Option<String>,
    /// Which attempt of this step it was, from 1.
    pub attempt: u32,
    /// The onboarding it belongs to, once that is known.
    pub onboarding: Option<String>,
    /// What came of it.
    pub outcome: StepOutcome,
    /// More about the outcome, for people.
    pub detail: Option<String>,
    /// When it began.
    #[serde(deserialize_with = "rfc3339")]
    pub started_at: OffsetDateTime,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepOutcome {
    /// It did its part.
    Done,
    /// It will be tried again at a later time.
    Retry,
    /// Somebody else has to act first.
    Waiting,
    /// Its message can never succeed and was dead-lettered.
    Refused,
    /// It broke; its message comes again.
    Failed,
    /// It had been done already.
    Duplicate,
}

impl StepOutcome {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retry => "retry",
            Self::Waiting => "waiting",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Duplicate => "duplicate",
        }
    }
}

/// One line of the function app's output.
#[derive(Debug)]
pub enum OutputLine {
    /// The report of a step.
    Step(StepReport),
    /// A line that says it reports a step, but cannot be read as one.
    UnreadableStep(serde_json::Error),
    /// A warning or an error of the function app.
    Problem(String),
    /// Anything else.
    Other,
}

impl OutputLine {
    /// Reads one line.
    #[must_use]
    pub fn read(line: &str) -> Self {
        let Ok(Value::Object(mut record)) = serde_json::from_str::<Value>(line) else {
            return Self::Other;
        };
        let [target, level, _] = ["target", "level", "timestamp"].map(|name| record.remove(name));
        let fields = match record.remove("fields") {
            Some(Value::Object(fields)) => fields,
            _ => record,
        };
        if target.is_some_and(|target| target == STEP_TARGET) {
            return serde_json::from_value(fields.into()).map_or_else(Self::UnreadableStep, Self::Step);
        }
        match level.as_ref().and_then(Value::as_str) {
            Some("WARN" | "ERROR") => Self::Problem(text_of(&fields)),
            _ => Self::Other,
        }
    }
}

/// The message of a record with its other values behind it.
fn text_of(fields: &Map<String, Value>) -> String {
    let message = fields.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
    fields.iter().filter(|(name, _)| *name != "message").fold(message, |text, (name, value)| match value {
        Value::String(value) => format!("{text} {name}={value}"),
        value => format!("{text} {name}={value}"),
    })
}

fn rfc3339<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OffsetDateTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    OffsetDateTime::parse(&text, &Rfc3339).map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const LINE: &str = r#"{"timestamp":"2026-03-01T10:00:01.5Z","level":"INFO","fields":{"message":"step","function":"key_shared","message_id":"m-1","attempt":2,"onboarding":"o-1","outcome":"retry","detail":"the grant is spreading","started_at":"2026-03-01T10:00:01Z","duration_ms":41},"target":"latchkey::step"}"#;

    #[test]
    fn a_step_line_is_read_in_full() {
        let OutputLine::Step(step) = OutputLine::read(LINE) else { panic!("not a step") };
        assert_eq!(
            step,
            StepReport {
                function: "key_shared".into(),
                message_id: Some("m-1".into()),
                attempt: 2,
                onboarding: Some("o-1".into()),
                outcome: StepOutcome::Retry,
                detail: Some("the grant is spreading".into()),
                started_at: datetime!(2026-03-01 10:00:01 UTC),
                duration_ms: 41,
            }
        );
    }

    #[test]
    fn a_flattened_step_line_is_the_same_step() {
        let flat = LINE.replace(r#""fields":{"#, "").replace("41}", "41");
        assert!(!flat.contains("fields"), "{flat}");
        let [OutputLine::Step(flat), OutputLine::Step(nested)] = [&flat, LINE].map(OutputLine::read) else {
            panic!("not a step")
        };
        assert_eq!(flat, nested);
    }

    #[test]
    fn a_step_without_message_onboarding_and_detail_is_read() {
        let line = r#"{"fields":{"message":"step","function":"signup","attempt":1,"outcome":"done","started_at":"2026-03-01T10:00:01Z","duration_ms":3},"target":"latchkey::step"}"#;
        let OutputLine::Step(step) = OutputLine::read(line) else { panic!("not a step") };
        assert_eq!((step.message_id, step.onboarding, step.detail), (None, None, None));
    }

    #[test]
    fn a_step_line_with_a_wrong_field_is_reported_and_not_dropped() {
        for (right, wrong) in [
            (r#""attempt":2"#, r#""attempt":"two""#),
            (r#""outcome":"retry""#, r#""outcome":"maybe""#),
            (r#""started_at":"2026-03-01T10:00:01Z""#, r#""started_at":"yesterday""#),
            (r#","duration_ms":41"#, ""),
        ] {
            let line = LINE.replace(right, wrong);
            assert_ne!(line, LINE);
            assert!(matches!(OutputLine::read(&line), OutputLine::UnreadableStep(_)), "{line}");
        }
    }

    #[test]
    fn a_warning_keeps_its_values() {
        let line = r#"{"level":"WARN","fields":{"message":"slow","attempt":3,"host":"a"},"target":"x"}"#;
        let OutputLine::Problem(text) = OutputLine::read(line) else { panic!("not a problem") };
        assert_eq!(text, "slow attempt=3 host=a");
    }

    #[test]
    fn anything_else_is_no_step() {
        for line in
            ["", "plain text", "[1]", r#"{"level":"INFO","fields":{},"target":"x"}"#, LINE[1..].into()]
        {
            assert!(matches!(OutputLine::read(line), OutputLine::Other), "{line}");
        }
    }

    #[test]
    fn every_outcome_has_the_word_it_is_read_from() {
        for word in ["done", "retry", "waiting", "refused", "failed", "duplicate"] {
            let outcome: StepOutcome = serde_json::from_value(Value::from(word)).unwrap();
            assert_eq!(outcome.as_str(), word);
        }
    }
}
