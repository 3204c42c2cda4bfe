//! Microsoft Entra ID: discovery, the token endpoint, sign-in by people, admin consent.

mod assertion;
mod clients;
mod consent;
mod consent_page;
mod credential;
mod device_code;
mod discovery;
mod fault;
mod form;
mod grant;
mod policies;
mod resources;
mod sign_in;
mod sign_in_page;
mod token;
mod user_fault;
mod user_grant;

use axum::Router;
use axum::routing::{get, post};
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::cloud::{Cloud, SharedCloud};
use crate::state::directory::ServicePrincipal;
use crate::tokens::{Caller, CallerKind, Tokens, issuer_v2};

use grant::{ClientCredentials, Credential};

pub(crate) use fault::EntraFault;
pub(crate) use resources::is_known as is_known_resource;

/// What a federated credential names as its audience, and what a managed identity's assertion is for.
pub(crate) const EXCHANGE_AUDIENCE: &str = "api://AzureADTokenExchange";

/// Managed identities get tokens for a day (Microsoft Learn, managed identities: tokens are cached up to 24 hours).
pub(crate) const IDENTITY_TOKEN_SECONDS: i64 = 86_400;

pub(crate) fn router(cloud: SharedCloud) -> Router {
    Router::new()
        .route("/{tenant}/.well-known/openid-configuration", get(discovery::configuration_v1))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(discovery::configuration_v2))
        .route("/common/discovery/instance", get(discovery::instance))
        .route("/{tenant}/discovery/keys", get(discovery::keys))
        .route("/{tenant}/discovery/v2.0/keys", get(discovery::keys))
        .route("/common/userrealm/{name}", get(discovery::user_realm))
        .route("/common/oauth2/deviceauth", get(device_code::ask).post(device_code::answer))
        .route("/{tenant}/oauth2/v2.0/authorize", get(sign_in::ask).post(sign_in::answer))
        .route("/{tenant}/oauth2/v2.0/devicecode", post(device_code::begin))
        .route("/{tenant}/oauth2/token", post(token::token_v1))
        .route("/{tenant}/oauth2/v2.0/token", post(token::token_v2))
        .route("/{tenant}/adminconsent", get(consent::page_v1).post(consent::answer_v1))
        .route("/{tenant}/v2.0/adminconsent", get(consent::page_v2).post(consent::answer_v2))
        .with_state(cloud)
}

/// What the disk service does with a disk encryption set that names a multi-tenant application: it takes the
/// set's managed identity, has an assertion made, and trades that for a vault token in the vault's tenant.
///
/// It is the code path of the token endpoint, so that every fault of the set-up shows here as it would there.
pub(crate) fn exchange_for_disk_service(
    cloud: &Cloud,
    federated_client_id: Uuid,
    identity_principal: Uuid,
    tenant: Uuid,
) -> Result<Caller, EntraFault> {
    let now = cloud.clock.now();
    cloud.read(|state| {
        let directory = &state.directory;
        let identity = directory
            .service_principals
            .get(&identity_principal)
            .filter(|principal| principal.managed_identity.is_some())
            .ok_or_else(|| EntraFault::application_not_found(identity_principal, &tenant.to_string()))?;
        let assertion = identity_token(&cloud.tokens, identity, EXCHANGE_AUDIENCE, now);
        grant::client_credentials(
            directory,
            &cloud.tokens,
            now,
            &ClientCredentials {
                tenant: &tenant.to_string(),
                client_id: &federated_client_id.to_string(),
                credential: Credential::Assertion(&assertion),
                resource: "https://vault.azure.net",
            },
        )
    })
}

/// A managed identity as the caller of a service in its own tenant. None when the principal is not one.
pub(crate) fn identity_caller(cloud: &Cloud, identity_principal: Uuid) -> Option<Caller> {
    cloud.read(|state| {
        let principal = state.directory.service_principals.get(&identity_principal)?;
        principal.managed_identity.as_ref()?;
        Some(caller_of(principal))
    })
}

/// A token of a managed identity, as the platform hands it out.
pub(crate) fn identity_token(
    tokens: &Tokens,
    identity: &ServicePrincipal,
    resource: &str,
    now: OffsetDateTime,
) -> String {
    if resource != EXCHANGE_AUDIENCE {
        return tokens.access_token(&caller_of(identity), resource, now, IDENTITY_TOKEN_SECONDS);
    }
    let issued = now.unix_timestamp();
    let resource_id = identity.managed_identity.as_ref().map(|identity| identity.resource_id.as_str());
    // Our guess: `aud` is the address that was asked for. Real tokens may carry a GUID that stands for it, which
    // Entra then takes as equal to the address in the federated credential.
    tokens.sign(&json!({
        "aud": EXCHANGE_AUDIENCE,
        "iss": issuer_v2(identity.tenant),
        "iat": issued,
        "nbf": issued,
        "exp": issued + IDENTITY_TOKEN_SECONDS,
        "azp": identity.app_id,
        "idtyp": "app",
        "oid": identity.object_id,
        "sub": identity.object_id,
        "tid": identity.tenant,
        "uti": Uuid::new_v4().simple().to_string(),
        "ver": "2.0",
        "xms_mirid": resource_id,
    }))
}

fn caller_of(principal: &ServicePrincipal) -> Caller {
    Caller {
        tenant: principal.tenant,
        object_id: principal.object_id,
        application_id: principal.app_id,
        kind: CallerKind::Application,
    }
}
