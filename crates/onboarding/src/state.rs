//! The state of one onboarding, as each journal entry holds it.

use std::{collections::BTreeMap, fmt, str::FromStr};

use azure_ids::{ArmId, GuidError, KeyUrl, ObjectId, Region, TenantId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{ProvenKey, event::EventId, finding::Blocker};

/// One customer's arrangement for one region.
///
/// The same purchase in the same region always has the same id, so opening it twice is opening it once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OnboardingId(Uuid);

const ONBOARDING_NAMESPACE: Uuid = Uuid::from_u128(0x5d4c_9a0e_72f3_4c1d_8b6a_0e3f_51c2_9d87);

impl OnboardingId {
    /// The onboarding of a marketplace subscription in a region.
    #[must_use]
    pub fn of_subscription(subscription: Uuid, region: &Region) -> Self {
        Self(Uuid::new_v5(&ONBOARDING_NAMESPACE, format!("{subscription}\n{region}").as_bytes()))
    }

    /// The plain GUID.
    #[must_use]
    pub fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl FromStr for OnboardingId {
    type Err = GuidError;

    fn from_str(text: &str) -> Result<Self, GuidError> {
        match Uuid::try_parse(text) {
            Ok(id) if text.len() == 36 && !id.is_nil() => Ok(Self(id)),
            _ => Err(GuidError),
        }
    }
}

impl TryFrom<String> for OnboardingId {
    type Error = GuidError;

    fn try_from(text: String) -> Result<Self, GuidError> {
        text.parse()
    }
}

impl From<OnboardingId> for String {
    fn from(id: OnboardingId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for OnboardingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for OnboardingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OnboardingId({self})")
    }
}

/// Everything that is so about one onboarding.
///
/// Only [`Onboarding::open`] and [`Onboarding::decide`](crate::Onboarding::decide) make one, and only the journal
/// reads one back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Onboarding {
    pub(crate) id: OnboardingId,
    pub(crate) number: u64,
    pub(crate) tenant: TenantId,
    pub(crate) region: Region,
    pub(crate) purchase: Purchase,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) opened_at: OffsetDateTime,
    pub(crate) consent: Consent,
    pub(crate) key: Key,
    pub(crate) set: Set,
    pub(crate) disks: BTreeMap<ArmId, DiskState>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) activated_at: Option<OffsetDateTime>,
    pub(crate) blocker: Option<Blocker>,
    /// How often the making of the set failed: a failure after a good probe is looked at ever less often.
    #[serde(default)]
    pub(crate) set_failures: u32,
    /// Every event that was taken in, with the number of the entry that it led to.
    pub(crate) taken: BTreeMap<EventId, u64>,
}

/// What was bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum Consent {
    /// Not proven.
    Pending,
    /// A token was obtained in the bound tenant.
    #[serde(rename_all = "camelCase")]
    Proven {
        /// The application's service principal there: the grantee of the role.
        service_principal: ObjectId,
    },
}

/// What is known of the customer's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum Key {
    /// None was handed in.
    NotShared,
    /// It was probed and something is wrong; the blocker says what.
    Refused {
        /// The key as it was handed in.
        key: KeyUrl,
    },
    /// It was probed and works.
    Proven {
        /// What the probe proved.
        proof: ProvenKey,
    },
}

/// The disk encryption set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
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

/// Where an onboarding stands, derived from what is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The customer's administrator has not approved the application.
    AwaitingConsent,
    /// No key has been proven.
    AwaitingKey,
    /// The disk encryption set is being made.
    Provisioning,
    /// Disks are being encrypted.
    Encrypting,
    /// The marketplace is to be told.
    Activating,
    /// All done; the customer's key protects the disks.
    Active,
    /// The subscription is suspended.
    Suspended,
    /// The subscription is over.
    Ended,
}

impl State {
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
            Self::Suspended => "suspended",
            Self::Ended => "ended",
        }
    }
}

impl Onboarding {
    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> State {
        match self.purchase.status {
            SubscriptionStatus::Unsubscribed => return State::Ended,
            SubscriptionStatus::Suspended => return State::Suspended,
            SubscriptionStatus::PendingFulfillmentStart | SubscriptionStatus::Subscribed => {}
        }
        if self.activated_at.is_some() {
            return State::Active;
        }
        match (&self.set, &self.key, &self.consent) {
            (Set::Ready { .. }, ..) if self.all_disks_encrypted() => State::Activating,
            (Set::Ready { .. }, ..) => State::Encrypting,
            (_, Key::Proven { .. }, _) => State::Provisioning,
            (_, _, Consent::Proven { .. }) => State::AwaitingKey,
            (_, _, Consent::Pending) => State::AwaitingConsent,
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

    /// What is known of the key.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
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

    /// When the marketplace subscription was activated.
    #[must_use]
    pub fn activated_at(&self) -> Option<OffsetDateTime> {
        self.activated_at
    }

    /// What it waits for, and on whom.
    #[must_use]
    pub fn blocker(&self) -> Option<&Blocker> {
        self.blocker.as_ref()
    }

    /// The number of the entry that this event led to, when it was taken in before.
    #[must_use]
    pub fn entry_of(&self, event: &EventId) -> Option<u64> {
        self.taken.get(event).copied()
    }

    pub(crate) fn all_disks_encrypted(&self) -> bool {
        !self.disks.is_empty() && self.disks.values().all(|disk| *disk == DiskState::Encrypted)
    }
}
