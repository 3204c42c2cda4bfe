//! What the refusals of Entra and of a vault mean for an onboarding: somebody must act, the world may differ soon, or
//! the message can never succeed.
//!
//! Every variant is listed, so that a new one asks its author the question.

use azure_clients::{
    EntraError, KeyVaultError,
    entra::TenantPolicy,
    key_vault::{Forbidden, ForbiddenKind},
};
use azure_ids::{KeyUrl, ObjectId, TenantId};
use onboarding::finding::{Code, Finding};

use crate::step::StepError;

/// What a refusal comes to.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Somebody must act. While a change may still be spreading, it may also just be too early.
    Finding {
        /// What was found.
        finding: Finding,
        /// Whether time alone may mend it.
        may_be_spreading: bool,
        /// The application's service principal, when it was let into the tenant before this was found.
        service_principal: Option<ObjectId>,
    },
    /// No answer, or none that we can use.
    Error(StepError),
}

impl Refusal {
    pub(crate) fn certain(finding: Finding) -> Self {
        Self::Finding { finding, may_be_spreading: false, service_principal: None }
    }

    fn spreading(finding: Finding) -> Self {
        Self::Finding { finding, may_be_spreading: true, service_principal: None }
    }

    /// The same refusal, found by somebody who got a token in the tenant: the consent is proven, whatever else is wrong.
    pub(crate) fn behind_consent(self, proven: ObjectId) -> Self {
        match self {
            Self::Finding { finding, may_be_spreading, .. } if !finding.code.is_about_consent() => {
                Self::Finding { finding, may_be_spreading, service_principal: Some(proven) }
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

/// Entra's refusal to give a token in the customer's tenant.
pub(crate) fn of_entra(error: EntraError, tenant: TenantId) -> Refusal {
    let numbered = |code: u32, text: &str| format!("{text} (AADSTS{code})");
    match error {
        EntraError::ConsentMissing { .. } => Refusal::spreading(Finding::consent_missing(tenant)),
        EntraError::ApplicationDisabled { code } => Refusal::certain(Finding::new(
            Code::ApplicationDisabled,
            numbered(code, "The application is disabled in your tenant"),
            &["Entra admin center, Enterprise applications: set \"Enabled for users to sign in\" to Yes.".to_owned()],
        )),
        EntraError::PolicyBlocks { code, policy } => Refusal::certain(of_policy(code, policy, tenant)),
        EntraError::ServiceUnknown { code } => Refusal::certain(Finding::new(
            Code::PolicyBlocks,
            numbered(code, "Your tenant does not know Azure Key Vault"),
            &["Use a tenant with an Azure subscription, in which the provider Microsoft.KeyVault is registered.".to_owned()],
        )),
        EntraError::CredentialSpreading { code } => Refusal::spreading(vendor_setup(numbered(
            code,
            "No federated credential of the application matches the managed identity",
        ))),
        EntraError::ManagedIdentityMissing => {
            Refusal::spreading(vendor_setup("The managed identity is not assigned to the function app".to_owned()))
        }
        EntraError::Misconfigured { code } => {
            Refusal::certain(vendor_setup(numbered(code, "The application is set up wrongly")))
        }
        EntraError::TenantNotFound { code } => Refusal::Error(StepError::refuse(
            "TenantNotFound",
            numbered(code, "The tenant of this purchase does not exist in this cloud"),
        )),
        EntraError::WrongTenant { .. } => Refusal::Error(StepError::refuse("Forbidden", error.to_string())),
        EntraError::Throttled { .. }
        | EntraError::Unavailable(_)
        | EntraError::Unrecognized { .. }
        | EntraError::Undecodable(_)
        | EntraError::Setup(_) => Refusal::Error(StepError::retry_after(error.retry_after(), error)),
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

/// A vault's refusal.
pub(crate) fn of_vault(
    error: KeyVaultError,
    key: &KeyUrl,
    tenant: TenantId,
    principal: Option<ObjectId>,
) -> Refusal {
    let vault = key.host().as_str();
    match error {
        KeyVaultError::NoSuchVault => Refusal::certain(Finding::new(
            Code::VaultNotFound,
            format!("There is no vault {vault}."),
            &["Check the URL; a deleted vault can be recovered with az keyvault recover.".to_owned()],
        )),
        KeyVaultError::WrongTenant { found, expected } => Refusal::certain(Finding::new(
            Code::WrongTenant,
            format!("The vault {vault} belongs to tenant {found}; this onboarding is for tenant {expected}."),
            &["Make the key in a vault of your own tenant and hand in its URL.".to_owned()],
        )),
        KeyVaultError::UntrustedChallenge(what) => Refusal::certain(Finding::new(
            Code::VaultNotFound,
            format!("What answers at {vault} does not speak as a key vault does: {what}."),
            &["Hand in the URL of a key in an Azure key vault.".to_owned()],
        )),
        KeyVaultError::KeyNotFound => Refusal::certain(key_not_found(key, "The vault has no such key")),
        KeyVaultError::KeyInBin { .. } => {
            Refusal::certain(key_not_found(key, "The key is deleted and can be recovered"))
        }
        KeyVaultError::Forbidden(forbidden) => of_forbidden(&forbidden, key, principal),
        KeyVaultError::Refused { code, .. } => Refusal::certain(Finding::new(
            Code::KeyOperations,
            format!("The key cannot wrap with RSA-OAEP-256 ({code})."),
            &["Make an RSA key that may wrapKey and unwrapKey.".to_owned()],
        )),
        KeyVaultError::RoundTripDiffers => Refusal::certain(Finding::new(
            Code::WrapMismatch,
            "What the key unwrapped is not what it had wrapped.",
            &["Make another key and hand in its URL.".to_owned()],
        )),
        KeyVaultError::Token(error) => of_entra(error, tenant),
        KeyVaultError::TokenRefused { .. }
        | KeyVaultError::Throttled { .. }
        | KeyVaultError::Unavailable(_)
        | KeyVaultError::Undecodable(_)
        | KeyVaultError::NoRandomness => Refusal::Error(StepError::retry_after(error.retry_after(), error)),
    }
}

fn key_not_found(key: &KeyUrl, what: &str) -> Finding {
    let (vault, name) = (key.host().vault_name(), key.name());
    Finding::new(
        Code::KeyNotFound,
        format!("{what}: {name} in {vault}."),
        &[format!("Check the URL, or: az keyvault key recover --vault-name {vault} --name {name}")],
    )
}

fn of_forbidden(forbidden: &Forbidden, key: &KeyUrl, principal: Option<ObjectId>) -> Refusal {
    let (vault, name) = (key.host().vault_name(), key.name());
    let principal = forbidden.caller_object_id.or(principal);
    let who = principal.map_or_else(|| "the application".to_owned(), |id| id.to_string());
    match &forbidden.kind {
        ForbiddenKind::Rbac => Refusal::spreading(Finding::grant_missing(principal, key)),
        ForbiddenKind::AccessPolicy => Refusal::spreading(Finding::new(
            Code::AccessPolicyMissing,
            "The vault uses access policies, and none lets the application use the key.",
            &[format!(
                "az keyvault set-policy --name {vault} --object-id {who} --key-permissions get wrapKey unwrapKey"
            )],
        )),
        ForbiddenKind::Firewall => Refusal::certain(Finding::new(
            Code::Firewall,
            "The vault's firewall does not know the address that Latchkey calls from.",
            &[forbidden.client_address.map_or_else(
                || "Add Latchkey's outbound address to the vault's firewall.".to_owned(),
                |address| format!("az keyvault network-rule add --name {vault} --ip-address {address}"),
            )],
        )),
        ForbiddenKind::Connection => Refusal::certain(Finding::new(
            Code::PrivateOnly,
            "The vault answers only on private endpoints.",
            &["Allow public access from Latchkey's outbound address, or approve a private endpoint."
                .to_owned()],
        )),
        ForbiddenKind::KeyDisabled => Refusal::certain(Finding::new(
            Code::KeyDisabled,
            "The key is disabled.",
            &[format!("az keyvault key set-attributes --vault-name {vault} --name {name} --enabled true")],
        )),
        ForbiddenKind::Operation => Refusal::certain(Finding::new(
            Code::KeyOperations,
            "The key may not wrap and unwrap now: its operations or its dates forbid it.",
            &[format!(
                "az keyvault key show --vault-name {vault} --name {name} --query \"{{ops:key.keyOps,attributes:attributes}}\""
            )],
        )),
        ForbiddenKind::Other(code) => Refusal::certain(Finding::new(
            Code::VaultRefuses,
            format!("The vault refuses: {code}."),
            &["Look into the vault's diagnostic log for this time.".to_owned()],
        )),
    }
}

#[cfg(test)]
#[path = "refusals_tests.rs"]
mod tests;
