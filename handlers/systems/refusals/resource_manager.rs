//! What a refusal of Azure Resource Manager's means where a function has no better idea.

use azure_clients::{ArmError, ArmRefusal};
use onboarding::Reason;

use super::refusal_of;
use crate::step::StepError;

impl From<ArmError> for StepError {
    fn from(error: ArmError) -> Self {
        let refusal = match refusal_of(error) {
            Ok(refusal) => refusal,
            Err(error) => return error,
        };
        match refusal {
            // Trying again would ask the same wrong thing.
            ArmRefusal::BadRequest { ref code, ref message } => {
                Self::refuse(Reason::ArmRefused, format!("ARM refuses the request ({code}): {message}"))
            }
            ArmRefusal::BadId { .. } => Self::refuse(Reason::Misconfigured, refusal.to_string()),
            // Roles spread for some minutes, states change, and the vendor may mend a missing role within the deadline.
            ArmRefusal::NotFound { .. }
            | ArmRefusal::Forbidden { .. }
            | ArmRefusal::KeyVaultAccessForbidden { .. }
            | ArmRefusal::KeyUnusable { .. }
            | ArmRefusal::Conflict { .. }
            | ArmRefusal::TokenRefused { .. } => Self::retry(refusal),
        }
    }
}

/// Azure's code for what went wrong. Its text names what is the vendor's alone, so it is not kept.
pub(crate) fn code_of(error: &ArmError) -> String {
    match error {
        ArmError::Refused(
            ArmRefusal::NotFound { code }
            | ArmRefusal::Forbidden { code, .. }
            | ArmRefusal::KeyUnusable { code, .. }
            | ArmRefusal::Conflict { code, .. }
            | ArmRefusal::BadRequest { code, .. },
        ) => code.clone(),
        ArmError::Refused(
            ArmRefusal::KeyVaultAccessForbidden { .. }
            | ArmRefusal::TokenRefused { .. }
            | ArmRefusal::BadId { .. },
        )
        | ArmError::Throttled { .. }
        | ArmError::Unavailable(_)
        | ArmError::Undecodable(_)
        | ArmError::Token(_) => error.to_string(),
    }
}
