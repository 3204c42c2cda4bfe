//! Everything that is so about one onboarding.

use std::collections::BTreeMap;

use azure_ids::{ArmId, KeyUrl, ObjectId, Region, TenantId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    OnboardingId, ProvenKey, Subject,
    blocker::{Blocker, Blockers},
    finding::KeyIs,
    grace::Grace,
    leaving::Leaving,
    outage::Outage,
    replacement::Replacement,
    rotation::{Reminder, Rotation},
    taken::Taken,
    window::Window,
};

/// Everything that is so about one onboarding.
///
/// Only [`Onboarding::open`] and [`Onboarding::decide`] make one, and only the journal reads one back.
#[derive(Debug, Clone, PartialEq)]
pub struct Onboarding {
    pub(crate) id: OnboardingId,
    pub(crate) number: u64,
    pub(crate) tenant: TenantId,
    pub(crate) region: Region,
    pub(crate) purchase: Purchase,
    /// When the newest operation began that the subscription agreed with.
    pub(crate) changed_at: Option<OffsetDateTime>,
    pub(crate) opened_at: OffsetDateTime,
    pub(crate) consent: Consent,
    /// The proven key that the disk encryption set is made with, or will be.
    pub(crate) key: Option<ProvenKey>,
    /// A key that was submitted and is not in use.
    pub(crate) candidate: Option<CandidateKey>,
    /// That the candidate key is to take the place of the key in use.
    pub(crate) replacement: Option<Replacement>,
    pub(crate) set: Set,
    /// The rotation of the key in use that was seen last.
    pub(crate) rotation: Option<Rotation>,
    /// The last reminder that the key in use expires.
    pub(crate) reminder: Option<Reminder>,
    pub(crate) disks: BTreeMap<ArmId, DiskState>,
    /// The disks that were this customer's and are not any more.
    pub(crate) dropped: BTreeMap<ArmId, DropReason>,
    pub(crate) activated_at: Option<OffsetDateTime>,
    pub(crate) blockers: Blockers,
    /// How often creating the set failed: a failure after a good probe is looked at ever less often.
    pub(crate) set_failures: u32,
    /// Since when nothing got on, once it was restarted or looked at because of that.
    pub(crate) stood_since: Option<OffsetDateTime>,
    /// How often it was restarted since.
    pub(crate) restarts: u32,
    /// The grace ladder, and what may stop it.
    pub(crate) grace: Grace,
    /// How it leaves or has left.
    pub(crate) leaving: Option<Leaving>,
    /// The window in which machines may be stopped, or were.
    pub(crate) window: Option<Window>,
    /// What gives no answer, and what is sent again when it does.
    pub(crate) outage: Outage,
    pub(crate) taken: Taken,
}

/// What was bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// The marketplace's subscription.
    pub subscription: Uuid,
    /// The plan at the time of the purchase.
    pub plan: String,
    /// The number of seats, for a plan that is sold by seats.
    pub quantity: Option<u32>,
    /// The marketplace's state of the subscription, as last read from the marketplace itself.
    pub status: SubscriptionStatus,
}

/// The marketplace's state of a subscription (SaaS fulfillment API v2, `saasSubscriptionStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubscriptionStatus {
    /// Bought, not activated: nobody is billed.
    PendingFulfillmentStart,
    /// Activated.
    Subscribed,
    /// Payment failed; may be reinstated.
    Suspended,
    /// Over for good.
    Unsubscribed,
}

/// Whether the application is let into the customer's tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consent {
    /// Not proven.
    Pending,
    /// A token was obtained in the bound tenant.
    Proven {
        /// The application's service principal there: the grantee of the role.
        service_principal: ObjectId,
    },
}

/// A key that was submitted and is not in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandidateKey {
    /// The key as it was submitted.
    pub key: KeyUrl,
    /// What a probe proved, when nothing was found wrong with it; otherwise a blocker says what is.
    pub proof: Option<ProvenKey>,
}

/// The disk encryption set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Set {
    /// Not asked for.
    None,
    /// Asked for; ARM works on it.
    Requested {
        /// Its ARM id.
        set: ArmId,
        /// The operation to follow, verbatim; absent when ARM answered at once.
        operation: Option<String>,
    },
    /// There, and read back as asked for.
    Ready {
        /// Its ARM id.
        set: ArmId,
    },
}

