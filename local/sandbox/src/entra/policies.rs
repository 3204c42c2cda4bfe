//! What an organisation's administrators forbid: the policies that keep applications of others out.
//!
//! Numbers and meanings: Microsoft Learn, "Microsoft Entra authentication and authorization error codes". Nothing is
//! forbidden unless the control API or the page was told so.

use http::StatusCode;

use crate::state::directory::{Application, Directory, Policy, ServicePrincipal, Tenant};

use super::fault::EntraFault;

/// Refuses an application that a policy of the tenant, or of its own home, keeps out.
///
/// Our guess: whom the policies strike, and in which order. Microsoft's pages describe cross-tenant access for people,
/// and say that Conditional Access for workload identities leaves multi-tenant applications alone; a tenant that was
/// told to block one here does. The administrator's own application is left alone, as Microsoft advises for whoever has
/// to mend a policy that blocks too much.
pub(super) fn check(
    directory: &Directory,
    tenant: &Tenant,
    application: &Application,
    principal: &ServicePrincipal,
) -> Result<(), EntraFault> {
    let foreign = application.tenant != tenant.tenant_id;
    if foreign {
        let home = directory.tenants.get(&application.tenant);
        if home.is_some_and(|home| home.policies.contains(&Policy::OutboundAccess)) {
            return Err(EntraFault::outbound_access());
        }
        if tenant.policies.contains(&Policy::InboundAccess) {
            return Err(EntraFault::inbound_access());
        }
        // Our guess: that a service principal which nobody approved on the consent page is kept from tokens by them.
        if let Some(fault) = of_consent(tenant).filter(|_| !principal.approved) {
            return Err(fault);
        }
    }
    let administrators = application.app_id == tenant.administrator.client_id;
    if tenant.policies.contains(&Policy::ConditionalAccess) && !administrators {
        return Err(EntraFault::conditional_access());
    }
    Ok(())
}

/// Why somebody who is no administrator may not consent in this tenant, if its policies say so.
pub(super) fn of_consent(tenant: &Tenant) -> Option<EntraFault> {
    if tenant.policies.contains(&Policy::RiskyApplication) {
        return Some(EntraFault::risky_application());
    }
    tenant.policies.contains(&Policy::AdministratorConsent).then(EntraFault::administrator_consent)
}

/// Our guess: status and word of all of these; Microsoft documents number and meaning alone.
impl EntraFault {
    fn by_policy(code: u32, text: &str) -> Self {
        Self { code, error: "invalid_grant", status: StatusCode::BAD_REQUEST, description: text.to_owned() }
    }

    fn conditional_access() -> Self {
        let text = "Access has been blocked by Conditional Access policies. The access policy does not allow token \
                    issuance.";
        Self::by_policy(53_003, text)
    }

    fn outbound_access() -> Self {
        let text = "The user's administrator has set an outbound access policy that does not allow access to the \
                    resource tenant.";
        Self::by_policy(500_212, text)
    }

    fn inbound_access() -> Self {
        let text = "The resource tenant's cross-tenant access policy does not allow this user to access this tenant.";
        Self::by_policy(500_213, text)
    }

    fn administrator_consent() -> Self {
        Self::by_policy(90_094, "Administrator consent is required.")
    }

    fn risky_application() -> Self {
        Self::by_policy(900_941, "Administrator consent is required. App is considered risky.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_is_called_what_the_control_api_calls_it() {
        for policy in Policy::ALL {
            assert_eq!(serde_json::to_value(policy).unwrap(), policy.name());
        }
    }
}
