//! Reading a script: what is wrong with it is refused with the path of the field.

use std::collections::BTreeSet;
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;

use super::chance;
use super::fault::{Count, Fault};
use super::pattern::Pattern;

/// Longer than any client waits.
const LONGEST_DELAY_MILLISECONDS: u64 = 600_000;

/// A script that was read and found to make sense.
#[derive(Debug, Clone)]
pub struct FaultScript {
    pub(super) seed: u64,
    pub(super) rules: Vec<Rule>,
}

/// Why a script is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the fault script is wrong at {path}: {problem}")]
pub struct FaultScriptError {
    /// Where, such as `faults[0].fault.status`.
    pub path: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// One fault of a script.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) fault: Fault,
    method: Pattern,
    host: Pattern,
    path: Pattern,
    when: When,
    times: Option<u64>,
}

#[derive(Debug, Clone, PartialEq)]
enum When {
    Always,
    Nth(BTreeSet<u64>),
    Every(u64),
    Probability(f64),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    seed: u64,
    faults: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Option<String>,
    call: Call,
    nth: Option<Vec<u64>>,
    every: Option<u64>,
    probability: Option<f64>,
    times: Option<u64>,
    fault: Given,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    method: Option<String>,
    host: Option<String>,
    path: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Given {
    kind: Kind,
    milliseconds: Option<u64>,
    retry_after_seconds: Option<u32>,
    status: Option<u16>,
    after_effect: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    Slow,
    Throttled,
    Status,
    Unseen,
    AnswerLost,
    EffectLost,
    CutOff,
    Garbled,
    Duplicated,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Throttled => "throttled",
            Self::Status => "status",
            Self::Unseen => "unseen",
            Self::AnswerLost => "answerLost",
            Self::EffectLost => "effectLost",
            Self::CutOff => "cutOff",
            Self::Garbled => "garbled",
            Self::Duplicated => "duplicated",
        }
    }
}

impl FaultScript {
    /// Reads a script from its JSON text.
    ///
    /// # Errors
    ///
    /// When the text is not a script, with the path of the first field that is wrong.
    pub fn parse(text: &str) -> Result<Self, FaultScriptError> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let document: Document = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            FaultScriptError { path, problem: error.into_inner().to_string() }
        })?;
        reader.end().map_err(|error| wrong("$", error.to_string()))?;
        let rules = document.faults.into_iter().enumerate().map(|(number, entry)| rule(number, entry));
        Ok(Self { seed: document.seed, rules: rules.collect::<Result<_, _>>()? })
    }

    /// How many faults the script has.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether the script has no fault at all.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

impl Rule {
    pub(super) fn is_meant_for(&self, method: &str, host: &str, path: &str) -> bool {
        self.method.fits(method) && self.host.fits(host) && self.path.fits(path)
    }

    /// Whether it strikes this time. The count already holds this call.
    pub(super) fn strikes(&self, seed: u64, number: usize, count: Count) -> bool {
        self.times.is_none_or(|times| count.fired < times)
            && match &self.when {
                When::Always => true,
                When::Nth(numbers) => numbers.contains(&count.matched),
                When::Every(every) => count.matched.is_multiple_of(*every),
                When::Probability(probability) => chance::draw(seed, number, count.matched) < *probability,
            }
    }

    pub(super) fn call_text(&self) -> String {
        format!("{} {} {}", self.method.text(), self.host.text(), self.path.text())
    }
}

