//! What a failed call means for an onboarding: somebody must act, it may succeed later, or it never can.
//!
//! What can happen on every call is decided here, once: it is tried again. What only one system says is decided in the
//! module of its name. Every variant is listed, so that a new one asks its author the question.

mod entra;
mod key_vault;
mod marketplace;
mod resource_manager;

use azure_clients::{CallError, SystemRefusal};
use azure_ids::ObjectId;
use onboarding::finding::Finding;

use crate::step::StepError;
pub(crate) use entra::of_entra;
pub(crate) use key_vault::of_vault;
pub(crate) use resource_manager::code_of;

/// What the system itself said. Everything else that can happen on a call is tried again, not sooner than the system
/// asked.
pub(crate) fn refusal_of<R: SystemRefusal>(error: CallError<R>) -> Result<R, StepError> {
    match error {
        CallError::Refused(refusal) => Ok(refusal),
        CallError::Throttled { .. }
        | CallError::Unavailable(_)
        | CallError::Undecodable(_)
        | CallError::Token(_) => Err(StepError::retry_after(error.retry_after(), error)),
    }
}

/// What a refusal comes to.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Somebody must act. While a change may still be spreading, it may also just be too early.
    Finding {
        /// What was found.
        finding: Finding,
        /// Whether time alone may mend it.
        may_be_spreading: bool,
        /// The application's service principal, when a token was issued in the tenant before this was found.
        token_of: Option<ObjectId>,
    },
    /// No answer, or none that we can use.
    Error(StepError),
}

impl Refusal {
    pub(crate) fn certain(finding: Finding) -> Self {
        Self::Finding { finding, may_be_spreading: false, token_of: None }
    }

    fn spreading(finding: Finding) -> Self {
        Self::Finding { finding, may_be_spreading: true, token_of: None }
    }

    /// The same refusal, found by somebody who got a token in the tenant: the consent is proven, whatever else is wrong.
    pub(crate) fn behind_consent(self, proven: ObjectId) -> Self {
        match self {
            Self::Finding { finding, may_be_spreading, .. } if !finding.code().is_about_consent() => {
                Self::Finding { finding, may_be_spreading, token_of: Some(proven) }
            }
            refusal => refusal,
        }
    }
}

impl From<StepError> for Refusal {
    fn from(error: StepError) -> Self {
        Self::Error(error)
    }
}
