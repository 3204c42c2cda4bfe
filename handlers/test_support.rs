//! An onboarding in a journal, for the tests of the handlers.

#[path = "../crates/onboarding/tests/support/counting_store.rs"]
mod counting_store;

pub(crate) use counting_store::{CountingStore, Counts};

use std::time::Duration;

use ::onboarding::{
    About, Cause, Fact, Onboarding, OnboardingId, ProvenKey, Purchase, SubscriptionStatus,
    event::EventId,
    finding::Finding,
    grace::{GracePolicy, GraceRules},
    journal::Journal,
};
use azure_ids::ArmId;
use time::{OffsetDateTime, macros::datetime};
use uuid::Uuid;

/// The time in these tests.
pub(crate) const NOW: OffsetDateTime = datetime!(2026-02-01 12:00 UTC);
/// A tenant, and whatever else is a GUID in these tests.
pub(crate) const ID: &str = "0a1b2c3d-1111-2222-3333-444455556666";

fn cause(origin: &str) -> Cause {
    Cause {
        event: EventId::of_origin("test", origin),
        function: "test",
        now: NOW,
        traceparent: None,
        first_check: Duration::from_secs(60),
        hold: Duration::from_secs(7 * 86_400),
    }
}

/// Appends what is so from now on.
pub(crate) async fn append(journal: &Journal, onboarding: OnboardingId, origin: &str, fact: Fact) {
    let head = journal.load(onboarding).await.unwrap().unwrap();
    let decision = head.onboarding.decide(cause(origin), fact).unwrap().unwrap();
    journal.append(Some(&head), decision).await.unwrap();
}

/// An onboarding that waits for the customer's consent.
pub(crate) async fn opened(journal: &Journal) -> OnboardingId {
    let region: azure_ids::Region = "westeurope".parse().unwrap();
    let subscription = Uuid::from_u128(7);
    let id = OnboardingId::of_subscription(subscription);
    let status = SubscriptionStatus::PendingFulfillmentStart;
    let purchase = Purchase { subscription, plan: "gold".to_owned(), quantity: None, status };
    let opened = Onboarding::open(id, ID.parse().unwrap(), region, purchase, cause("open"));
    journal.append(None, opened).await.unwrap();
    id
}

/// An onboarding that waits for nobody: its disk encryption set is about to be asked for.
pub(crate) async fn provisioning(journal: &Journal) -> OnboardingId {
    let id = opened(journal).await;
    append(journal, id, "key", Fact::KeyProven { proof: proof("disks") }).await;
    id
}

/// That a key of this name works.
pub(crate) fn proof(name: &str) -> ProvenKey {
    let version = format!("https://contoso.vault.azure.net/keys/{name}/{}", "0".repeat(32));
    ProvenKey {
        version: version.parse().unwrap(),
        created: None,
        expires: None,
        tenant: ID.parse().unwrap(),
        region: "westeurope".parse().unwrap(),
        service_principal: ID.parse().unwrap(),
        warnings: vec![],
    }
}

/// An onboarding whose key is revoked, and an app whose grace ladder announces a rung after 100 seconds and takes it after
/// 200.
pub(crate) async fn revoked(app: &mut crate::App) -> OnboardingId {
    let id = provisioning(&app.journal).await;
    let rest = chain().into_iter().filter_map(|(fact, _)| fact).chain([Fact::Activated]);
    for fact in rest {
        append(&app.journal, id, &format!("{fact:?}"), fact).await;
    }
    let key: azure_ids::KeyUrl = "https://contoso.vault.azure.net/keys/disks".parse().unwrap();
    let (about, finding) = (About::Key(key.clone()), Finding::KeyDisabled { key });
    append(&app.journal, id, "look", Fact::Found { about, finding, token_of: None }).await;
    let mut settings = (*app.settings).clone();
    let seconds = Duration::from_secs;
    let (suspend_after, deallocate_after, notice) = (seconds(200), seconds(400), seconds(100));
    let offboard_after = seconds(800);
    settings.grace =
        GraceRules { policy: GracePolicy::Suspend, suspend_after, deallocate_after, offboard_after, notice };
    app.settings = std::sync::Arc::new(settings);
    id
}

/// The disk of [`chain`].
pub(crate) fn disk() -> ArmId {
    let below = format!("/subscriptions/{ID}/resourceGroups/g/providers/Microsoft.Compute");
    format!("{below}/disks/d1").parse().unwrap()
}

/// What happens after [`provisioning`], each with the queue whose message takes the chain on from there.
pub(crate) fn chain() -> Vec<(Option<Fact>, &'static str)> {
    let below = format!("/subscriptions/{ID}/resourceGroups/g/providers/Microsoft.Compute");
    let id = OnboardingId::of_subscription(Uuid::from_u128(7));
    let set: ArmId = format!("{below}/diskEncryptionSets/latchkey-{id}").parse().unwrap();
    let disk = disk();
    let look_after_ms = 1000;
    vec![
        (None, "provision_requested"),
        (Some(Fact::SetRequested { set: set.clone(), operation: None, look_after_ms }), "provision_started"),
        (Some(Fact::SetReady { set: set.clone(), disks: vec![disk.clone()] }), "disk_encryption_requested"),
        (Some(Fact::DiskRequested { disk: disk.clone(), look_after_ms }), "disk_encryption_requested"),
        (Some(Fact::DiskEncrypted { disk, set }), "activation_requested"),
    ]
}
