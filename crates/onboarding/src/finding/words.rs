//! The sentences in which findings are shown, to the customer and to the vendor.

use std::fmt::Display;

use azure_ids::{KeyUrl, ObjectId};

use super::{Finding, Policy, SetUpFault, words_of_leaving as leaving};
use crate::role::ROLE;

/// The vault that a person names.
const VAULT_ID: &str = "$(az keyvault show --name VAULT --query id --output tsv)";

/// Who may consent for a whole tenant.
const ADMINISTRATORS: &str =
    "an Application Administrator, a Cloud Application Administrator or a Privileged Role Administrator";

impl Finding {
    /// One sentence for the person who must act.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::ConsentMissing { tenant } => {
                format!("An administrator of tenant {tenant} must approve the application.")
            }
            Self::ApplicationDisabled { error } => {
                format!("The application is disabled in your tenant (AADSTS{error}).")
            }
            Self::PolicyBlocks { policy, error } => format!("{} (AADSTS{error}).", blocked_by(*policy)),
            Self::KeyNotShared { .. } => {
                "Create a key in a key vault, grant the application access to the key, then submit the key URL."
                    .to_owned()
            }
            Self::VaultNotFound { vault } => format!("There is no key vault {vault}."),
            Self::NotAVault { vault, fault } => {
                format!("The server {vault} did not respond like a key vault: {fault}.")
            }
            Self::WrongTenant { vault, found, expected } => {
                format!("The key vault {vault} belongs to tenant {found}. This onboarding is for tenant {expected}.")
            }
            Self::WrongRegion { vault, disks } => format!(
                "The key vault is in {vault} and the disks are in {disks}. Azure requires both in the same region."
            ),
            Self::KeyNotFound { key } => {
                format!("The key vault {} has no key {}.", key.host().vault_name(), key.name())
            }
            Self::KeyDeleted { key } => format!(
                "The key {} in key vault {} is deleted. It can be recovered.",
                key.name(),
                key.host().vault_name()
            ),
            Self::GrantMissing { .. } => "The application does not have access to the key yet.".to_owned(),
            Self::AccessPolicyMissing { .. } => {
                "The key vault uses access policies, and none of them gives the application access to keys.".to_owned()
            }
            Self::VaultUnreachable { vault, error } => format!("Latchkey cannot check the key in the key vault {vault} at present: {error}."),
            Self::Firewall { .. } => {
                "The firewall of the key vault does not allow the address that Latchkey calls from.".to_owned()
            }
            Self::PrivateOnly { .. } => "The key vault can only be reached through private endpoints.".to_owned(),
            Self::VaultRefuses { error } => format!("The key vault refuses the request ({error})."),
            Self::KeyDisabled { key } => match key.version() {
                Some(version) => {
                    format!("Version {version} of the key is disabled, and the disks use that version.")
                }
                None => "The key is disabled.".to_owned(),
            },
            Self::KeyExpired { .. } => "The key has expired, or expires within a day.".to_owned(),
            Self::KeyNotYetValid { .. } => "The key is not valid yet.".to_owned(),
            Self::KeyType { found, .. } => {
                format!("Managed disks need an RSA key. This key is of type {found}.")
            }
            Self::KeySize { bits, .. } => format!(
                "Managed disks need an RSA key of 2048, 3072 or 4096 bits. This key has {}.",
                bits.map_or_else(|| "an unknown size".to_owned(), |bits| format!("{bits} bits"))
            ),
            Self::KeyOperations { .. } => {
                "The key does not allow both operations that managed disks need: wrap key and unwrap key.".to_owned()
            }
            Self::KeyAlgorithm { error, .. } => format!("The key cannot wrap with RSA-OAEP-256 ({error})."),
            Self::WrapMismatch => "The key did not unwrap what it had wrapped.".to_owned(),
            Self::KeyClaimed => "This key is in use by another onboarding.".to_owned(),
            Self::NoPurgeProtection { .. } => {
                "The key vault has no purge protection. Whoever can purge the key can make the disks unreadable for \
                 good."
                    .to_owned()
            }
            Self::ManagedHsm => "Keys in a managed HSM are not supported yet.".to_owned(),
            Self::SetRefused { .. } => {
                "Your key vault refused Azure's disk service, although the key worked when Latchkey checked it."
                    .to_owned()
            }
            Self::NewVersionUnusable { key, fault, in_use, error } => format!(
                "The newest version of the key, {}, cannot be used for the disks ({fault}). The disks still use version \
                 {}.{}",
                version(key),
                version(in_use),
                match error {
                    Some(error) => format!(" Azure has stopped looking for new versions ({error})."),
                    None => String::new(),
                }
            ),
            Self::OldVersionDisabled { key } => format!(
                "Version {} of the key does not work any more, and Azure may still need it for some of the disks.",
                version(key)
            ),
            Self::FormerKeyNeeded { key, fault } => format!(
                "The key {} was replaced and does not work any more ({fault}), and Azure may still need it for some of \
                 the disks.",
                key.without_version()
            ),
            Self::ReplacementRefused { key, error } => format!(
                "The key was not replaced: Azure's disk service cannot use the key {} ({error}). The disks still use the \
                 key that they used before.",
                key.without_version()
            ),
            Self::ReplacementFailed { set, error } => format!(
                "The key was not replaced, and the disk encryption set {} was not changed ({error}). The disks still use \
                 the key that they used before.",
                set.name()
            ),
            Self::KeyExpires { key, at } => format!(
                "Version {} of the key expires on {}. Create a new version before that. Azure starts to use it without \
                 further action.",
                version(key),
                at.date()
            ),
            Self::KeyRotationFailed { set, error, .. } => format!(
                "Azure has stopped looking for new versions of the key ({error}). It starts again when the vendor updates \
                 the disk encryption set {}.",
                set.name()
            ),
            Self::KeyRotationLate { set, key } => format!(
                "Azure should have changed the disk encryption set {} to version {} of the key within an hour, and has \
                 not.",
                set.name(),
                version(key)
            ),
            Self::SetChanged { set, what } => format!(
                "The disk encryption set {} is no longer as Latchkey created it: {what}.",
                set.name()
            ),
            Self::SetDeleted { set } => format!("The disk encryption set {} was deleted.", set.name()),
            Self::NoDisks { .. } => {
                "The disk encryption set is ready, but no disk is tagged for this purchase.".to_owned()
            }
            Self::DiskAttached { disk, error: None } => {
                format!("Disk {} is attached to a running virtual machine.", disk.name())
            }
            Self::DiskAttached { disk, error: Some(error) } => {
                format!("Azure does not change disk {} at present ({error}).", disk.name())
            }
            Self::DiskUnderOtherSet { disk } => {
                format!("Disk {} is already encrypted with another disk encryption set.", disk.name())
            }
            Self::SetNotOurs { set } => format!(
                "A disk encryption set named {} exists that Latchkey did not create for this onboarding.",
                set.name()
            ),
            Self::ProvisioningFailed { set, error } => {
                format!("Azure did not create the disk encryption set {} ({error}).", set.name())
            }
            Self::DiskEncryptionFailed { disk } => {
                format!("Azure accepted the encryption of disk {} but did not complete it.", disk.name())
            }
            Self::MachineShared { machine, disk } => format!(
                "The virtual machine {} is left alone, because its disk {} does not belong to this onboarding.",
                machine.name(),
                disk.name()
            ),
            Self::MachineNotStopped { machine, error } => {
                format!("The virtual machine {} was not stopped ({error}).", machine.name())
            }
            Self::MachineNotStarted { machine, error } => {
                format!("The virtual machine {} was stopped and did not start again ({error}).", machine.name())
            }
            Self::LeavingNotApproved => leaving::NOT_APPROVED.to_owned(),
            Self::KeyHeldElsewhere { key, .. } => leaving::held_elsewhere(key),
            Self::DiskNotReturned { disk, error } => leaving::not_returned(disk, error.as_deref()),
            Self::SetInUse { by, kind, others } => leaving::in_use(by, kind, *others),
            Self::SetNotRemoved { set, error } => {
                format!("Azure did not delete the disk encryption set {} ({error}).", set.name())
            }
            Self::AccessRemains { .. } => leaving::REMAINS.to_owned(),
            Self::StandsStill { function } => format!(
                "The step {function} has not got on for a long time, although it was started again. The vendor has to \
                 look at it."
            ),
            Self::StepRefused { function, reason } => format!(
                "The step {function} failed and is not tried again by itself ({reason}). The vendor has to look at it."
            ),
            Self::VendorSetup { fault, error, .. } => {
                format!("{}{}.", set_up_fault(*fault), numbered(*error))
            }
        }
    }

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
                "Submit the URL of a key from this list.".to_owned(),
            ],
            Self::KeyDeleted { key } => {
                vec![format!("az keyvault key recover --vault-name {} --name {}", vault(key), key.name())]
            }
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
            Self::PrivateOnly { .. } => vec![
                "Allow public access from Latchkey's outbound address, or approve a private endpoint.".to_owned(),
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
                format!("az disk update --name {} --resource-group GROUP --remove tags.latchkey-subscription", disk.name()),
            ],
            Self::SetNotOurs { .. } => vec![
                "Delete that disk encryption set, or tag it with latchkey-onboarding and the id of this onboarding."
                    .to_owned(),
            ],
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

