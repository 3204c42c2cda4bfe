//! What Entra's refusal to issue a token in the customer's tenant means.

use azure_clients::{
    EntraError,
    entra::{EntraRefusal, TenantPolicy},
};
use azure_ids::TenantId;
use onboarding::{
    Reason,
    finding::{Finding, Policy, SetUpFault},
};

use super::{Refusal, refusal_of};
use crate::step::StepError;

/// Entra's refusal to give a token in the customer's tenant.
pub(crate) fn of_entra(error: EntraError, tenant: TenantId) -> Refusal {
    match refusal_of(error) {
        Ok(refusal) => of_refusal(refusal, tenant),
        Err(error) => Refusal::Error(error),
    }
}

fn of_refusal(refusal: EntraRefusal, tenant: TenantId) -> Refusal {
    let set_up = |fault, error| Finding::VendorSetup { fault, error, tenant };
    match refusal {
        EntraRefusal::ConsentMissing { .. } => Refusal::spreading(Finding::ConsentMissing { tenant }),
        EntraRefusal::ApplicationDisabled { code } => {
            Refusal::certain(Finding::ApplicationDisabled { error: code })
        }
        EntraRefusal::PolicyBlocks { code, policy } => Refusal::certain(match policy_of(policy) {
            Some(policy) => Finding::PolicyBlocks { policy, error: code },
            None => set_up(SetUpFault::OutboundAccess, Some(code)),
        }),
        EntraRefusal::ServiceUnknown { code } => {
            Refusal::certain(Finding::PolicyBlocks { policy: Policy::ServiceUnknown, error: code })
        }
        EntraRefusal::CredentialSpreading { code } => {
            Refusal::spreading(set_up(SetUpFault::CredentialMismatch, Some(code)))
        }
        EntraRefusal::ManagedIdentityMissing => Refusal::spreading(set_up(SetUpFault::IdentityMissing, None)),
        EntraRefusal::Misconfigured { code } => {
            Refusal::certain(set_up(SetUpFault::ApplicationMisconfigured, Some(code)))
        }
        EntraRefusal::TenantNotFound { code } => Refusal::Error(StepError::refuse(
            Reason::TenantNotFound,
            format!("the tenant of this purchase does not exist in this cloud (AADSTS{code})"),
        )),
        EntraRefusal::WrongTenant { .. } => {
            Refusal::Error(StepError::refuse(Reason::TokenOfAnotherTenant, refusal.to_string()))
        }
        // A number that we do not know may be known to a newer release.
        EntraRefusal::Unrecognized { .. } | EntraRefusal::Setup(_) => {
            Refusal::Error(StepError::retry(refusal))
        }
    }
}

/// Which policy of the customer's tenant it is; `None` for one of the vendor's own tenant.
fn policy_of(policy: TenantPolicy) -> Option<Policy> {
    match policy {
        TenantPolicy::ConditionalAccess => Some(Policy::ConditionalAccess),
        TenantPolicy::InboundAccess => Some(Policy::InboundAccess),
        TenantPolicy::AdministratorConsent => Some(Policy::AdministratorConsent),
        TenantPolicy::RiskyApplication => Some(Policy::RiskyApplication),
        TenantPolicy::OutboundAccess => None,
    }
}

#[cfg(test)]
#[path = "entra_tests.rs"]
mod tests;
