//! What was found wrong, whose turn it is, and how to mend it.
//!
//! A finding is a value, not an error: the onboarding waits for somebody, and nothing runs meanwhile. It holds what was
//! seen; the sentences are made when it is shown (`words`), so that better wording reaches old onboardings too.

mod catalogue;
mod key_is;
mod words;

use azure_ids::KeyUrl;
use serde::{Deserialize, Serialize};

pub(crate) use catalogue::ResolvedBy;
pub use catalogue::{Code, Finding};
pub use key_is::KeyIs;

use crate::about::{About, Subject};

/// The tag of a key that shows whose it is.
pub const OWNERSHIP_TAG: &str = "latchkey-ownership";
/// In commands, where the customer's own value of that tag goes.
pub const NONCE: &str = "NONCE";

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

/// Who of the owner's people can do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Person {
    /// An administrator of the customer's Microsoft Entra tenant.
    CustomerAdministrator,
    /// Whoever manages the customer's key and its key vault.
    KeyOwner,
    /// The vendor's operator.
    Vendor,
    /// Nobody: time mends it.
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

impl Code {
    /// The name as it stands in JSON.
    #[must_use]
    pub fn name(self) -> String {
        // A unit variant always is a JSON string.
        serde_json::to_value(self).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Who of its owner's people can mend it: for consent and policies an administrator of the tenant, for everything else
    /// of the customer's whoever manages the key.
    #[must_use]
    pub fn person(self) -> Person {
        match self.owner() {
            Owner::Customer if self.is_about_consent() => Person::CustomerAdministrator,
            Owner::Customer => Person::KeyOwner,
            Owner::Vendor => Person::Vendor,
            Owner::Azure => Person::Azure,
        }
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