fn vault(key: &KeyUrl) -> &str {
    key.host().vault_name()
}

fn grant_command(service_principal: &ObjectId, scope: &str) -> String {
    format!(
        "az role assignment create --role \"{ROLE}\" --assignee-object-id {service_principal} \
         --assignee-principal-type ServicePrincipal --scope {scope}"
    )
}

/// Of one version when the key names one; otherwise Azure takes the newest.
fn set_attributes(key: &KeyUrl, what: impl Display) -> String {
    let version = key.version().map(|version| format!("--version {version} ")).unwrap_or_default();
    format!(
        "az keyvault key set-attributes --vault-name {} --name {} {version}{what}",
        vault(key),
        key.name()
    )
}

fn new_version(key: &KeyUrl) -> String {
    format!("az keyvault key create --vault-name {} --name {} --kty RSA --size 3072", vault(key), key.name())
}

fn version(key: &KeyUrl) -> &str {
    key.version().unwrap_or("(no version)")
}

fn numbered(error: Option<u32>) -> String {
    error.map(|error| format!(" (AADSTS{error})")).unwrap_or_default()
}

fn blocked_by(policy: Policy) -> &'static str {
    match policy {
        Policy::ConditionalAccess => "A Conditional Access policy of your tenant blocks the application",
        Policy::InboundAccess => "The cross-tenant access settings of your tenant block the application",
        Policy::AdministratorConsent => {
            "The consent settings of your tenant require an administrator to approve the application"
        }
        Policy::RiskyApplication => {
            "Microsoft Entra considers the application risky and requires an administrator of your tenant to approve it"
        }
        Policy::ServiceUnknown => "Your tenant does not have Azure Key Vault",
    }
}

