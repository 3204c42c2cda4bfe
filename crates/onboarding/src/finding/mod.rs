//! What was found wrong, whose turn it is, and how to mend it.
//!
//! A finding is a value, not an error: the onboarding waits for somebody, and nothing runs meanwhile. It holds what was
//! seen; the sentences are made when it is shown (`words`), so that better wording reaches old onboardings too.

mod words;
mod words_of_leaving;

use azure_ids::{ArmId, KeyUrl, ObjectId, Region, TenantId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    OnboardingId,
    about::{About, Subject},
};

/// Who must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// The customer, who holds the key.
    Customer,
    /// The vendor, who runs Latchkey.
    Vendor,
    /// Azure: nobody has to act, and time mends it.
    Azure,
}

/// A policy that does not let the application into a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Conditional Access for workload identities.
    ConditionalAccess,
    /// Inbound cross-tenant access settings.
    InboundAccess,
    /// Consent settings that require an administrator.
    AdministratorConsent,
    /// Entra considers the application risky and requires an administrator.
    RiskyApplication,
    /// The tenant has no Azure Key Vault: it has no Azure subscription, or the provider is not registered.
    ServiceUnknown,
}

/// What is wrong with the vendor's own set-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetUpFault {
    /// No federated credential of the application matches the managed identity.
    CredentialMismatch,
    /// The managed identity is not assigned to the function app.
    IdentityMissing,
    /// The application is set up wrongly.
    ApplicationMisconfigured,
    /// Outbound cross-tenant access settings of the vendor's tenant.
    OutboundAccess,
}

macro_rules! findings {
    ($($(#[$doc:meta])* $code:ident $({ $($(#[$field_doc:meta])* $field:ident : $type:ty),+ $(,)? })? => $owner:ident, $resolved:ident;)+) => {
        /// What was found, with what was seen.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Finding { $($(#[$doc])* $code $({ $($(#[$field_doc])* $field: $type),+ })?),+ }

        /// The name of a finding. The names are part of the API: pages, logs and alerts show them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Code { $($(#[$doc])* $code),+ }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$code),+];

            /// Who must act on it.
            #[must_use]
            pub fn owner(self) -> Owner {
                match self { $(Self::$code => Owner::$owner),+ }
            }

            /// What shows that it is resolved.
            pub(crate) fn resolved_by(self) -> ResolvedBy {
                match self { $(Self::$code => ResolvedBy::$resolved),+ }
            }
        }

        impl Finding {
            /// Its name.
            #[must_use]
            pub fn code(&self) -> Code {
                match self { $(Self::$code $({ $($field: _),+ })? => Code::$code),+ }
            }
        }
    };
}

/// What shows that a finding is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResolvedBy {
    /// A token in the bound tenant.
    Token,
    /// A probe that finds nothing wrong with the key.
    WorkingKey,
    /// The step that found it, when it gets on.
    Step,
}

