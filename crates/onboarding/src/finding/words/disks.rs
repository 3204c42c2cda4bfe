//! The sentences about disks that cannot be encrypted, and about too many disk encryption sets.

use azure_ids::{ArmId, Region};

pub(super) fn in_other_region(disk: &ArmId, region: &Region, set: &Region) -> String {
    let disk = disk.name();
    format!(
        "Disk {disk} is in {region}, and the key and its disk encryption set are in {set}. Azure requires the same region."
    )
}

pub(super) fn move_to(disk: &ArmId, set: &Region) -> Vec<String> {
    vec![format!("Copy the disk to {set}, and tag the copy. Then take the tag off this disk:"), untag(disk)]
}

pub(super) fn encrypted_in_guest(disk: &ArmId) -> String {
    let disk = disk.name();
    format!(
        "Disk {disk} is or was encrypted with Azure Disk Encryption. Azure does not encrypt such a disk with a \
         customer-managed key."
    )
}

pub(super) fn copy_data_of(disk: &ArmId) -> Vec<String> {
    vec![
        "Copy the data to a new, empty disk, and tag that disk. A snapshot or a copy of this disk does not help. Then take \
         the tag off this disk:"
            .to_owned(),
        untag(disk),
    ]
}

pub(super) fn has_snapshots(disk: &ArmId, snapshots: u32) -> String {
    let disk = disk.name();
    let snapshots = if snapshots == 1 {
        "an incremental snapshot".to_owned()
    } else {
        format!("{snapshots} incremental snapshots")
    };
    format!("Disk {disk} has {snapshots}. Azure does not change the key of such a disk.")
}

pub(super) fn delete_snapshots_of(disk: &ArmId) -> Vec<String> {
    vec![
        "If the incremental snapshots are not needed any more, list them and delete each:".to_owned(),
        format!(
            "az snapshot list --resource-group GROUP --output tsv \
             --query \"[?incremental && creationData.sourceResourceId=='{disk}'].name\""
        ),
        "az snapshot delete --resource-group GROUP --name SNAPSHOT".to_owned(),
        "Or copy the disk, tag the copy, and take the tag off this disk:".to_owned(),
        untag(disk),
    ]
}

pub(super) fn type_unsupported(disk: &ArmId, what: &str, region: &Region) -> String {
    let disk = disk.name();
    format!("Disk {disk} ({what}) cannot be encrypted with a key of another tenant in {region}.")
}

pub(super) fn use_another_type(disk: &ArmId) -> Vec<String> {
    vec![
        "Copy the data to a disk of another type, such as Premium SSD, and tag that disk. Then take the tag off this disk:"
            .to_owned(),
        untag(disk),
    ]
}

pub(super) fn refused(disk: &ArmId, error: &str) -> String {
    format!("Azure refuses to encrypt disk {} with the customer's key ({error}).", disk.name())
}

pub(super) fn look_into_refusal_of(disk: &ArmId) -> Vec<String> {
    vec![
        "Look at the activity log of the disk, which has Azure's reason, and correct the cause. Latchkey tries again at the \
         next check. Or take the tag off the disk:"
            .to_owned(),
        untag(disk),
    ]
}

pub(super) fn untag(disk: &ArmId) -> String {
    format!(
        "az disk update --name {} --resource-group GROUP --remove tags.latchkey-subscription",
        disk.name()
    )
}

pub(super) fn quota(region: &Region, sets: u32, error: Option<&str>) -> String {
    match error {
        None => format!(
            "The resource group has {sets} disk encryption sets in {region}, which is the most that Azure allows."
        ),
        Some(error) => format!(
            "Azure does not create another disk encryption set in {region} ({error}). The resource group has {sets} there."
        ),
    }
}

pub(super) fn raise_quota() -> Vec<String> {
    vec![
        "Ask Azure support to raise the number of disk encryption sets in this region of the subscription, or delete those \
         that are not used. When the number is raised, set LATCHKEY_SET_QUOTA to it. Latchkey goes on at the next check."
            .to_owned(),
        "az disk-encryption-set list --resource-group GROUP --query \"[].name\" --output tsv".to_owned(),
    ]
}
