//! How it is mended: steps in words, and commands as they are typed.

use super::{
    ADMINISTRATORS, VAULT_ID, disks, grant_command, leaving, new_version, ownership, policies::lift, recover,
    set_attributes, vault, version,
};
use crate::{
    finding::{Finding, SetUpFault},
    role::ROLE,
};

impl Finding {
    /// Steps or commands that mend it, in order.
    #[must_use]
    pub fn mend(&self) -> Vec<String> {
        match self {
            Self::ConsentMissing { .. } => vec![format!("Open the consent link as {ADMINISTRATORS}, and approve.")],
            Self::ApplicationDisabled { .. } => vec![
                "In the Microsoft Entra admin center, under Enterprise applications, set \"Enabled for users to sign \
                 in\" to Yes for the application."
                    .to_owned(),
            ],
            Self::PolicyBlocks { policy, .. } => vec![lift(*policy)],
            Self::KeyNotShared { service_principal, region } => vec![
                format!("az group create --name GROUP --location {region}"),
                format!(
                    "az keyvault create --name VAULT --resource-group GROUP --location {region} \
                     --enable-rbac-authorization true --enable-purge-protection true"
                ),
                format!(
                    "az role assignment create --role \"Key Vault Crypto Officer\" \
                     --assignee-object-id \"$(az ad signed-in-user show --query id --output tsv)\" \
                     --assignee-principal-type User --scope \"{VAULT_ID}\""
                ),
                "A role assignment takes some minutes to take effect. If the next command is refused (ForbiddenByRbac), \
                 repeat it."
                    .to_owned(),
                "az keyvault key create --vault-name VAULT --name KEY --kty RSA --size 3072".to_owned(),
                grant_command(service_principal, &format!("\"{VAULT_ID}/keys/KEY\"")),
            ],
            Self::VaultNotFound { .. } => vec![
                "Check the URL. A deleted key vault can be recovered with az keyvault recover.".to_owned(),
            ],
            Self::NotAVault { .. } => vec!["Submit the URL of a key in an Azure key vault.".to_owned()],
            Self::WrongTenant { .. } => {
                vec!["Create the key in a key vault of your own tenant and submit its URL.".to_owned()]
            }
            Self::WrongRegion { disks, .. } => {
                vec![format!("Create the key in a key vault in {disks} and submit its URL.")]
            }
            Self::KeyNotFound { key } => vec![
                format!("az keyvault key list --vault-name {} --query \"[].kid\" --output tsv", vault(key)),
                "Submit the URL of a key from this list. If the key was deleted, recover it instead:".to_owned(),
                recover(key),
            ],
            Self::KeyDeleted { key } => vec![recover(key)],
            Self::GrantMissing { service_principal, key } => {
                let scope =
                    format!("$(az keyvault show --name {} --query id --output tsv)/keys/{}", vault(key), key.name());
                vec![match service_principal {
                    Some(principal) => grant_command(principal, &scope),
                    None => format!("Assign the role \"{ROLE}\" to the application on {scope}."),
                }]
            }
            Self::AccessPolicyMissing { service_principal, key } => {
                let who = service_principal.map_or_else(|| "OBJECT_ID".to_owned(), |id| id.to_string());
                vec![format!(
                    "az keyvault set-policy --name {} --object-id {who} --key-permissions get wrapKey unwrapKey",
                    vault(key)
                )]
            }
            Self::VaultUnreachable { .. } => vec![
                "You do not have to do anything. Latchkey checks again by itself. If this lasts, look at Azure's status page \
                 (https://azure.status.microsoft) and at the diagnostic log of the key vault."
                    .to_owned(),
            ],
            Self::Firewall { key, client_address } => vec![
                client_address.as_ref().map_or_else(
                    || "Add Latchkey's outbound address to the firewall of the key vault.".to_owned(),
                    |address| format!("az keyvault network-rule add --name {} --ip-address {address}", vault(key)),
                ),
                // Azure's disk service has no address that could be allowed: it is a trusted service.
                format!("az keyvault update --name {} --bypass AzureServices", vault(key)),
            ],
            Self::PrivateOnly { key } => vec![
                format!(
                    "az keyvault update --name {} --public-network-access Enabled --default-action Deny --bypass \
                     AzureServices",
                    vault(key)
                ),
                "Then nobody reaches the key vault but whom its firewall allows: add Latchkey's outbound address to it. Or \
                 approve a private endpoint."
                    .to_owned(),
            ],
            Self::VaultRefuses { .. } => {
                vec!["Look at the diagnostic log of the key vault for this time.".to_owned()]
            }
            Self::KeyDisabled { key } => vec![set_attributes(key, "--enabled true")],
            Self::KeyExpired { key } => vec![set_attributes(key, "--expires DATE")],
            Self::KeyNotYetValid { key } => vec![set_attributes(key, "--not-before DATE")],
            Self::KeyType { key, .. } | Self::KeySize { key, .. } => vec![new_version(key)],
            Self::KeyOperations { key } => vec![set_attributes(key, "--ops wrapKey unwrapKey")],
            Self::KeyAlgorithm { .. } => {
                vec!["Create an RSA key that allows wrap key and unwrap key, and submit its URL.".to_owned()]
            }
            Self::WrapMismatch => vec!["Create another key and submit its URL.".to_owned()],
            Self::KeyClaimed => vec!["Create a separate key for this product and submit its URL.".to_owned()],
            Self::OwnershipNotProven { key, other_tags } => ownership::prove(key, *other_tags),
            Self::NoPurgeProtection { key } => {
                vec![format!("az keyvault update --name {} --enable-purge-protection true", vault(key))]
            }
            Self::ManagedHsm => vec!["Use an RSA or RSA-HSM key in a key vault.".to_owned()],
            Self::SetRefused { key } => vec![
                format!("Check that the role assignment on {key} and the key are still as they were."),
                format!(
                    "If the key vault has a firewall: az keyvault update --name {} --bypass AzureServices",
                    vault(key)
                ),
            ],
            Self::NewVersionUnusable { key, fault, in_use, error } => {
                let mut steps = vec![format!("Keep version {} enabled.", version(in_use))];
                steps.push(match fault.as_str() {
                    "key-disabled" => set_attributes(key, "--enabled true"),
                    "key-not-yet-valid" => set_attributes(key, "--not-before DATE"),
                    _ => new_version(key),
                });
                if error.is_some() {
                    steps.push("Then the vendor has to update the disk encryption set.".to_owned());
                }
                steps
            }
            Self::OldVersionDisabled { key } => vec![set_attributes(key, "--enabled true")],
            Self::FormerKeyNeeded { key, .. } => vec![
                set_attributes(key, "--enabled true"),
                "Give the application access to this key again, if you took it away, and keep the key until this page says \
                 that the disks no longer need it."
                    .to_owned(),
            ],
            Self::ReplacementRefused { key, .. } => vec![
                format!("Check that the role assignment on {} and the key are still as they were.", key.without_version()),
                format!(
                    "If the key vault has a firewall: az keyvault update --name {} --bypass AzureServices",
                    vault(key)
                ),
                "Then choose \"Use this key from now on\" again, or withdraw the key.".to_owned(),
            ],
            Self::ReplacementFailed { set, .. } => vec![
                format!("az disk-encryption-set show --resource-group GROUP --name {}", set.name()),
                "Look at the activity log of the disk encryption set. Then: latchkey onboardings replace ID --key URL"
                    .to_owned(),
            ],
            Self::KeyExpires { key, .. } => vec![
                format!("az keyvault key rotate --vault-name {} --name {}", vault(key), key.name()),
                "Keep the version in use enabled until this page says that the disks no longer need it.".to_owned(),
            ],
            Self::KeyRotationFailed { set, key, .. } => vec![format!(
                "az disk-encryption-set update --resource-group GROUP --name {} --key-url {key} \
                 --enable-auto-key-rotation true",
                set.name()
            )],
            Self::KeyRotationLate { set, .. } => vec![
                format!("az disk-encryption-set show --resource-group GROUP --name {}", set.name()),
                "If autoKeyRotationError and previousKeys are empty, open a support request with Azure.".to_owned(),
            ],
            Self::SetChanged { .. } => vec![
                "Look at the activity log of the disk encryption set, and undo the change. Latchkey does not change the \
                 set."
                    .to_owned(),
            ],
            Self::SetDeleted { .. } => vec![
                "Find out who deleted it in the activity log of the resource group, and keep it from happening again. While no \
                 disk uses the set, Latchkey creates it again at the next check."
                    .to_owned(),
            ],
            Self::NoDisks { subscription, .. } => vec![format!(
                "az disk update --name DISK --resource-group GROUP --set tags.latchkey-subscription={}",
                subscription.map_or_else(|| "SUBSCRIPTION".to_owned(), |subscription| subscription.to_string())
            )],
            Self::DiskInOtherRegion { disk, set, .. } => disks::move_to(disk, set),
            Self::DiskEncryptedInGuest { disk } => disks::copy_data_of(disk),
            Self::DiskHasIncrementalSnapshots { disk, .. } => disks::delete_snapshots_of(disk),
            Self::DiskTypeUnsupported { disk, .. } => disks::use_another_type(disk),
            Self::DiskRefused { disk, .. } => disks::look_into_refusal_of(disk),
            Self::DiskAttached { .. } => vec![
                "Have Latchkey deallocate the virtual machine, encrypt its disks and start it again, in a window that you \
                 choose. To see what would be done, and then to do it:"
                    .to_owned(),
                "latchkey disks plan ONBOARDING".to_owned(),
                "latchkey disks apply ONBOARDING --window START/END --at-once 1".to_owned(),
                "Or deallocate the virtual machine yourself. Latchkey encrypts the disk at the next check.".to_owned(),
            ],
            Self::DiskUnderOtherSet { disk } => vec![
                "Deallocate the virtual machine that the disk is attached to, then change the disk back to a \
                 platform-managed key. A disk with incremental snapshots cannot be changed back: copy it."
                    .to_owned(),
                format!(
                    "az disk update --name {} --resource-group GROUP --encryption-type EncryptionAtRestWithPlatformKey",
                    disk.name()
                ),
                "Or, if the disk is not this customer's, take the tag away: Latchkey drops it at the next check.".to_owned(),
                disks::untag(disk),
            ],
            Self::SetNotOurs { .. } => vec![
                "Delete that disk encryption set, or tag it with latchkey-onboarding and the id of this onboarding."
                    .to_owned(),
            ],
            Self::SetQuota { .. } => disks::raise_quota(),
            Self::ProvisioningFailed { .. } => vec![
                "Look at the activity log of the resource group, correct the cause, then check again.".to_owned(),
            ],
            Self::DiskEncryptionFailed { .. } => vec![
                "Look at the activity log of the disk. Latchkey tries again at the next check.".to_owned(),
            ],
            Self::MachineShared { machine, .. } => vec![format!(
                "Move the disks of other customers to another virtual machine, or decide yourself whether to stop it: az vm \
                 deallocate --ids {machine}"
            )],
            Self::MachineNotStopped { machine, .. } => vec![
                "Give the managed identity Microsoft.Compute/virtualMachines/read and \
                 Microsoft.Compute/virtualMachines/deallocate/action on the virtual machine, if it lacks them. Look at the \
                 activity log of the virtual machine. Latchkey tries again at the next check. To stop it yourself:"
                    .to_owned(),
                format!("az vm deallocate --ids {machine}"),
            ],
            Self::MachineNotStarted { machine, .. } => vec![
                "Give the managed identity Microsoft.Compute/virtualMachines/read and \
                 Microsoft.Compute/virtualMachines/start/action on the virtual machine, if it lacks them. Look at the \
                 activity log of the virtual machine. Latchkey tries again at the next check. To start it yourself:"
                    .to_owned(),
                format!("az vm start --ids {machine}"),
            ],
            Self::LeavingNotApproved => leaving::approve(),
            Self::KeyHeldElsewhere { .. } => leaving::free_key(),
            Self::DiskNotReturned { disk, error } => leaving::return_disk(disk, error.as_deref()),
            Self::SetInUse { .. } => leaving::free_set(),
            Self::SetNotRemoved { set, .. } => leaving::remove_set(set),
            Self::AccessRemains { service_principal, key } => leaving::remove_access(key, *service_principal),
            Self::StandsStill { function } => vec![format!(
                "Look at the queue {function} and its dead letters with \"latchkey dead-letters\", and at the log of the \
                 function {function}. The step is started again by itself."
            )],
            Self::StepRefused { .. } => vec![
                "Look at the message with \"latchkey dead-letters\", correct the cause, then replay the message. \
                 If you discard it instead, continue with \"latchkey onboardings resume\"."
                    .to_owned(),
            ],
            Self::VendorSetup { fault: SetUpFault::OutboundAccess, tenant, .. } => vec![format!(
                "In the Microsoft Entra admin center of the vendor's tenant, under External Identities, Cross-tenant \
                 access settings, allow outbound access to tenant {tenant}."
            )],
            Self::VendorSetup { .. } => vec![
                "Compare the issuer, subject and audience of the federated credential with the managed identity, \
                 letter by letter."
                    .to_owned(),
            ],
        }
    }
}