fn rule(number: usize, entry: Entry) -> Result<Rule, FaultScriptError> {
    let at = |field: &str| format!("faults[{number}].{field}");
    let when = when(&at, &entry)?;
    if entry.times == Some(0) {
        return Err(wrong(at("times"), "a fault that may never strike; leave it out instead"));
    }
    let fault = fault(&at, &entry.fault)?;
    let pattern = |field: &str, given: &Option<String>| match given.as_deref() {
        None => Ok(Pattern::new("*")),
        Some("") => Err(wrong(at(field), "nothing fits an empty pattern; use \"*\" for anything")),
        Some(text) => Ok(Pattern::new(text)),
    };
    let path = pattern("call.path", &entry.call.path)?;
    if !path.text().starts_with(['/', '*']) {
        return Err(wrong(at("call.path"), "a path begins with / or with *, and holds no host and no query"));
    }
    Ok(Rule {
        name: entry.name.unwrap_or_else(|| format!("faults[{number}]")),
        fault,
        method: pattern("call.method", &entry.call.method)?,
        host: pattern("call.host", &entry.call.host)?,
        path,
        when,
        times: entry.times,
    })
}

fn when(at: &impl Fn(&str) -> String, entry: &Entry) -> Result<When, FaultScriptError> {
    match (&entry.nth, entry.every, entry.probability) {
        (None, None, None) => Ok(When::Always),
        (Some(numbers), None, None) => {
            if numbers.is_empty() || numbers.contains(&0) {
                return Err(wrong(at("nth"), "a list of call numbers, the first call being 1"));
            }
            Ok(When::Nth(numbers.iter().copied().collect()))
        }
        (None, Some(0), None) => Err(wrong(at("every"), "a number of calls of at least 1")),
        (None, Some(every), None) => Ok(When::Every(every)),
        (None, None, Some(probability)) if probability > 0.0 && probability <= 1.0 => {
            Ok(When::Probability(probability))
        }
        (None, None, Some(_)) => Err(wrong(at("probability"), "a number above 0 and up to 1")),
        (_, Some(_), _) => Err(wrong(at("every"), "only one of nth, every and probability can be given")),
        (_, _, Some(_)) => {
            Err(wrong(at("probability"), "only one of nth, every and probability can be given"))
        }
    }
}

fn fault(at: &impl Fn(&str) -> String, given: &Given) -> Result<Fault, FaultScriptError> {
    refuse_what_does_not_belong(at, given)?;
    Ok(match given.kind {
        Kind::Slow => match given.milliseconds {
            Some(milliseconds @ 1..=LONGEST_DELAY_MILLISECONDS) => {
                Fault::Slow(Duration::from_millis(milliseconds))
            }
            _ => {
                return Err(wrong(
                    at("fault.milliseconds"),
                    format!("a delay from 1 to {LONGEST_DELAY_MILLISECONDS} is needed"),
                ));
            }
        },
        Kind::Throttled => {
            let seconds = given.retry_after_seconds.unwrap_or(1);
            Fault::Throttled { retry_after_seconds: (seconds > 0).then_some(seconds) }
        }
        Kind::Status => match given.status {
            Some(status @ (409 | 500 | 502 | 503 | 504)) => Fault::Status {
                status: StatusCode::from_u16(status).expect("each of these is a status"),
                after_effect: given.after_effect.unwrap_or(false),
            },
            _ => return Err(wrong(at("fault.status"), "one of 409, 500, 502, 503 and 504 is needed")),
        },
        Kind::Unseen => Fault::Unseen,
        Kind::AnswerLost => Fault::AnswerLost,
        Kind::EffectLost => Fault::EffectLost,
        Kind::CutOff => Fault::CutOff,
        Kind::Garbled => Fault::Garbled,
        Kind::Duplicated => Fault::Duplicated,
    })
}

/// A field that its kind does not read is a mistake: whoever wrote it expects something of it.
fn refuse_what_does_not_belong(at: &impl Fn(&str) -> String, given: &Given) -> Result<(), FaultScriptError> {
    let (kind, name) = (given.kind, given.kind.name());
    for (field, is_there, belongs_to) in [
        ("milliseconds", given.milliseconds.is_some(), Kind::Slow),
        ("retryAfterSeconds", given.retry_after_seconds.is_some(), Kind::Throttled),
        ("status", given.status.is_some(), Kind::Status),
        ("afterEffect", given.after_effect.is_some(), Kind::Status),
    ] {
        if is_there && kind != belongs_to {
            let problem = format!("a fault of the kind {name} has no {field}");
            return Err(wrong(at(&format!("fault.{field}")), problem));
        }
    }
    Ok(())
}