findings! {
    /// The application has no service principal in the customer's tenant.
    ConsentMissing {
        /// The customer's tenant.
        tenant: TenantId,
    } => Customer, Token;
    /// The service principal is there and disabled.
    ApplicationDisabled {
        /// The number of Entra's error (AADSTS).
        error: u32,
    } => Customer, Token;
    /// A policy of the customer's tenant does not let the application in.
    PolicyBlocks {
        /// Which policy.
        policy: Policy,
        /// The number of Entra's error (AADSTS).
        error: u32,
    } => Customer, Token;
    /// No key was submitted yet.
    KeyNotShared {
        /// Whom to grant access.
        service_principal: ObjectId,
        /// Where the vault must be.
        region: Region,
    } => Customer, WorkingKey;
    /// No vault answers under that name.
    VaultNotFound {
        /// The vault's host name.
        vault: String,
    } => Customer, WorkingKey;
    /// What answers under that name did not respond like a key vault.
    NotAVault {
        /// The vault's host name.
        vault: String,
        /// What was wrong with the response.
        fault: String,
    } => Customer, WorkingKey;
    /// The vault belongs to another tenant than the one that this onboarding is bound to.
    WrongTenant {
        /// The vault's host name.
        vault: String,
        /// The vault's tenant.
        found: TenantId,
        /// The bound tenant.
        expected: TenantId,
    } => Customer, WorkingKey;
    /// The vault is in another region than the disks.
    WrongRegion {
        /// The vault's region.
        vault: Region,
        /// The disks' region.
        disks: Region,
    } => Customer, WorkingKey;
    /// The vault has no such key.
    KeyNotFound {
        /// The key.
        key: KeyUrl,
    } => Customer, WorkingKey;
    /// The key is deleted and can be recovered.
    KeyDeleted {
        /// The key.
        key: KeyUrl,
    } => Customer, WorkingKey;
    /// The service principal lacks the role on the key.
    GrantMissing {
        /// The service principal, once it is known.
        service_principal: Option<ObjectId>,
        /// The key.
        key: KeyUrl,
    } => Customer, WorkingKey;
    /// The vault of a key that had worked did not answer.
    VaultUnreachable {
        /// The vault's host name.
        vault: String,
        /// What happened instead of an answer.
        error: String,
    } => Azure, WorkingKey;
    /// The vault uses access policies, and none names the service principal.
    AccessPolicyMissing {
        /// The service principal, once it is known.
        service_principal: Option<ObjectId>,
        /// The key.
        key: KeyUrl,
    } => Customer, WorkingKey;
    /// The vault's firewall does not allow the vendor's address.
    Firewall {
        /// The key.
        key: KeyUrl,
        /// The address that the vault saw.
        client_address: Option<String>,
    } => Customer, WorkingKey;
    /// The vault can only be reached through private endpoints.
    PrivateOnly {
        /// The key.
        key: KeyUrl,
    } => Customer, WorkingKey;
    /// The vault refuses for a reason that we do not know.
    VaultRefuses {
        /// The vault's code.
        error: String,
    } => Customer, WorkingKey;
    /// The key is disabled.
    KeyDisabled {
        /// The key.
        key: KeyUrl,
    } => Customer, WorkingKey;
    /// The key has expired, or expires within a day.
    KeyExpired {
        /// The key.
        key: KeyUrl,
    } => Customer, WorkingKey;
    /// The key is not valid yet.
    KeyNotYetValid {
        /// The key.
        key: KeyUrl,
    } => Customer, WorkingKey;
    /// The key is not an RSA key.
    KeyType {
        /// The key.
        key: KeyUrl,
        /// The type that it has.
        found: String,
    } => Customer, WorkingKey;
    /// The key is RSA, but not of 2048, 3072 or 4096 bits.
    KeySize {
        /// The key.
        key: KeyUrl,
        /// The size that it has, when the vault says it.
        bits: Option<u32>,
    } => Customer, WorkingKey;
    /// The key does not allow both wrapping and unwrapping.
    KeyOperations {
        /// The key.
        key: KeyUrl,
    } => Customer, WorkingKey;
    /// The key cannot wrap with RSA-OAEP-256.
    KeyAlgorithm {
        /// The key.
        key: KeyUrl,
        /// The vault's code.
        error: String,
    } => Customer, WorkingKey;
    /// What was unwrapped is not what had been wrapped.
    WrapMismatch => Customer, WorkingKey;
    /// Another onboarding holds the key.
    KeyClaimed => Customer, WorkingKey;
    /// The key can be purged for good; a warning only.
    NoPurgeProtection {
        /// The key.
        key: KeyUrl,
    } => Customer, WorkingKey;
    /// A managed HSM key, which is not supported yet.
    ManagedHsm => Customer, WorkingKey;
    /// The customer's vault refused Azure's disk service.
    SetRefused {
        /// The key.
        key: KeyUrl,
    } => Customer, WorkingKey;
    /// The newest version of the key in use does not serve for disks, which still use an older one.
    NewVersionUnusable {
        /// The newest version.
        key: Box<KeyUrl>,
        /// What is wrong with it: the name of a finding.
        fault: String,
        /// The version that the disks use.
        in_use: Box<KeyUrl>,
        /// Azure's code, when Azure tried it and follows no new versions any more.
        error: Option<String>,
    } => Customer, Step;
    /// A version that the disks still need while a rotation is under way does not work.
    OldVersionDisabled {
        /// That version.
        key: KeyUrl,
    } => Customer, Step;
    /// The key that was replaced does not work any more, and Azure still needs it for some disks.
    FormerKeyNeeded {
        /// The version of it that Azure names.
        key: Box<KeyUrl>,
        /// What is wrong with it: the name of a finding.
        fault: String,
    } => Customer, Step;
    /// The customer's vault refused Azure's disk service the key that was to replace the one in use.
    ReplacementRefused {
        /// The key that was to replace it.
        key: KeyUrl,
        /// Azure's code.
        error: String,
    } => Customer, Step;
    /// The disk encryption set was not changed to the other key, for a reason that is not the customer's key.
    ReplacementFailed {
        /// The set.
        set: ArmId,
        /// Azure's code, or what stands against it.
        error: String,
    } => Vendor, Step;
    /// The key in use expires soon; a warning only.
    KeyExpires {
        /// The version in use.
        key: KeyUrl,
        /// When.
        at: OffsetDateTime,
    } => Customer, Step;
    /// Azure follows no new versions of the key any more, although the newest one serves.
    KeyRotationFailed {
        /// The set.
        set: ArmId,
        /// The newest version.
        key: Box<KeyUrl>,
        /// Azure's code.
        error: String,
    } => Vendor, Step;
    /// Azure has not taken over a new version of the key in the documented time.
    KeyRotationLate {
        /// The set.
        set: ArmId,
        /// The newest version.
        key: Box<KeyUrl>,
    } => Vendor, Step;
    /// The disk encryption set is not any more as Latchkey made it.
    SetChanged {
        /// The set.
        set: ArmId,
        /// What differs.
        what: String,
    } => Vendor, Step;
    /// The disk encryption set was deleted before the subscription was activated.
    SetDeleted {
        /// The set.
        set: ArmId,
    } => Vendor, WorkingKey;
    /// No disk is tagged for this purchase.
    NoDisks {
        /// The customer's tenant.
        tenant: TenantId,
        /// The marketplace's subscription, which is the tag's value.
        subscription: Option<Uuid>,
    } => Vendor, Step;
    /// The disk is attached to a running machine.
    DiskAttached {
        /// The disk.
        disk: ArmId,
        /// Azure's code, when it was Azure that refused.
        error: Option<String>,
    } => Vendor, Step;
    /// The disk is already encrypted under another disk encryption set.
    DiskUnderOtherSet {
        /// The disk.
        disk: ArmId,
    } => Vendor, Step;
    /// A disk encryption set of that name exists and is not ours.
    SetNotOurs {
        /// The set.
        set: ArmId,
    } => Vendor, Step;
    /// Azure did not create the disk encryption set, for a reason that is not the customer's key.
    ProvisioningFailed {
        /// The set.
        set: ArmId,
        /// Azure's code.
        error: String,
    } => Vendor, WorkingKey;
    /// Azure accepted the encryption of a disk and did not complete it.
    DiskEncryptionFailed {
        /// The disk.
        disk: ArmId,
    } => Vendor, Step;
    /// A machine was not stopped, because it has disks of another customer too.
    MachineShared {
        /// The machine.
        machine: ArmId,
        /// The disk that is not this customer's.
        disk: ArmId,
    } => Vendor, Step;
    /// A machine was not stopped.
    MachineNotStopped {
        /// The machine.
        machine: ArmId,
        /// Azure's code.
        error: String,
    } => Vendor, Step;
    /// A machine that the ladder had stopped was not started again.
    MachineNotStarted {
        /// The machine.
        machine: ArmId,
        /// Azure's code.
        error: String,
    } => Vendor, Step;
    /// The hold of an onboarding that leaves is over, and nobody approved what is to be undone.
    LeavingNotApproved => Vendor, Step;
    /// Another onboarding uses the key: nothing is undone that it depends on.
    KeyHeldElsewhere {
        /// The key.
        key: KeyUrl,
        /// The other onboarding.
        onboarding: OnboardingId,
    } => Vendor, Step;
    /// The disk did not go back to a platform-managed key.
    DiskNotReturned {
        /// The disk.
        disk: ArmId,
        /// Azure's code; none for a disk that is attached to a running machine.
        error: Option<String>,
    } => Vendor, Step;
    /// Something that Latchkey does not change still uses the disk encryption set.
    SetInUse {
        /// The first of what uses it.
        by: ArmId,
        /// What that is.
        kind: String,
        /// How many others use it.
        others: u32,
    } => Vendor, Step;
    /// Azure did not remove the disk encryption set.
    SetNotRemoved {
        /// The set.
        set: ArmId,
        /// Azure's code.
        error: String,
    } => Vendor, Step;
    /// The customer has left, and the application still has access to the key.
    AccessRemains {
        /// Whose access it is.
        service_principal: Option<ObjectId>,
        /// The key.
        key: KeyUrl,
    } => Customer, Step;
    /// Nothing has happened for a long time, although it was restarted.
    StandsStill {
        /// The function whose step is to take it on.
        function: String,
    } => Vendor, Step;
    /// A step was refused for good and lies among the dead letters.
    StepRefused {
        /// The function.
        function: String,
        /// Why: the dead letter's reason.
        reason: String,
    } => Vendor, Step;
    /// The vendor's own set-up (application, federated credential, identity, roles) is not right.
    VendorSetup {
        /// What is wrong.
        fault: SetUpFault,
        /// The number of Entra's error (AADSTS), when it was Entra that refused.
        error: Option<u32>,
        /// The customer's tenant.
        tenant: TenantId,
    } => Vendor, Token;
}

