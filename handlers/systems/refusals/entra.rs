//! What Entra's refusal to issue a token in the customer's tenant means.

use azure_clients::{
    EntraError,
    entra::{EntraRefusal, TenantPolicy},
};
use azure_ids::TenantId;
use onboarding::finding::{Code, Finding};

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
    let numbered = |code: u32, text: &str| format!("{text} (AADSTS{code})");
    match refusal {
        EntraRefusal::ConsentMissing { .. } => Refusal::spreading(Finding::consent_missing(tenant)),
        EntraRefusal::ApplicationDisabled { code } => Refusal::certain(Finding::new(
            Code::ApplicationDisabled,
            numbered(code, "The application is disabled in your tenant"),
            &["Entra admin center, Enterprise applications: set \"Enabled for users to sign in\" to Yes.".to_owned()],
        )),
        EntraRefusal::PolicyBlocks { code, policy } => Refusal::certain(of_policy(code, policy, tenant)),
        EntraRefusal::ServiceUnknown { code } => Refusal::certain(Finding::new(
            Code::PolicyBlocks,
            numbered(code, "Your tenant does not know Azure Key Vault"),
            &["Use a tenant with an Azure subscription, in which the provider Microsoft.KeyVault is registered.".to_owned()],
        )),
        EntraRefusal::CredentialSpreading { code } => Refusal::spreading(vendor_setup(numbered(
            code,
            "No federated credential of the application matches the managed identity",
        ))),
        EntraRefusal::ManagedIdentityMissing => {
            Refusal::spreading(vendor_setup("The managed identity is not assigned to the function app".to_owned()))
        }
        EntraRefusal::Misconfigured { code } => {
            Refusal::certain(vendor_setup(numbered(code, "The application is set up wrongly")))
        }
        EntraRefusal::TenantNotFound { code } => Refusal::Error(StepError::refuse(
            "TenantNotFound",
            numbered(code, "The tenant of this purchase does not exist in this cloud"),
        )),
        EntraRefusal::WrongTenant { .. } => Refusal::Error(StepError::refuse("Forbidden", refusal.to_string())),
        // A number that we do not know may be known to a newer release.
        EntraRefusal::Unrecognized { .. } | EntraRefusal::Setup(_) => Refusal::Error(StepError::retry(refusal)),
    }
}

/// Who has to change which policy, and where.
fn of_policy(code: u32, policy: TenantPolicy, tenant: TenantId) -> Finding {
    const ADMINISTRATORS: &str =
        "an Application Administrator, a Cloud Application Administrator or a Privileged Role Administrator";
    let (blames, summary, mend) = match policy {
        TenantPolicy::ConditionalAccess => (
            Code::PolicyBlocks,
            "A Conditional Access policy of your tenant keeps the application out",
            "Entra admin center, Conditional Access, Policies: exclude the application from the policy that blocks \
             workload identities. The sign-in log of service principals names it."
                .to_owned(),
        ),
        TenantPolicy::InboundAccess => (
            Code::PolicyBlocks,
            "The cross-tenant access settings of your tenant keep the application out",
            "Entra admin center, External Identities, Cross-tenant access settings: allow inbound access for the \
             vendor's tenant."
                .to_owned(),
        ),
        TenantPolicy::OutboundAccess => (
            Code::VendorSetup,
            "The cross-tenant access settings of the vendor's tenant keep the application from yours",
            format!(
                "Entra admin center of the vendor's tenant, External Identities, Cross-tenant access settings: allow \
                 outbound access to tenant {tenant}."
            ),
        ),
        TenantPolicy::AdministratorConsent => (
            Code::PolicyBlocks,
            "The consent settings of your tenant want an administrator to approve the application",
            format!("Open the consent link as {ADMINISTRATORS}, and approve."),
        ),
        TenantPolicy::RiskyApplication => (
            Code::PolicyBlocks,
            "Entra takes the application to be risky and wants an administrator of your tenant to approve it",
            format!(
                "Make sure that the application is the vendor's; then open the consent link as {ADMINISTRATORS}, and \
                 approve."
            ),
        ),
    };
    Finding::new(blames, format!("{summary} (AADSTS{code})"), &[mend])
}

fn vendor_setup(summary: String) -> Finding {
    Finding::new(
        Code::VendorSetup,
        summary,
        &["Compare the federated credential's issuer, subject and audience with the managed identity, letter by letter."
            .to_owned()],
    )
}

#[cfg(test)]
#[path = "entra_tests.rs"]
mod tests;
