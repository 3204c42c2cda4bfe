//! What was found wrong, whose turn it is, and how to mend it.
//!
//! A finding is a value, not an error: the onboarding waits for somebody, nothing runs meanwhile, and the customer's
//! page shows the finding as it stands here.

use azure_ids::{ArmId, KeyUrl, ObjectId, Region, TenantId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// Who must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// The customer, who holds the key.
    Customer,
    /// The vendor, who runs Latchkey.
    Vendor,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident => $owner:ident),+ $(,)?) => {
        /// What was found. The names are part of the API: pages, logs and alerts show them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Code { $($(#[$doc])* $code),+ }

        impl Code {
            /// Who must act on it.
            #[must_use]
            pub fn owner(self) -> Owner {
                match self { $(Self::$code => Owner::$owner),+ }
            }
        }
    };
}

codes! {
    /// The application has no service principal in the customer's tenant.
    ConsentMissing => Customer,
    /// The service principal is there and disabled.
    ApplicationDisabled => Customer,
    /// A policy of the customer's tenant (Conditional Access, cross-tenant access) keeps the application out.
    PolicyBlocks => Customer,
    /// No key was handed in yet.
    KeyNotShared => Customer,
    /// No vault answers under that name.
    VaultNotFound => Customer,
    /// The vault belongs to another tenant than the one that this onboarding is bound to.
    WrongTenant => Customer,
    /// The vault is in another region than the disks.
    WrongRegion => Customer,
    /// The vault has no such key, or it is soft-deleted.
    KeyNotFound => Customer,
    /// The service principal lacks the role on the key.
    GrantMissing => Customer,
    /// The vault uses access policies, and none names the service principal.
    AccessPolicyMissing => Customer,
    /// The vault's firewall keeps the vendor's address out.
    Firewall => Customer,
    /// The vault can only be reached through private endpoints.
    PrivateOnly => Customer,
    /// The vault refuses for a reason that it did not name.
    VaultRefuses => Customer,
    /// The key is disabled.
    KeyDisabled => Customer,
    /// The key has expired, or expires within a day.
    KeyExpired => Customer,
    /// The key is not valid yet.
    KeyNotYetValid => Customer,
    /// The key is not an RSA key.
    KeyType => Customer,
    /// The key is RSA, but not of 2048, 3072 or 4096 bits.
    KeySize => Customer,
    /// The key may not wrap or unwrap.
    KeyOperations => Customer,
    /// What was unwrapped is not what had been wrapped.
    WrapMismatch => Customer,
    /// Another onboarding holds the key.
    KeyClaimed => Customer,
    /// The key can be purged for good; a warning only.
    NoPurgeProtection => Customer,
    /// A managed HSM key, which is not supported yet.
    ManagedHsm => Customer,
    /// The disk service was refused by the customer's vault.
    SetRefused => Customer,
    /// The marketplace subscription is suspended.
    SubscriptionSuspended => Customer,
    /// No disk is tagged as this customer's.
    NoDisks => Vendor,
    /// The disk is attached to a running machine.
    DiskAttached => Vendor,
    /// The disk is already encrypted under another disk encryption set.
    DiskUnderOtherSet => Vendor,
    /// A disk encryption set of that name exists and is not ours.
    SetNotOurs => Vendor,
    /// Azure failed to make the disk encryption set, for a reason that is not the customer's key.
    ProvisioningFailed => Vendor,
    /// Azure took on the encryption of a disk, and it came to nothing.
    DiskEncryptionFailed => Vendor,
    /// A step was refused for good and lies among the dead letters.
    StepRefused => Vendor,
    /// The vendor's own set-up (application, federated credential, identity, roles) is not right.
    VendorSetup => Vendor,
}

impl Code {
    /// Whether it is about the consent, and so about everything that follows it.
    #[must_use]
    pub fn is_about_consent(self) -> bool {
        matches!(self, Self::ConsentMissing | Self::ApplicationDisabled | Self::PolicyBlocks)
    }

    /// Whether a probe that finds nothing wrong resolves it.
    #[must_use]
    pub(crate) fn is_resolved_by_a_working_key(self) -> bool {
        match self {
            Self::ConsentMissing
            | Self::ApplicationDisabled
            | Self::PolicyBlocks
            | Self::KeyNotShared
            | Self::VaultNotFound
            | Self::WrongTenant
            | Self::WrongRegion
            | Self::KeyNotFound
            | Self::GrantMissing
            | Self::AccessPolicyMissing
            | Self::Firewall
            | Self::PrivateOnly
            | Self::VaultRefuses
            | Self::KeyDisabled
            | Self::KeyExpired
            | Self::KeyNotYetValid
            | Self::KeyType
            | Self::KeySize
            | Self::KeyOperations
            | Self::WrapMismatch
            | Self::KeyClaimed
            | Self::NoPurgeProtection
            | Self::ManagedHsm
            | Self::SetRefused
            | Self::ProvisioningFailed
            | Self::StepRefused
            | Self::VendorSetup => true,
            Self::SubscriptionSuspended
            | Self::NoDisks
            | Self::DiskAttached
            | Self::DiskUnderOtherSet
            | Self::DiskEncryptionFailed
            | Self::SetNotOurs => false,
        }
    }

    /// Whether looking again by ourselves can find something new: not while only somebody's handing in a key, or
    /// mending and replaying a dead letter, helps.
    pub(crate) fn is_looked_at_again(self) -> bool {
        !matches!(self, Self::KeyNotShared | Self::StepRefused)
    }
}

