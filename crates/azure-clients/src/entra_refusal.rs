//! The reasons that Entra gives for issuing no token.
//!
//! Plain data, apart from what reads it (`entra`): every system's failed call can carry one of these.

use azure_ids::TenantId;

/// Why Entra issues no token.
///
/// Where the meaning depends on how long ago something was set up, the variant says so: only the caller knows that age.
#[derive(Debug, thiserror::Error)]
pub enum EntraRefusal {
    /// The application has no service principal in the tenant, or nobody consented to what it asks for.
    /// For some minutes after consent it means that the service principal is still spreading.
    #[error("the tenant has not consented to the application (AADSTS{code})")]
    ConsentMissing {
        /// The AADSTS number.
        code: u32,
    },
    /// No federated credential of the application matches the assertion. For about ten minutes after the credential
    /// was written, or now and then while it spreads, it means nothing more; after that the credential is wrong.
    #[error("no federated credential matches the managed identity's assertion (AADSTS{code})")]
    CredentialSpreading {
        /// The AADSTS number.
        code: u32,
    },
    /// The tenant's administrator switched the application off: the customer's way to revoke.
    #[error("the application is disabled in the tenant (AADSTS{code})")]
    ApplicationDisabled {
        /// The AADSTS number.
        code: u32,
    },
    /// There is no such tenant in this cloud.
    #[error("the tenant does not exist (AADSTS{code})")]
    TenantNotFound {
        /// The AADSTS number.
        code: u32,
    },
    /// What somebody's administrators forbid stops the application.
    #[error("a policy stops the application (AADSTS{code})")]
    PolicyBlocks {
        /// The AADSTS number.
        code: u32,
        /// What kind of policy it is.
        policy: TenantPolicy,
    },
    /// The tenant does not know the service that the token is for: for Key Vault, a tenant without any subscription.
    #[error("the tenant does not know the service that the token is for (AADSTS{code})")]
    ServiceUnknown {
        /// The AADSTS number.
        code: u32,
    },
    /// The application, its credential or the managed identity is set up wrongly. The vendor's to mend.
    #[error("the application is misconfigured (AADSTS{code})")]
    Misconfigured {
        /// The AADSTS number.
        code: u32,
    },
    /// The identity endpoint does not know the managed identity. So for about a minute after it was assigned.
    #[error("the managed identity is not assigned to this app")]
    ManagedIdentityMissing,
    /// A refusal that we know nothing about.
    #[error("Entra refused with status {status}{}", .code.map(|code| format!(" (AADSTS{code})")).unwrap_or_default())]
    Unrecognized {
        /// The HTTP status.
        status: u16,
        /// The AADSTS number, if there was one.
        code: Option<u32>,
    },
    /// The token is of another tenant than the one that was asked.
    #[error("asked for a token of tenant {expected}, got one of {found}")]
    WrongTenant {
        /// The tenant that was asked.
        expected: TenantId,
        /// The tenant that the token names.
        found: TenantId,
    },
    /// The identity could not be set up in this process.
    #[error("the identity cannot be set up")]
    Setup(#[source] azure_core::Error),
}

/// A policy by which administrators keep applications out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantPolicy {
    /// Conditional Access in the tenant that was asked.
    ConditionalAccess,
    /// The tenant that was asked lets nobody of the application's home in.
    InboundAccess,
    /// The application's home lets nobody out.
    OutboundAccess,
    /// The tenant that was asked wants an administrator to approve the application.
    AdministratorConsent,
    /// The same, because the application is taken to be risky.
    RiskyApplication,
}
