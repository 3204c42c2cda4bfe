//! Whose a managed disk is, and whether it is there: the vendor says with a tag for which purchase it is.

use std::str::FromStr as _;

use azure_clients::{
    ArmError, ArmRefusal,
    compute::{Disk, Snapshot},
};
use azure_ids::ArmId;
use onboarding::{Onboarding, preflight::DiskTraits};
use uuid::Uuid;

use crate::App;

/// The tag by which the vendor says for which purchase a disk is: the marketplace's subscription. A customer may buy
/// twice, with a key of its own for each, so that the customer's tenant does not tell whose key a disk needs.
pub(crate) const SUBSCRIPTION_TAG: &str = "latchkey-subscription";

/// The purchase that a disk is tagged for.
pub(crate) fn tagged_for(disk: &Disk) -> Option<Uuid> {
    disk.tags.get(SUBSCRIPTION_TAG).and_then(|value| Uuid::from_str(value.trim()).ok())
}

/// Whether the vendor says that this disk is for the purchase of this onboarding.
pub(crate) fn is_tagged_for(disk: &Disk, onboarding: &Onboarding) -> bool {
    tagged_for(disk) == Some(onboarding.purchase().subscription)
}

/// Whether the vendor says that this disk is for something else.
pub(crate) fn is_tagged_for_another(disk: &Disk, onboarding: &Onboarding) -> bool {
    disk.tags.contains_key(SUBSCRIPTION_TAG) && !is_tagged_for(disk, onboarding)
}

/// The disk as Azure's limits see it.
pub(crate) fn traits_of(disk: &Disk, snapshots: &[Snapshot]) -> DiskTraits {
    DiskTraits {
        disk: disk.id.clone(),
        region: disk.location.clone(),
        sku: disk.sku.clone(),
        is_shared: disk.is_shared,
        guest_encryption: disk.guest_encryption,
        incremental_snapshots: incremental_snapshots(&disk.id, snapshots),
    }
}

/// How many of these are incremental snapshots of the disk.
pub(crate) fn incremental_snapshots(disk: &ArmId, snapshots: &[Snapshot]) -> u32 {
    let of_disk = snapshots.iter().filter(|one| one.is_incremental && one.source.as_ref() == Some(disk));
    u32::try_from(of_disk.count()).unwrap_or(u32::MAX)
}

/// Every snapshot of the estate, in one list.
pub(crate) async fn snapshots_of_the_estate(app: &App) -> Result<Vec<Snapshot>, ArmError> {
    app.compute.snapshots(app.settings.vendor_subscription, &app.settings.resource_group).await
}

/// Every disk of the estate, in one list.
pub(crate) async fn of_the_estate(app: &App) -> Result<Vec<Disk>, ArmError> {
    app.compute.disks(app.settings.vendor_subscription, &app.settings.resource_group).await
}

/// The disks that are tagged for this purchase. One under another set was another's before.
pub(crate) async fn of_the_purchase(
    app: &App,
    onboarding: &Onboarding,
    set: &ArmId,
) -> Result<Vec<ArmId>, ArmError> {
    let is_ours = |disk: &Disk| {
        let under_another = disk.encryption.disk_encryption_set.as_ref().is_some_and(|other| other != set);
        !under_another && is_tagged_for(disk, onboarding)
    };
    Ok(of_the_estate(app).await?.into_iter().filter(is_ours).map(|disk| disk.id).collect())
}

/// Whether ARM knows the subscription, and in it no such disk. A subscription that it does not know is the vendor's
/// set-up, and says nothing about the disk.
pub(crate) fn is_gone(error: &ArmError) -> bool {
    matches!(error, ArmError::Refused(ArmRefusal::NotFound { code }) if code != "SubscriptionNotFound")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_disk_that_is_not_there_is_gone() {
        let not_found = |code: &str| ArmError::Refused(ArmRefusal::NotFound { code: code.to_owned() });
        assert!(is_gone(&not_found("ResourceNotFound")) && is_gone(&not_found("ResourceGroupNotFound")));
        assert!(!is_gone(&not_found("SubscriptionNotFound")), "the vendor's set-up, not the disk");
        let forbidden =
            ArmRefusal::Forbidden { code: "AuthorizationFailed".to_owned(), message: String::new() };
        assert!(!is_gone(&ArmError::Refused(forbidden)));
    }
}
