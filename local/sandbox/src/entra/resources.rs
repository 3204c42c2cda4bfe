//! What a token can be for.

use uuid::Uuid;

use super::EXCHANGE_AUDIENCE;
use super::fault::EntraFault;
use crate::directory::Directory;

/// Microsoft's own resources, by address or application id, without a slash at the end. Every tenant has them.
const OF_MICROSOFT: [&str; 9] = [
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://graph.microsoft.com",
    "00000003-0000-0000-c000-000000000000",
    "https://vault.azure.net",
    "cfa8b339-82a2-471a-a3c9-0fc0be7a4093",
    "https://managedhsm.azure.net",
    // The resource of the SaaS fulfilment APIs.
    "20e940b3-4c77-4b0b-9a53-9e16a1b010a7",
    EXCHANGE_AUDIENCE,
];

/// The resource of a version 2.0 scope. Only the last slash before `.default` is cut off, so that
/// `https://management.core.windows.net//.default` means the address with a slash at its end.
pub(super) fn of_scope(scope: &str) -> Result<&str, EntraFault> {
    let mut scopes = scope.split_whitespace();
    match (scopes.next(), scopes.next()) {
        (Some(only), None) => only.strip_suffix("/.default").filter(|resource| !resource.is_empty()),
        _ => None,
    }
    .ok_or_else(|| EntraFault::invalid_scope(scope))
}

/// The resource of the scopes that a person's program asks for: of the first that is not one of OpenID Connect's own. A
/// scope without an address is one of Graph's.
pub(super) fn of_scopes(scopes: &str) -> String {
    let own = ["openid", "profile", "email", "offline_access"];
    let first = scopes.split_whitespace().find(|scope| !own.contains(scope)).unwrap_or_default();
    first.rsplit_once('/').map_or("https://graph.microsoft.com", |(resource, _)| resource).to_owned()
}

/// Whether a tenant knows a resource: one of Microsoft's, or an application with a service principal there.
pub(crate) fn is_known(directory: &Directory, tenant: Uuid, resource: &str) -> bool {
    let plain = resource.strip_suffix('/').unwrap_or(resource);
    if OF_MICROSOFT.contains(&plain) {
        return true;
    }
    let application_id = plain.strip_prefix("api://").unwrap_or(plain);
    Uuid::parse_str(application_id).is_ok_and(|id| directory.service_principal_of(tenant, id).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_of_a_persons_scopes_is_that_of_the_first_real_one() {
        for (scopes, resource) in [
            (
                "https://management.core.windows.net//.default offline_access openid profile",
                "https://management.core.windows.net/",
            ),
            ("openid https://vault.azure.net/user_impersonation", "https://vault.azure.net"),
            ("User.Read openid", "https://graph.microsoft.com"),
            ("openid profile", "https://graph.microsoft.com"),
            ("", "https://graph.microsoft.com"),
        ] {
            assert_eq!(of_scopes(scopes), resource, "{scopes}");
        }
    }
}
