//! Once an hour, finds the disks that were tagged since the last were listed.
//!
//! One list of the estate's disks serves all onboardings. A disk under the set of the onboarding that it is tagged for
//! is left out, so that the journals are read of those onboardings only that have something to do. Changes nothing.
//! Publishes [`ProvisionStarted`](onboarding::event::ProvisionStarted) for an onboarding that does not know a disk: that
//! step lists again and decides. A disk that is known and waits for nobody has a message that was lost:
//! [`DiskEncryptionRequested`](onboarding::event::DiskEncryptionRequested) is published again.

use std::collections::BTreeMap;

use azure_clients::{ArmError, compute::Disk};
use azure_ids::ArmId;
use onboarding::{
    DiskState, Onboarding, OnboardingId, Set, Stage, Subject,
    event::{DiskEncryptionRequested, ProvisionStarted},
    journal::JournalError,
};
use service_bus::ServiceBusError;

use crate::{
    App,
    systems::{checks::publish_found, disks},
};

/// Why a run did not end. What it did not reach is found by the next.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FindDisksError {
    /// The disks could not be listed.
    #[error("listing the disks of the estate")]
    Disks(#[from] ArmError),
    /// A journal could not be read.
    #[error("reading the journals")]
    Journal(#[from] JournalError),
    /// A message could not be published.
    #[error("publishing what was found")]
    Publish(#[from] ServiceBusError),
}

pub(crate) async fn handle(app: App) -> Result<(), FindDisksError> {
    for (id, disks) in not_under_their_set(&disks::of_the_estate(&app).await?) {
        let head = match app.journal.load(id).await {
            // One journal that cannot be read must not keep the others from being looked after.
            Err(error @ (JournalError::Unreadable { .. } | JournalError::Tampered { .. })) => {
                tracing::error!(onboarding = %id, %error, "the journal is damaged");
                continue;
            }
            loaded => loaded?,
        };
        // Tagged for a purchase whose customer has not come yet.
        let Some(head) = head else { continue };
        take_up(&app, &head.onboarding, disks).await?;
    }
    Ok(())
}

/// The disks that are not under the set of the onboarding that they are tagged for.
fn not_under_their_set(disks: &[Disk]) -> BTreeMap<OnboardingId, Vec<ArmId>> {
    let mut found: BTreeMap<_, Vec<ArmId>> = BTreeMap::new();
    for disk in disks {
        let Some(subscription) = disks::tagged_for(disk) else { continue };
        let id = OnboardingId::of_subscription(subscription);
        let under = disk.encryption.disk_encryption_set.as_ref().map(ArmId::name);
        if !under.is_some_and(|under| under.eq_ignore_ascii_case(&format!("latchkey-{id}"))) {
            found.entry(id).or_default().push(disk.id.clone());
        }
    }
    found
}

async fn take_up(app: &App, onboarding: &Onboarding, disks: Vec<ArmId>) -> Result<(), ServiceBusError> {
    // Before its set is ready the chain lists the disks itself.
    let Set::Ready { set } = onboarding.set() else { return Ok(()) };
    // What leaves gives its disks back.
    if onboarding.stage() == Stage::Ended || onboarding.leaving().is_some() {
        return Ok(());
    }
    if disks.iter().any(|disk| !onboarding.disks().contains_key(disk)) {
        tracing::info!(onboarding = %onboarding.id(), "a disk was tagged that is not known yet");
        publish_found(app, onboarding.id(), "", ProvisionStarted { set: set.clone() }).await?;
    }
    for disk in disks {
        let pending = onboarding.disks().get(&disk).is_some_and(|state| *state != DiskState::Encrypted);
        if pending && onboarding.blockers().get(&Subject::Disk { disk: disk.clone() }).is_none() {
            publish_found(app, onboarding.id(), disk.clone().as_str(), DiskEncryptionRequested { disk })
                .await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    const GROUP: &str =
        "/subscriptions/0a1b2c3d-1111-2222-3333-444455556666/resourceGroups/g/providers/Microsoft.Compute";

    fn disk(name: &str, tag: &Value, set: Option<String>) -> Disk {
        let set = set.map(|set| format!("{GROUP}/diskEncryptionSets/{set}"));
        let body = json!({
            "id": format!("{GROUP}/disks/{name}"), "location": "westeurope", "tags": { "latchkey-subscription": tag },
            "properties": { "encryption": { "type": "EncryptionAtRestWithCustomerKey", "diskEncryptionSetId": set } },
        });
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn disks_are_sorted_by_purchase_and_those_under_their_own_set_are_left_out() {
        let purchases = [Uuid::from_u128(1), Uuid::from_u128(2)];
        let ids = purchases.map(OnboardingId::of_subscription);
        let [first, second] = purchases.map(|purchase| json!(purchase));
        let disks = [
            disk("new", &first, None),
            disk("done", &first, Some(format!("LATCHKEY-{}", ids[0]))),
            disk("under-the-other", &second, Some(format!("latchkey-{}", ids[0]))),
            disk("of-nobody", &json!("not a purchase"), None),
        ];
        let found = not_under_their_set(&disks);
        let names: Vec<(OnboardingId, Vec<&str>)> =
            found.iter().map(|(id, disks)| (*id, disks.iter().map(ArmId::name).collect())).collect();
        let mut expected = vec![(ids[0], vec!["new"]), (ids[1], vec!["under-the-other"])];
        expected.sort_unstable();
        assert_eq!(names, expected);
    }
}
