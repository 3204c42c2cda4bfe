//! What an onboarding waits for, in sentences, for pages and for programs.

use onboarding::{
    Onboarding, Subject,
    blocker::Blocker,
    finding::{Finding, NONCE, OWNERSHIP_TAG},
};
use serde_json::{Value, json};

use crate::App;

/// The most important blocker, `null` when there is none.
pub(crate) fn first(onboarding: &Onboarding) -> Value {
    onboarding.blockers().iter().next().map_or(Value::Null, |(subject, blocker)| blocked(subject, blocker))
}

/// Every blocker, the most important first.
pub(crate) fn all(onboarding: &Onboarding) -> Vec<Value> {
    onboarding.blockers().iter().map(|(subject, blocker)| blocked(subject, blocker)).collect()
}

/// Every blocker as the customer's page has it: a disk has a name there and no ID, and the customer's own value stands in
/// the commands.
pub(crate) fn for_customer(app: &App, onboarding: &Onboarding) -> Vec<Value> {
    let shown = |(subject, known): (&Subject, &Blocker)| {
        let mut shown = without_ids(blocked(subject, known));
        shown["mend"] = json!(mend_of(app, onboarding, &known.finding));
        shown
    };
    onboarding.blockers().iter().map(shown).collect()
}

/// How the customer mends it.
pub(crate) fn mend_of(app: &App, onboarding: &Onboarding, finding: &Finding) -> Vec<String> {
    let Finding::OwnershipNotProven { key, .. } = finding else { return finding.mend() };
    let tag = |nonce: &str| format!("{OWNERSHIP_TAG}={nonce}");
    let own = tag(&app.signer.ownership_nonce(onboarding.id(), key));
    finding.mend().into_iter().map(|step| step.replace(&tag(NONCE), &own)).collect()
}

fn without_ids(mut blocker: Value) -> Value {
    if let Some(disk) = blocker.pointer_mut("/subject/disk").filter(|disk| disk.is_string()) {
        let name = disk.as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned();
        *disk = json!(name);
    }
    blocker
}

/// A finding: its code, who must act, what was found, how to mend it.
pub(crate) fn finding(finding: &Finding) -> Value {
    let code = finding.code();
    json!({
        "code": code,
        "owner": code.owner(),
        "person": code.person(),
        "summary": finding.summary(),
        "mend": finding.mend(),
        "runbook": code.runbook(),
    })
}

fn blocked(subject: &Subject, blocker: &Blocker) -> Value {
    let rfc3339 = time::format_description::well_known::Rfc3339;
    let mut found = finding(&blocker.finding);
    found["subject"] = json!(subject);
    found["since"] = json!(blocker.since.format(&rfc3339).ok());
    found["checks"] = json!(blocker.checks);
    found["nextCheck"] = json!(blocker.next_check.and_then(|next| next.format(&rfc3339).ok()));
    found
}
