//! The sentences of findings about an onboarding that leaves.

use azure_ids::{ArmId, KeyUrl, ObjectId};

use crate::leaving::what_to_remove;

pub(super) const NOT_APPROVED: &str =
    "The hold is over. The vendor has to approve what is undone before anything is changed.";

pub(super) fn held_elsewhere(key: &KeyUrl) -> String {
    format!("Another onboarding uses the key {}.", key.name())
}

pub(super) fn not_returned(disk: &ArmId, error: Option<&str>) -> String {
    let disk = disk.name();
    match error {
        None => format!("Disk {disk} is attached to a running virtual machine."),
        Some(error) => {
            format!("Azure does not change disk {disk} back to a platform-managed key ({error}).")
        }
    }
}

pub(super) fn in_use(by: &ArmId, kind: &str, others: u32) -> String {
    let more = match others {
        0 => String::new(),
        1 => ", and one other resource,".to_owned(),
        _ => format!(", and {others} other resources,"),
    };
    let uses = if others == 0 { "uses" } else { "use" };
    format!("The {kind} {}{more} still {uses} the disk encryption set.", by.name())
}

pub(super) const REMAINS: &str =
    "The application still has access to your key. Nothing uses the key any more.";

pub(super) fn approve() -> Vec<String> {
    vec![
        "Look at what is undone and approve it with \"latchkey onboardings approve-leaving\", or withdraw it with \
         \"latchkey onboardings stay\"."
            .to_owned(),
    ]
}

pub(super) fn free_key() -> Vec<String> {
    vec![
        "The claim of the key was released by hand, and the other onboarding took it. Let one of the two use another \
         key. Latchkey goes on at the next check."
            .to_owned(),
    ]
}

pub(super) fn return_disk(disk: &ArmId, error: Option<&str>) -> Vec<String> {
    if error.is_none() {
        return vec![
            "Deallocate the virtual machine. Latchkey changes the disk at the next check, and then you can start it \
             again."
                .to_owned(),
        ];
    }
    vec![
        "To change it, Azure needs the customer's key. If the customer does not give it back, the data on this disk \
         cannot be read by anybody: you decide what becomes of the disk. Latchkey does not delete it, and goes on once \
         it is changed or deleted. To try it yourself:"
            .to_owned(),
        format!(
            "az disk update --name {} --resource-group GROUP --encryption-type EncryptionAtRestWithPlatformKey",
            disk.name()
        ),
    ]
}

pub(super) fn free_set() -> Vec<String> {
    vec![
        "Latchkey does not change or delete it. Copy it to a platform-managed key or another disk encryption set, or \
         delete it, if it is not needed any more. A disk with incremental snapshots cannot be changed: copy it. \
         Latchkey goes on at the next check. \"latchkey onboardings leaving\" lists everything."
            .to_owned(),
    ]
}

pub(super) fn remove_set(set: &ArmId) -> Vec<String> {
    vec![
        "Look at the activity log of the disk encryption set, and give the managed identity \
         Microsoft.Compute/diskEncryptionSets/delete, if it lacks it. Latchkey tries again at the next check. To do it \
         yourself:"
            .to_owned(),
        format!("az disk-encryption-set delete --name {} --resource-group GROUP", set.name()),
    ]
}

pub(super) fn remove_access(key: &KeyUrl, service_principal: Option<ObjectId>) -> Vec<String> {
    let mut steps = vec!["A removed role assignment takes some minutes to take effect.".to_owned()];
    steps.extend(what_to_remove(key, service_principal).into_iter().take(1).map(|removal| removal.command));
    steps.push(format!(
        "If the key vault uses access policies: az keyvault delete-policy --name {} --object-id {}",
        key.host().vault_name(),
        service_principal.map_or_else(|| "OBJECT_ID".to_owned(), |id| id.to_string())
    ));
    steps
}