/// What a finding says of a key that had worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyIs {
    /// The customer's side took it away: the key, the grant, the consent, or a policy.
    Revoked,
    /// It could not be looked at: the network, the vault's firewall, Azure, or the vendor's own set-up.
    Unreachable,
    /// Nothing.
    NotMeant,
}

impl Code {
    /// What it says of a key that had worked.
    #[must_use]
    pub fn key_is(self) -> KeyIs {
        match self {
            Self::ConsentMissing
            | Self::ApplicationDisabled
            | Self::PolicyBlocks
            | Self::WrongTenant
            | Self::KeyNotFound
            | Self::KeyDeleted
            | Self::GrantMissing
            | Self::AccessPolicyMissing
            | Self::KeyDisabled
            | Self::KeyExpired
            | Self::KeyNotYetValid
            | Self::KeyType
            | Self::KeySize
            | Self::KeyOperations
            | Self::KeyAlgorithm => KeyIs::Revoked,
            Self::VaultNotFound
            | Self::NotAVault
            | Self::WrongRegion
            | Self::VaultUnreachable
            | Self::Firewall
            | Self::PrivateOnly
            | Self::VaultRefuses
            | Self::WrapMismatch
            | Self::VendorSetup => KeyIs::Unreachable,
            Self::KeyNotShared
            | Self::KeyClaimed
            | Self::NoPurgeProtection
            | Self::ManagedHsm
            | Self::SetRefused
            | Self::NewVersionUnusable
            | Self::OldVersionDisabled
            | Self::FormerKeyNeeded
            | Self::ReplacementRefused
            | Self::ReplacementFailed
            | Self::KeyExpires
            | Self::KeyRotationFailed
            | Self::KeyRotationLate
            | Self::SetChanged
            | Self::SetDeleted
            | Self::NoDisks
            | Self::DiskAttached
            | Self::DiskUnderOtherSet
            | Self::SetNotOurs
            | Self::ProvisioningFailed
            | Self::DiskEncryptionFailed
            | Self::MachineShared
            | Self::MachineNotStopped
            | Self::MachineNotStarted
            | Self::LeavingNotApproved
            | Self::KeyHeldElsewhere
            | Self::DiskNotReturned
            | Self::SetInUse
            | Self::SetNotRemoved
            | Self::AccessRemains
            | Self::StandsStill
            | Self::StepRefused => KeyIs::NotMeant,
        }
    }