/// One managed disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskState {
    /// To be encrypted.
    Found,
    /// Asked for; ARM works on it.
    Requested,
    /// Read back as encrypted under the set.
    Encrypted,
}

/// Why a disk is not one of the onboarding's any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DropReason {
    /// It lost the customer's tag before anything was done to it.
    Retagged,
    /// It lost the customer's tag after its encryption with the customer's key had been asked for.
    RetaggedLate,
    /// It was deleted.
    Deleted,
}

/// Where an onboarding stands, derived from what is so; never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The customer's administrator has not approved the application.
    AwaitingConsent,
    /// No key has been proven.
    AwaitingKey,
    /// The disk encryption set is being created.
    Provisioning,
    /// Disks are being encrypted.
    Encrypting,
    /// The marketplace is to be told.
    Activating,
    /// All done; the customer's key protects the disks.
    Active,
    /// The same, but the key could not be looked at for a while.
    Unreachable,
    /// The customer's side took away the key, the grant or the consent.
    Revoked,
    /// The subscription is suspended.
    Suspended,
    /// It ends: what was made for it is undone, after a hold.
    Leaving,
    /// It is over.
    Ended,
}

impl Stage {
    /// Every stage, in the order of an onboarding's life.
    pub const ALL: [Self; 10] = [
        Self::AwaitingConsent,
        Self::AwaitingKey,
        Self::Provisioning,
        Self::Encrypting,
        Self::Activating,
        Self::Active,
        Self::Unreachable,
        Self::Revoked,
        Self::Suspended,
        Self::Ended,
    ];

    /// The name as it stands in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingConsent => "awaiting-consent",
            Self::AwaitingKey => "awaiting-key",
            Self::Provisioning => "provisioning",
            Self::Encrypting => "encrypting",
            Self::Activating => "activating",
            Self::Active => "active",
            Self::Unreachable => "unreachable",
            Self::Revoked => "revoked",
            Self::Suspended => "suspended",
            Self::Leaving => "leaving",
            Self::Ended => "ended",
        }
    }
}

