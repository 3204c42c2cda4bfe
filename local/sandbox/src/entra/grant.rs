//! The client credentials grant: who may have a token, and for whom.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::secrets::digest;
use crate::state::directory::{Application, Directory};
use crate::tokens::{Caller, CallerKind, Tokens};

use super::fault::EntraFault;
use super::{assertion, policies, resources};

/// A request for a token, as far as it decides who gets one.
pub(super) struct ClientCredentials<'a> {
    /// The tenant as the path names it: id or domain.
    pub(super) tenant: &'a str,
    pub(super) client_id: &'a str,
    pub(super) credential: Credential<'a>,
    /// The resource without `/.default`.
    pub(super) resource: &'a str,
}

/// How the application proves that it is itself.
#[derive(Clone, Copy)]
pub(super) enum Credential<'a> {
    Secret(&'a str),
    Assertion(&'a str),
}

/// The application inside the named tenant, if it may have a token.
///
/// Our guess: the order of the checks. Tenant and application come first, then the proof, then whether the
/// tenant has let the application in, the resource, and the tenant's policies last.
pub(super) fn client_credentials(
    directory: &Directory,
    tokens: &Tokens,
    now: OffsetDateTime,
    request: &ClientCredentials<'_>,
) -> Result<Caller, EntraFault> {
    if ["common", "organizations", "consumers"].contains(&request.tenant) {
        return Err(EntraFault::no_tenant_named());
    }
    let tenant =
        directory.tenant_named(request.tenant).ok_or_else(|| EntraFault::tenant_not_found(request.tenant))?;
    let application = application(directory, request.client_id, tenant.tenant_id, request.tenant)?;

    check_credential(directory, application, tokens, request.credential, now)?;

    let principal = directory
        .service_principal_of(tenant.tenant_id, application.app_id)
        .filter(|principal| principal.usable_from <= now)
        .ok_or_else(|| EntraFault::service_principal_missing(application.app_id, tenant.tenant_id))?;
    if !principal.enabled {
        return Err(EntraFault::application_disabled(application.app_id, application.display_name()));
    }
    if !resources::is_known(directory, tenant.tenant_id, request.resource) {
        return Err(EntraFault::resource_not_found(request.resource, &tenant.display_name));
    }
    policies::check(directory, tenant, application, principal)?;
    Ok(Caller {
        tenant: tenant.tenant_id,
        object_id: principal.object_id,
        application_id: application.app_id,
        kind: CallerKind::Application,
    })
}

/// The registration behind a client id, if this tenant could ever let it in.
pub(super) fn application<'a>(
    directory: &'a Directory,
    client_id: &str,
    tenant: Uuid,
    tenant_name: &str,
) -> Result<&'a Application, EntraFault> {
    Uuid::parse_str(client_id)
        .ok()
        .and_then(|id| directory.application_by_app_id(id))
        .filter(|application| application.tenant == tenant || application.is_multi_tenant())
        .ok_or_else(|| EntraFault::application_not_found(client_id, tenant_name))
}

/// Whether an application proves to be itself.
pub(super) fn check_credential(
    directory: &Directory,
    application: &Application,
    tokens: &Tokens,
    credential: Credential<'_>,
    now: OffsetDateTime,
) -> Result<(), EntraFault> {
    match credential {
        Credential::Secret(secret) => check_secret(application, secret, now),
        Credential::Assertion(text) => assertion::check(directory, application, tokens, text, now),
    }
}

fn check_secret(application: &Application, secret: &str, now: OffsetDateTime) -> Result<(), EntraFault> {
    let presented = digest(secret);
    let known = application
        .secrets
        .iter()
        .find(|known| known.sha256 == presented)
        .ok_or_else(|| EntraFault::wrong_secret(application.app_id))?;
    if known.end <= now { Err(EntraFault::expired_secret(application.app_id)) } else { Ok(()) }
}
