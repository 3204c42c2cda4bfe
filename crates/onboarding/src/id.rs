//! The id of an onboarding.

use std::{fmt, str::FromStr};

use azure_ids::GuidError;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One customer's arrangement for one region.
///
/// The same purchase always has the same id, so opening it twice is opening it once. The region is recorded then.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OnboardingId(Uuid);

const ONBOARDING_NAMESPACE: Uuid = Uuid::from_u128(0x5d4c_9a0e_72f3_4c1d_8b6a_0e3f_51c2_9d87);

impl OnboardingId {
    /// The onboarding of a marketplace subscription. Nothing else goes into it: a setting that changes must not make
    /// another onboarding of it.
    #[must_use]
    pub fn of_subscription(subscription: Uuid) -> Self {
        Self(Uuid::new_v5(&ONBOARDING_NAMESPACE, subscription.to_string().as_bytes()))
    }

    /// The plain GUID.
    #[must_use]
    pub fn as_uuid(&self) -> Uuid {
        self.0
    }

    /// A number that is the same for ever and spreads onboardings evenly: the end of a name-based GUID.
    pub(crate) fn spread(&self) -> u32 {
        let [.., a, b, c, d] = *self.0.as_bytes();
        u32::from_be_bytes([a, b, c, d])
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