fn lift(policy: Policy) -> String {
    match policy {
        Policy::ConditionalAccess => "In the Microsoft Entra admin center, under Conditional Access, Policies, exclude \
             the application from the policy that blocks workload identities. The service principal sign-in log names \
             the policy."
            .to_owned(),
        Policy::InboundAccess => "In the Microsoft Entra admin center, under External Identities, Cross-tenant access \
             settings, allow inbound access for the vendor's tenant."
            .to_owned(),
        Policy::AdministratorConsent => format!("Open the consent link as {ADMINISTRATORS}, and approve."),
        Policy::RiskyApplication => format!(
            "Make sure that the application is the vendor's. Then open the consent link as {ADMINISTRATORS}, and \
             approve."
        ),
        Policy::ServiceUnknown => {
            "Use a tenant that has an Azure subscription with the resource provider Microsoft.KeyVault registered."
                .to_owned()
        }
    }
}

fn set_up_fault(fault: SetUpFault) -> &'static str {
    match fault {
        SetUpFault::CredentialMismatch => {
            "No federated credential of the vendor's application matches its managed identity"
        }
        SetUpFault::IdentityMissing => "The managed identity is not assigned to the vendor's function app",
        SetUpFault::ApplicationMisconfigured => "The vendor's application is not set up correctly",
        SetUpFault::OutboundAccess => {
            "The cross-tenant access settings of the vendor's tenant do not allow the application to reach your tenant"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Owner;

    #[test]
    fn a_missing_grant_says_the_whole_command() {
        let key: KeyUrl = "https://contoso.vault.azure.net/keys/disks".parse().unwrap();
        let principal: ObjectId = "0a1b2c3d-1111-2222-3333-444455556666".parse().unwrap();
        let finding = Finding::GrantMissing { service_principal: Some(principal), key };
        assert_eq!(finding.owner(), Owner::Customer);
        assert_eq!(
            finding.mend(),
            ["az role assignment create --role \"Key Vault Crypto Service Encryption User\" \
              --assignee-object-id 0a1b2c3d-1111-2222-3333-444455556666 \
              --assignee-principal-type ServicePrincipal \
              --scope $(az keyvault show --name contoso --query id --output tsv)/keys/disks"]
        );
    }
}
