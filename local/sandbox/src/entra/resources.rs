//! What a token can be for.

use std::sync::LazyLock;

use serde::Deserialize;
use uuid::Uuid;

use crate::state::directory::Directory;

use super::fault::EntraFault;

/// A service of Microsoft that tokens are issued for. Every tenant has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    #[serde(rename = "service")]
    _service: String,
    /// Addresses and application ids, without a slash at the end.
    names: Vec<String>,
}

static OF_MICROSOFT: LazyLock<Vec<Service>> = LazyLock::new(|| {
    serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/token_resources.json")))
        .expect("the services are compiled in, and the tests of this module read them")
});

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
    if OF_MICROSOFT.iter().flat_map(|service| &service.names).any(|name| name == plain) {
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

    #[test]
    fn assertions_are_for_a_service_that_every_tenant_has() {
        let names: Vec<&String> = OF_MICROSOFT.iter().flat_map(|service| &service.names).collect();
        assert!(names.iter().any(|name| *name == crate::entra::EXCHANGE_AUDIENCE), "{names:?}");
        assert!(names.iter().all(|name| !name.ends_with('/')), "{names:?}");
    }
}