/// One named result of looking: a code, who must act, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was found.
    pub code: Code,
    /// Who must act.
    pub owner: Owner,
    /// One sentence for the person who must act.
    pub summary: String,
    /// Steps or commands that mend it, in order.
    pub mend: Vec<String>,
}

/// The role that the article of Microsoft's, and we, ask for: get, wrap and unwrap, nothing else.
const ROLE: &str = "Key Vault Crypto Service Encryption User";

impl Finding {
    /// A finding in one sentence, with the steps that mend it.
    #[must_use]
    pub fn new(code: Code, summary: impl Into<String>, mend: &[String]) -> Self {
        Self { code, owner: code.owner(), summary: summary.into(), mend: mend.to_vec() }
    }

    /// The customer has not consented, or has withdrawn it.
    #[must_use]
    pub fn consent_missing(tenant: TenantId) -> Self {
        Self::new(
            Code::ConsentMissing,
            format!("An administrator of tenant {tenant} has to approve the application."),
            &["Open the consent link and approve.".to_owned()],
        )
    }

    /// Consent is proven; the key is still to come.
    #[must_use]
    pub fn key_not_shared(service_principal: ObjectId, region: &Region) -> Self {
        Self::new(
            Code::KeyNotShared,
            "Make a key in a key vault, grant the application its use, and hand in the key's URL.",
            &[
                format!(
                    "az keyvault create --name VAULT --resource-group GROUP --location {region} \
                     --enable-rbac-authorization true --enable-purge-protection true"
                ),
                "az keyvault key create --vault-name VAULT --name KEY --kty RSA --size 3072".to_owned(),
                grant_command(
                    service_principal,
                    "$(az keyvault show --name VAULT --query id --output tsv)/keys/KEY",
                ),
            ],
        )
    }

    /// The service principal lacks the role on the key.
    #[must_use]
    pub fn grant_missing(service_principal: Option<ObjectId>, key: &KeyUrl) -> Self {
        let vault = key.host().vault_name();
        let scope = format!("$(az keyvault show --name {vault} --query id --output tsv)/keys/{}", key.name());
        let mend = match service_principal {
            Some(principal) => grant_command(principal, &scope),
            None => format!("Assign the role \"{ROLE}\" to the application on {scope}."),
        };
        Self::new(Code::GrantMissing, "The application may not use the key yet.", &[mend])
    }

    /// The vault is in another region than the disks.
    #[must_use]
    pub fn wrong_region(vault: &Region, disks: &Region) -> Self {
        Self::new(
            Code::WrongRegion,
            format!("The vault is in {vault}; the disks are in {disks}. Azure demands one region for both."),
            &[format!("Make the key in a vault in {disks} and hand in its URL.")],
        )
    }

    /// No disk is tagged as this customer's.
    #[must_use]
    pub fn no_disks(tenant: TenantId) -> Self {
        Self::new(
            Code::NoDisks,
            "The disk encryption set is ready, and no disk is tagged as this customer's.",
            &[format!(
                "az disk update --name DISK --resource-group GROUP --set tags.latchkey-tenant={tenant}"
            )],
        )
    }

    /// A step was refused for good: the chain stands until somebody mends what it says and looks again.
    #[must_use]
    pub fn step_refused(function: &str, reason: &str, description: &str) -> Self {
        Self::new(
            Code::StepRefused,
            format!("The step {function} was refused ({reason}): {description}"),
            &["Mend what it says, then press \"Check again\" or replay the dead letter.".to_owned()],
        )
    }

    /// A disk cannot be changed while it is attached to a running machine.
    #[must_use]
    pub fn disk_attached(disk: &ArmId) -> Self {
        Self::new(
            Code::DiskAttached,
            format!("Disk {} is attached to a running virtual machine.", disk.name()),
            &["Deallocate the machine; Latchkey encrypts the disk at the next check.".to_owned()],
        )
    }
}

fn grant_command(service_principal: ObjectId, scope: &str) -> String {
    format!(
        "az role assignment create --role \"{ROLE}\" --assignee-object-id {service_principal} \
         --assignee-principal-type ServicePrincipal --scope {scope}"
    )
}

/// What an onboarding waits for, and on whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blocker {
    /// What was found.
    #[serde(flatten)]
    pub finding: Finding,
    /// The disk that it is about, when it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<ArmId>,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
    /// How often it was looked at again.
    pub checks: u32,
    /// The journal entry that set the present check; a check that was due for an older entry is void.
    pub entry: u64,
    /// When it is looked at again by itself; never, when only somebody's handing in something can help.
    #[serde(with = "time::serde::rfc3339::option")]
    pub next_check: Option<OffsetDateTime>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_grant_says_the_whole_command() {
        let key: KeyUrl = "https://contoso.vault.azure.net/keys/disks".parse().unwrap();
        let principal: ObjectId = "0a1b2c3d-1111-2222-3333-444455556666".parse().unwrap();
        let finding = Finding::grant_missing(Some(principal), &key);
        assert_eq!(finding.owner, Owner::Customer);
        assert_eq!(
            finding.mend,
            ["az role assignment create --role \"Key Vault Crypto Service Encryption User\" \
              --assignee-object-id 0a1b2c3d-1111-2222-3333-444455556666 \
              --assignee-principal-type ServicePrincipal \
              --scope $(az keyvault show --name contoso --query id --output tsv)/keys/disks"]
        );
    }
}