impl Onboarding {
    /// Where it stands.
    #[must_use]
    pub fn stage(&self) -> Stage {
        if let Some(leaving) = &self.leaving {
            return if leaving.is_over() { Stage::Ended } else { Stage::Leaving };
        }
        match self.purchase.status {
            SubscriptionStatus::Unsubscribed => return Stage::Ended,
            SubscriptionStatus::Suspended => return Stage::Suspended,
            SubscriptionStatus::PendingFulfillmentStart | SubscriptionStatus::Subscribed => {}
        }
        if self.activated_at.is_some() {
            return match self.key_is() {
                KeyIs::Revoked => Stage::Revoked,
                KeyIs::Unreachable => Stage::Unreachable,
                KeyIs::NotMeant => Stage::Active,
            };
        }
        match (&self.set, &self.key, &self.consent) {
            (Set::Ready { .. }, ..) if self.all_disks_encrypted() => Stage::Activating,
            (Set::Ready { .. }, ..) => Stage::Encrypting,
            (_, Some(_), _) => Stage::Provisioning,
            (_, None, Consent::Proven { .. }) => Stage::AwaitingKey,
            (_, None, Consent::Pending) => Stage::AwaitingConsent,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> OnboardingId {
        self.id
    }

    /// The number of the journal entry that holds this state; the first is 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The one tenant that it is bound to.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The region of its disks.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// What was bought.
    #[must_use]
    pub fn purchase(&self) -> &Purchase {
        &self.purchase
    }

    /// When the newest operation began, by the marketplace's clock, that the subscription agreed with. An operation
    /// from before is overtaken.
    #[must_use]
    pub fn changed_at(&self) -> Option<OffsetDateTime> {
        self.changed_at
    }

    /// Whether the customer's consent is proven.
    #[must_use]
    pub fn consent(&self) -> &Consent {
        &self.consent
    }

    /// The application's service principal in the customer's tenant, once consent is proven.
    #[must_use]
    pub fn service_principal(&self) -> Option<ObjectId> {
        match self.consent {
            Consent::Proven { service_principal } => Some(service_principal),
            Consent::Pending => None,
        }
    }

    /// The proven key that the disk encryption set is made with, or will be.
    #[must_use]
    pub fn key(&self) -> Option<&ProvenKey> {
        self.key.as_ref()
    }

    /// A key that was submitted and is not in use.
    #[must_use]
    pub fn candidate(&self) -> Option<&CandidateKey> {
        self.candidate.as_ref()
    }

    /// The key that a look would be at: the one in use, or else the one that was submitted.
    #[must_use]
    pub fn key_to_look_at(&self) -> Option<&KeyUrl> {
        let in_use = self.key.as_ref().map(|proof| &proof.version);
        in_use.or_else(|| self.candidate.as_ref().map(|candidate| &candidate.key))
    }

    /// The disk encryption set.
    #[must_use]
    pub fn set(&self) -> &Set {
        &self.set
    }

    /// The disks and how far each is.
    #[must_use]
    pub fn disks(&self) -> &BTreeMap<ArmId, DiskState> {
        &self.disks
    }

    /// The disks that were this customer's and are not any more.
    #[must_use]
    pub fn dropped(&self) -> &BTreeMap<ArmId, DropReason> {
        &self.dropped
    }

    /// When the marketplace subscription was activated.
    #[must_use]
    pub fn activated_at(&self) -> Option<OffsetDateTime> {
        self.activated_at
    }

    /// What it waits for, and on whom.
    #[must_use]
    pub fn blockers(&self) -> &Blockers {
        &self.blockers
    }

    /// The grace ladder, and what may stop it.
    #[must_use]
    pub fn grace(&self) -> &Grace {
        &self.grace
    }

    /// The window in which machines may be stopped so that their disks can be encrypted, or were.
    #[must_use]
    pub fn window(&self) -> Option<&Window> {
        self.window.as_ref()
    }

    /// The events that were taken in.
    #[must_use]
    pub fn taken(&self) -> &Taken {
        &self.taken
    }

    /// Whether nothing is to be done until somebody outside acts, or its time comes: it is active, suspended, held or over.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        match self.stage() {
            Stage::Active | Stage::Unreachable | Stage::Revoked | Stage::Suspended | Stage::Ended => true,
            Stage::Leaving => self.is_held() || self.grace.frozen.is_some(),
            Stage::AwaitingConsent
            | Stage::AwaitingKey
            | Stage::Provisioning
            | Stage::Encrypting
            | Stage::Activating => false,
        }
    }

    /// Since when the key in use is revoked, if it is.
    #[must_use]
    pub fn revoked_since(&self) -> Option<OffsetDateTime> {
        let revoked = self.about_key_in_use().filter(|found| found.finding.code().key_is() == KeyIs::Revoked);
        revoked.map(|found| found.since).min()
    }

    /// What is wrong with the key in use: what makes it revoked or unreachable.
    #[must_use]
    pub fn wrong_with_key(&self) -> Option<&Blocker> {
        let key_is = self.key_is();
        let mut found = self.about_key_in_use().filter(|_| key_is != KeyIs::NotMeant);
        found.find(|found| found.finding.code().key_is() == key_is)
    }

    /// What the blockers say of the key in use: the worst of them counts.
    pub(crate) fn key_is(&self) -> KeyIs {
        let mut found = self.about_key_in_use().map(|found| found.finding.code().key_is());
        if self.revoked_since().is_some() {
            KeyIs::Revoked
        } else if found.any(|found| found == KeyIs::Unreachable) {
            KeyIs::Unreachable
        } else {
            KeyIs::NotMeant
        }
    }

    fn about_key_in_use(&self) -> impl Iterator<Item = &Blocker> {
        [Subject::SetUp, Subject::Consent, Subject::Key, Subject::FormerKey]
            .into_iter()
            .filter_map(|about| self.blockers.get(&about))
    }

    pub(crate) fn all_disks_encrypted(&self) -> bool {
        !self.disks.is_empty() && self.disks.values().all(|disk| *disk == DiskState::Encrypted)
    }
}
