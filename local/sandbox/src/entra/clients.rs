//! Programs that people sign in with: Microsoft's own public clients, and registered applications.

use url::Url;
use uuid::{Uuid, uuid};

use crate::state::directory::{Application, Directory};

use super::fault::EntraFault;
use super::{grant, policies};

/// Microsoft's own tools, which every tenant has and which prove nothing about themselves.
///
/// Ids: Microsoft Learn, "First-party application IDs in sign-in reports": Azure CLI, Azure PowerShell.
const PUBLIC_CLIENTS: [Uuid; 2] =
    [uuid!("04b07795-8ddb-461a-bbee-02f9e1bf7b46"), uuid!("1950a258-227b-4e31-a9cf-717495945fc2")];

/// Whoever asks for a sign-in.
#[derive(Clone, Copy)]
pub(super) enum Client<'a> {
    /// One of Microsoft's own tools.
    Public(Uuid),
    Registered(&'a Application),
}

impl<'a> Client<'a> {
    /// The client with this id, as seen from the tenant that a path names.
    pub(super) fn find(directory: &'a Directory, client_id: &str, tenant: &str) -> Result<Self, EntraFault> {
        let id = Uuid::parse_str(client_id).ok();
        if let Some(public) = id.filter(|id| PUBLIC_CLIENTS.contains(id)) {
            return Ok(Self::Public(public));
        }
        let home = directory.tenant_named(tenant).map(|tenant| tenant.tenant_id);
        let registered = match home {
            Some(home) => grant::application(directory, client_id, home, tenant)?,
            None => of_several_tenants(directory, client_id, tenant)?,
        };
        Ok(Self::Registered(registered))
    }

    pub(super) fn id(self) -> Uuid {
        match self {
            Self::Public(id) => id,
            Self::Registered(application) => application.app_id,
        }
    }

    /// Refuses an address that is not this client's. For http://localhost the port does not count (Microsoft
    /// Learn, "Redirect URI restrictions").
    pub(super) fn check_redirect(self, redirect_uri: &str) -> Result<(), EntraFault> {
        let known = match self {
            Self::Public(_) => is_localhost(redirect_uri),
            Self::Registered(application) => application.has_redirect_uri(redirect_uri),
        };
        if known { Ok(()) } else { Err(EntraFault::redirect_not_registered(redirect_uri, self.id())) }
    }

    /// Refuses a person whose tenant has not let the application in.
    ///
    /// Our guess, and stricter than Entra's default: nobody consents for themselves here, an administrator must.
    pub(super) fn check_let_in(self, directory: &Directory, tenant: Uuid) -> Result<(), EntraFault> {
        match self {
            Self::Public(_) => Ok(()),
            Self::Registered(application) => directory
                .service_principal_of(tenant, application.app_id)
                .filter(|principal| principal.enabled)
                .map(|_| ())
                .ok_or_else(|| {
                    let forbidden = directory.tenants.get(&tenant).and_then(policies::of_consent);
                    forbidden.unwrap_or_else(|| {
                        EntraFault::no_consent(application.app_id, application.display_name())
                    })
                }),
        }
    }
}

/// The registered application with this id, where the path leaves the tenant open.
pub(super) fn of_several_tenants<'a>(
    directory: &'a Directory,
    client_id: &str,
    path: &str,
) -> Result<&'a Application, EntraFault> {
    let id = Uuid::parse_str(client_id).ok();
    let found = id.and_then(|id| directory.application_by_app_id(id));
    let found = found.ok_or_else(|| EntraFault::application_not_found(client_id, path))?;
    if found.is_multi_tenant() { Ok(found) } else { Err(EntraFault::single_tenant(found, path)) }
}

fn is_localhost(redirect_uri: &str) -> bool {
    Url::parse(redirect_uri).is_ok_and(|url| {
        url.scheme() == "http" && url.host_str() == Some("localhost") && url.username().is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_of_microsofts_is_sent_back_to_this_machine_alone() {
        let tool = Client::Public(PUBLIC_CLIENTS[0]);
        for good in ["http://localhost:8400", "http://localhost:1/", "http://localhost"] {
            assert!(tool.check_redirect(good).is_ok(), "{good}");
        }
        for bad in
            ["https://localhost:1", "http://localhost.example.org", "http://127.0.0.1:1", "nonsense", ""]
        {
            assert_eq!(tool.check_redirect(bad).unwrap_err().code, 50_011, "{bad}");
        }
    }
}
