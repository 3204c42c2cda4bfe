//! What an onboarding waits for, in sentences, for pages and for programs.

use onboarding::{Onboarding, Subject, blocker::Blocker, finding::Finding};
use serde_json::{Value, json};

/// The most important blocker, `null` when there is none.
pub(crate) fn first(onboarding: &Onboarding) -> Value {
    onboarding.blockers().iter().next().map_or(Value::Null, |(subject, blocker)| blocked(subject, blocker))
}

/// Every blocker, the most important first.
pub(crate) fn all(onboarding: &Onboarding) -> Vec<Value> {
    onboarding.blockers().iter().map(|(subject, blocker)| blocked(subject, blocker)).collect()
}

/// As the customer's page has it: a disk has a name there and no ID.
pub(crate) fn for_customer(mut blocker: Value) -> Value {
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