    /// The name as it stands in JSON.
    #[must_use]
    pub fn name(self) -> String {
        // A unit variant always is a JSON string.
        serde_json::to_value(self).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Whether it is about the consent, and so about everything that follows it.
    #[must_use]
    pub fn is_about_consent(self) -> bool {
        matches!(self, Self::ConsentMissing | Self::ApplicationDisabled | Self::PolicyBlocks)
    }

    /// Whether looking again by ourselves can find something new: not while only somebody's submitting a key, asking
    /// again, or mending and replaying a dead letter, helps.
    pub(crate) fn is_looked_at_again(self) -> bool {
        !matches!(
            self,
            Self::KeyNotShared | Self::StepRefused | Self::ReplacementRefused | Self::ReplacementFailed
        )
    }

    /// The page of the runbook.
    #[must_use]
    pub fn runbook(self) -> String {
        format!("docs/runbook.md#{}", self.name())
    }
}

impl Finding {
    /// Who must act.
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.code().owner()
    }

    /// Which blocker it becomes, for a look at this: what is wrong with the consent or with the vendor's set-up is so
    /// whatever was looked at.
    pub(crate) fn subject(&self, about: &About, in_use: Option<&KeyUrl>) -> Subject {
        match self {
            Self::ConsentMissing { .. } | Self::ApplicationDisabled { .. } | Self::PolicyBlocks { .. } => {
                Subject::Consent
            }
            Self::VendorSetup { .. } => Subject::SetUp,
            Self::StepRefused { function, .. } => Subject::step(function, about),
            _ => match about {
                About::Consent => Subject::Consent,
                About::Key(key) if in_use.is_some_and(|used| used.is_same_key(key)) => Subject::Key,
                About::Key(_) => Subject::CandidateKey,
                About::Set => Subject::Set,
                About::Rotation => Subject::Rotation,
                About::Disk(disk) => Subject::Disk { disk: disk.clone() },
                About::Machine(machine) => Subject::Machine { machine: machine.clone() },
                About::Billing => Subject::Billing,
                About::Leaving => Subject::Leaving,
            },
        }
    }
}
