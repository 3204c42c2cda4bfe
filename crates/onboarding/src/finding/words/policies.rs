//! Policies that block the application, and what is wrong with the vendor's own set-up.

use super::ADMINISTRATORS;
use crate::finding::{Policy, SetUpFault};

pub(super) fn numbered(error: Option<u32>) -> String {
    error.map(|error| format!(" (AADSTS{error})")).unwrap_or_default()
}

pub(super) fn blocked_by(policy: Policy) -> &'static str {
    match policy {
        Policy::ConditionalAccess => "A Conditional Access policy of your tenant blocks the application",
        Policy::InboundAccess => "The cross-tenant access settings of your tenant block the application",
        Policy::AdministratorConsent => {
            "The consent settings of your tenant require an administrator to approve the application"
        }
        Policy::RiskyApplication => {
            "Microsoft Entra considers the application risky and requires an administrator of your tenant to approve it"
        }
        Policy::ServiceUnknown => "Your tenant does not have Azure Key Vault",
    }
}

pub(super) fn lift(policy: Policy) -> String {
    match policy {
        Policy::ConditionalAccess => "In the Microsoft Entra admin center, under Conditional Access, Policies, exclude \
             the application from the policy that blocks workload identities. The service principal sign-in log names \
             the policy."
            .to_owned(),
        Policy::InboundAccess => "In the Microsoft Entra admin center, under External Identities, Cross-tenant access \
             settings, allow inbound access for the vendor's tenant."
            .to_owned(),
        Policy::AdministratorConsent => format!("Open the consent link as {ADMINISTRATORS}, and approve."),
        Policy::RiskyApplication => format!(
            "Make sure that the application is the vendor's. Then open the consent link as {ADMINISTRATORS}, and \
             approve."
        ),
        Policy::ServiceUnknown => {
            "Use a tenant that has an Azure subscription with the resource provider Microsoft.KeyVault registered."
                .to_owned()
        }
    }
}

pub(super) fn set_up_fault(fault: SetUpFault) -> &'static str {
    match fault {
        SetUpFault::CredentialMismatch => {
            "No federated credential of the vendor's application matches its managed identity"
        }
        SetUpFault::IdentityMissing => "The managed identity is not assigned to the vendor's function app",
        SetUpFault::ApplicationMisconfigured => "The vendor's application is not set up correctly",
        SetUpFault::OutboundAccess => {
            "The cross-tenant access settings of the vendor's tenant do not allow the application to reach your tenant"
        }
    }
}
