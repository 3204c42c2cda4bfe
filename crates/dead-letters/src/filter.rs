//! Which dead letters are meant.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::letter::Letter;

/// Which dead letters are meant: those to which everything applies that is given. Of several values for one field one
/// has to apply. The empty filter means all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// The function, which has the name of its queue; without regard to case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
    /// The reason, without regard to case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// The fingerprint, or its beginning.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fingerprints: Vec<String>,
    /// The onboarding.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub onboardings: Vec<String>,
    /// The tenant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<String>,
    /// The trace id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trace_ids: Vec<String>,
    /// Every one of these texts occurs in the body, the description or the message id, without regard to case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<String>,
    /// Enqueued before this.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub enqueued_before: Option<OffsetDateTime>,
    /// Enqueued at this time or after it.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub enqueued_after: Option<OffsetDateTime>,
    /// With this sequence number or a higher one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_sequence: Option<i64>,
    /// With this sequence number or a lower one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_sequence: Option<i64>,
}

impl Filter {
    /// Whether a letter is meant. `tenant_of` knows the tenants of onboardings whose messages do not name them.
    pub fn matches(&self, letter: &Letter, tenant_of: &dyn Fn(&str) -> Option<String>) -> bool {
        let tenant = || letter.tenant().map(str::to_owned).or_else(|| tenant_of(letter.onboarding()?));
        let sequence = letter.id.sequence;
        any(&self.functions, |function| function.eq_ignore_ascii_case(&letter.id.entity))
            && any(&self.reasons, |reason| reason.eq_ignore_ascii_case(letter.reason()))
            && any(&self.onboardings, |id| letter.onboarding().is_some_and(|of| of.eq_ignore_ascii_case(id)))
            && any(&self.trace_ids, |id| letter.trace_id().is_some_and(|of| of.eq_ignore_ascii_case(id)))
            && self.from_sequence.is_none_or(|from| sequence >= from)
            && self.to_sequence.is_none_or(|to| sequence <= to)
            && self.is_in_time(letter)
            && self.texts.iter().all(|text| holds(letter, text))
            && any(&self.tenants, |id| tenant().is_some_and(|of| of.eq_ignore_ascii_case(id)))
            && any(&self.fingerprints, |start| letter.fingerprint().starts_with(&start.to_ascii_lowercase()))
    }

    fn is_in_time(&self, letter: &Letter) -> bool {
        let enqueued = letter.message.enqueued_time;
        self.enqueued_before.is_none_or(|before| enqueued.is_some_and(|at| at < before))
            && self.enqueued_after.is_none_or(|after| enqueued.is_some_and(|at| at >= after))
    }
}

fn any(wanted: &[String], applies: impl Fn(&String) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(applies)
}

fn holds(letter: &Letter, text: &str) -> bool {
    let text = text.to_lowercase();
    let is_in = |field: &str| field.to_lowercase().contains(&text);
    is_in(letter.description())
        || letter.message.message_id.as_deref().is_some_and(is_in)
        || is_in(&String::from_utf8_lossy(&letter.message.body))
}
