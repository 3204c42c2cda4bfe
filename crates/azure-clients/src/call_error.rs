//! Why a call to one of Azure's systems failed. The shape is the same for all of them.
//!
//! What can happen on any call has a variant of its own. What only one system says is in [`CallError::Refused`], as
//! that system's own enum.

use std::{error::Error as StdError, time::Duration};

use crate::{entra_refusal::EntraRefusal, transport::Outage};

/// What one system, and no other, says when it does not do what it was asked to.
pub trait SystemRefusal: StdError + Send + Sync + 'static {
    /// The system's name, as it stands in a sentence.
    const SYSTEM: &'static str;
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError<R: SystemRefusal> {
    /// Too many requests.
    #[error("{} is throttling requests", R::SYSTEM)]
    Throttled {
        /// How long the system asks us to wait.
        retry_after: Option<Duration>,
    },
    /// No response, or one that says that the system is unavailable.
    #[error("{} did not respond", R::SYSTEM)]
    Unavailable(#[source] Outage),
    /// The response is not in a form that we can read.
    #[error("the response of {} cannot be read", R::SYSTEM)]
    Undecodable(#[source] Box<dyn StdError + Send + Sync>),
    /// Entra issued no token for the call, so the system was not asked.
    #[error("there is no token for {}", R::SYSTEM)]
    Token(#[source] Box<CallError<EntraRefusal>>),
    /// The system refused.
    #[error(transparent)]
    Refused(R),
}

impl<R: SystemRefusal> CallError<R> {
    /// How long the system, or Entra before it, asks us to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } => *retry_after,
            Self::Unavailable(outage) => outage.retry_after(),
            Self::Token(error) => error.retry_after(),
            Self::Undecodable(_) | Self::Refused(_) => None,
        }
    }

    pub(crate) fn undecodable(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Undecodable(error.into())
    }

    pub(crate) fn token(error: CallError<EntraRefusal>) -> Self {
        Self::Token(Box::new(error))
    }
}

impl<R: SystemRefusal> From<Outage> for CallError<R> {
    fn from(outage: Outage) -> Self {
        Self::Unavailable(outage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ArmError, compute::ArmRefusal};

    #[test]
    fn the_wait_is_the_systems_or_that_of_entra_before_it() {
        let wait = Some(Duration::from_secs(20));
        let unwell = || Outage::Status { status: 503, code: None, retry_after: wait };
        let check = |error: ArmError, expected| assert_eq!(error.retry_after(), expected, "{error:?}");
        check(ArmError::Throttled { retry_after: wait }, wait);
        check(ArmError::Unavailable(unwell()), wait);
        check(ArmError::token(CallError::Throttled { retry_after: wait }), wait);
        check(ArmError::token(CallError::Unavailable(unwell())), wait);
        check(ArmError::undecodable("words"), None);
        check(ArmError::Refused(ArmRefusal::NotFound { code: "ResourceNotFound".into() }), None);
    }

    #[test]
    fn the_text_names_the_system_and_leaves_the_cause_to_the_source() {
        let error = ArmError::token(CallError::Throttled { retry_after: None });
        assert_eq!(error.to_string(), "there is no token for Azure Resource Manager");
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("Entra is throttling requests"));
        let refused = ArmError::Refused(ArmRefusal::NotFound { code: "ResourceNotFound".into() });
        assert!(refused.source().is_none() && refused.to_string().contains("ResourceNotFound"));
    }
}
