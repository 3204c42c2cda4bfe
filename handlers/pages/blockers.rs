//! What an onboarding waits for, in sentences, for pages and for programs.

use azure_ids::ArmId;
use onboarding::{
    Onboarding, Subject,
    blocker::Blocker,
    finding::{Finding, NONCE, OWNERSHIP_TAG, Person},
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

/// Every blocker as the customer's page has it: a disk has a name there and no ID, the customer's own value stands in the
/// commands, and what the vendor has to do is not told.
pub(crate) fn for_customer(app: &App, onboarding: &Onboarding) -> Vec<Value> {
    let shown = |(subject, known): (&Subject, &Blocker)| {
        let mut shown = without_ids(blocked(subject, known));
        shown["mend"] = json!(mend_of(app, onboarding, &known.finding));
        shown
    };
    onboarding.blockers().iter().map(shown).collect()
}

/// How the customer mends it. How the vendor does is not for the customer: it names what is in the vendor's subscription.
pub(crate) fn mend_of(app: &App, onboarding: &Onboarding, finding: &Finding) -> Vec<String> {
    if finding.code().person() == Person::Vendor {
        return vec!["The vendor has to mend this. You do not have to do anything.".to_owned()];
    }
    let Finding::OwnershipNotProven { key, .. } = finding else { return finding.mend() };
    let tag = |nonce: &str| format!("{OWNERSHIP_TAG}={nonce}");
    let own = tag(&app.signer.ownership_nonce(onboarding.id(), key));
    finding.mend().into_iter().map(|step| step.replace(&tag(NONCE), &own)).collect()
}

/// A disk and a virtual machine have a name in the place of their IDs.
fn without_ids(mut blocker: Value) -> Value {
    for value in blocker["subject"].as_object_mut().into_iter().flatten().map(|(_, value)| value) {
        let name = value.as_str().and_then(|text| text.parse::<ArmId>().ok()).map(|id| id.name().to_owned());
        if let Some(name) = name {
            *value = name.into();
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::provisioning;

    #[tokio::test]
    async fn what_the_vendor_has_to_do_names_nothing_of_the_vendors_subscription() {
        let app = crate::tests::app();
        let id = provisioning(&app.journal).await;
        let onboarding = app.journal.load(id).await.unwrap().unwrap().onboarding;
        let disk = crate::test_support::disk();
        let machine: ArmId =
            disk.as_str().replace("disks/d1", "virtualMachines/m1").parse().expect("the ID of a machine");
        let error = "AllocationFailed".to_owned();
        for finding in [
            Finding::MachineShared { machine: machine.clone(), disk: disk.clone() },
            Finding::MachineNotStopped { machine: machine.clone(), error: error.clone() },
            Finding::MachineNotStarted { machine: machine.clone(), error },
        ] {
            assert!(finding.mend().iter().any(|step| step.contains("/subscriptions/")), "{finding:?}");
            let told = mend_of(&app, &onboarding, &finding);
            assert!(!told.is_empty() && !json!(told).to_string().contains("/subscriptions/"), "{told:?}");
        }
        for (subject, expected) in [
            (Subject::Machine { machine: machine.clone() }, "m1"),
            (Subject::Step { function: "f".to_owned(), disk: None, machine: Some(machine) }, "m1"),
            (Subject::Disk { disk }, "d1"),
        ] {
            let shown = without_ids(json!({ "subject": subject }))["subject"].to_string();
            assert!(shown.contains(expected) && !shown.contains("/subscriptions/"), "{shown}");
        }
    }
}
