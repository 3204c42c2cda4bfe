//! Builders for the tests of this crate.

#[path = "../tests/support/counting_store.rs"]
mod counting_store;

pub(crate) use counting_store::{CountingStore, Counts};

use azure_ids::{ArmId, KeyUrl, ObjectId, TenantId};
use std::time::Duration;
use time::macros::datetime;
use uuid::Uuid;

use crate::{
    Cause, Decision, Onboarding, OnboardingId, ProvenKey, Purchase, SubscriptionStatus, event::EventId,
};

pub(crate) const TENANT: &str = "0a1b2c3d-1111-2222-3333-444455556666";
pub(crate) const OTHER_TENANT: &str = "0a1b2c3d-9999-2222-3333-444455556666";

pub(crate) fn tenant() -> TenantId {
    TENANT.parse().unwrap()
}

pub(crate) fn cause(origin: &str) -> Cause {
    Cause {
        event: EventId::of_origin("test", origin),
        function: "test",
        now: datetime!(2026-02-01 12:00 UTC),
        traceparent: None,
        first_check: Duration::from_secs(60),
        hold: Duration::from_secs(7 * 86_400),
    }
}

/// The same, when another function runs.
pub(crate) fn cause_in(function: &'static str, origin: &str) -> Cause {
    Cause { function, ..cause(origin) }
}

pub(crate) fn opened() -> Decision {
    let subscription = Uuid::from_u128(7);
    let region: azure_ids::Region = "westeurope".parse().unwrap();
    let purchase = Purchase {
        subscription,
        plan: "gold".to_owned(),
        quantity: None,
        status: SubscriptionStatus::PendingFulfillmentStart,
    };
    Onboarding::open(OnboardingId::of_subscription(subscription), tenant(), region, purchase, cause("open"))
}

pub(crate) fn service_principal() -> ObjectId {
    "0a1b2c3d-5555-2222-3333-444455556666".parse().unwrap()
}

pub(crate) fn key(name: &str) -> KeyUrl {
    format!("https://contoso.vault.azure.net/keys/{name}/d3781afa0b4848ab9aee9edf0848f28c").parse().unwrap()
}

/// A version of [`key`], by its number.
pub(crate) fn version(name: &str, number: u32) -> KeyUrl {
    format!("https://contoso.vault.azure.net/keys/{name}/{number:032x}").parse().unwrap()
}

pub(crate) fn proof(name: &str, tenant: &str) -> ProvenKey {
    ProvenKey {
        version: key(name),
        created: None,
        expires: None,
        tenant: tenant.parse().unwrap(),
        region: "westeurope".parse().unwrap(),
        service_principal: service_principal(),
        warnings: vec![],
    }
}

pub(crate) fn disk(name: &str) -> ArmId {
    format!("/subscriptions/{TENANT}/resourceGroups/g/providers/Microsoft.Compute/disks/{name}")
        .parse()
        .unwrap()
}

pub(crate) fn machine(name: &str) -> ArmId {
    format!("/subscriptions/{TENANT}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/{name}")
        .parse()
        .unwrap()
}

pub(crate) fn set(name: &str) -> ArmId {
    format!("/subscriptions/{TENANT}/resourceGroups/g/providers/Microsoft.Compute/diskEncryptionSets/{name}")
        .parse()
        .unwrap()
}

/// The name that our onboarding's set must have.
pub(crate) fn set_name() -> String {
    format!("latchkey-{}", opened().onboarding.id())
}