fn wrong(path: impl Into<String>, problem: impl Into<String>) -> FaultScriptError {
    FaultScriptError { path: path.into(), problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_script_is_refused_with_the_path_of_the_field() {
        let one =
            |entry: &str| format!(r#"{{"faults":[{{"call":{{}},"fault":{{"kind":"unseen"}}}},{entry}]}}"#);
        for (script, path) in [
            ("", "."),
            ("{}", "."),
            (r#"{"faults":[],"sead":1}"#, "sead"),
            (r#"{"faults":[]} x"#, "$"),
            (r#"{"seed":-1,"faults":[]}"#, "seed"),
            (&one(r#"{"call":{"verb":"GET"},"fault":{"kind":"unseen"}}"#), "faults[1].call.verb"),
            (&one(r#"{"call":{"path":"x/y"},"fault":{"kind":"unseen"}}"#), "faults[1].call.path"),
            (&one(r#"{"call":{"host":""},"fault":{"kind":"unseen"}}"#), "faults[1].call.host"),
            (&one(r#"{"call":{},"fault":{"kind":"explode"}}"#), "faults[1].fault.kind"),
            (&one(r#"{"call":{},"fault":{"kind":"slow"}}"#), "faults[1].fault.milliseconds"),
            (&one(r#"{"call":{},"fault":{"kind":"status","status":200}}"#), "faults[1].fault.status"),
            (&one(r#"{"call":{},"fault":{"kind":"status","status":404}}"#), "faults[1].fault.status"),
            (&one(r#"{"call":{},"fault":{"kind":"unseen","status":500}}"#), "faults[1].fault.status"),
            (&one(r#"{"call":{},"nth":[0],"fault":{"kind":"unseen"}}"#), "faults[1].nth"),
            (&one(r#"{"call":{},"every":0,"fault":{"kind":"unseen"}}"#), "faults[1].every"),
            (&one(r#"{"call":{},"nth":[1],"every":2,"fault":{"kind":"unseen"}}"#), "faults[1].every"),
            (&one(r#"{"call":{},"probability":1.5,"fault":{"kind":"unseen"}}"#), "faults[1].probability"),
            (&one(r#"{"call":{},"times":0,"fault":{"kind":"unseen"}}"#), "faults[1].times"),
        ] {
            let error = FaultScript::parse(script).unwrap_err();
            assert_eq!(error.path, path, "{script}: {error}");
        }
    }

    #[test]
    fn every_kind_is_read_with_what_belongs_to_it() {
        let read = |fault: &str| {
            let script = FaultScript::parse(&format!(r#"{{"faults":[{{"call":{{}},"fault":{fault}}}]}}"#));
            script.unwrap().rules[0].fault
        };
        assert_eq!(read(r#"{"kind":"slow","milliseconds":5}"#), Fault::Slow(Duration::from_millis(5)));
        let throttled = |retry_after_seconds| Fault::Throttled { retry_after_seconds };
        assert_eq!(read(r#"{"kind":"throttled"}"#), throttled(Some(1)));
        assert_eq!(read(r#"{"kind":"throttled","retryAfterSeconds":0}"#), throttled(None));
        for status in [409, 500, 502, 503, 504] {
            assert_eq!(
                read(&format!(r#"{{"kind":"status","status":{status},"afterEffect":true}}"#)),
                Fault::Status { status: StatusCode::from_u16(status).unwrap(), after_effect: true }
            );
        }
        for (kind, fault) in [
            ("unseen", Fault::Unseen),
            ("answerLost", Fault::AnswerLost),
            ("effectLost", Fault::EffectLost),
            ("cutOff", Fault::CutOff),
            ("garbled", Fault::Garbled),
            ("duplicated", Fault::Duplicated),
        ] {
            assert_eq!(read(&format!(r#"{{"kind":"{kind}"}}"#)), fault);
        }
    }
}
