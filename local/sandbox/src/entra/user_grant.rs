//! Tokens for people: what a code, a refresh token, a device code or a password is traded for.
//!
//! Sources: Microsoft Learn, the pages on the authorization code flow, refresh tokens, the device authorization grant and
//! resource owner password credentials.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::state::directory::{DeviceAnswer, Directory, Person, Tenant};
use crate::tokens::{Caller, CallerKind, issuer_v2};

use super::clients::Client;
use super::credential::credential;
use super::fault::EntraFault;
use super::form::Parameters;
use super::{grant, resources, sign_in};

/// How long a person's access token holds: Entra varies it between 60 and 90 minutes.
const LIFETIME_SECONDS: i64 = 3599;

/// How long a refresh token holds (Microsoft Learn, "Refresh tokens": ninety days).
const REFRESH_SECONDS: i64 = 90 * 86_400;

/// Only Entra itself takes a refresh token.
const REFRESH_AUDIENCE: &str = "refresh";

/// Somebody who has proven who they are, and to which program.
struct SignedIn {
    person: Person,
    client: Uuid,
    scope: String,
    nonce: Option<String>,
}

/// Answers one of the grants for people at a tenant's token endpoint.
pub(super) fn issue(
    cloud: &Cloud,
    grant: &str,
    tenant: &str,
    form: &Parameters,
    now: OffsetDateTime,
) -> Result<Value, EntraFault> {
    let client_id = form.required("client_id")?;
    cloud.read(|state| check_client(cloud, &state.directory, tenant, client_id, form, now))?;
    let signed_in = match grant {
        "authorization_code" => by_code(cloud, tenant, form, now)?,
        "refresh_token" => by_refresh_token(cloud, client_id, form, now)?,
        "password" => by_password(cloud, tenant, form)?,
        _ => by_device_code(cloud, form, now)?,
    };
    if signed_in.client.to_string() != client_id.to_ascii_lowercase() {
        return Err(EntraFault::invalid_grant());
    }
    cloud.read(|state| {
        let home = home_of(&state.directory, tenant, signed_in.person)?;
        Client::find(&state.directory, client_id, tenant)?.check_let_in(&state.directory, home.tenant_id)?;
        tokens(cloud, &state.directory, home, &signed_in, now)
    })
}

/// A registered application must prove itself when it redeems what a person gave it; Microsoft's own tools cannot.
fn check_client(
    cloud: &Cloud,
    directory: &Directory,
    tenant: &str,
    client_id: &str,
    form: &Parameters,
    now: OffsetDateTime,
) -> Result<(), EntraFault> {
    match Client::find(directory, client_id, tenant)? {
        Client::Public(_) => Ok(()),
        Client::Registered(application) => {
            let credential = credential(form)?;
            grant::check_credential(directory, application, &cloud.tokens, credential, now)
        }
    }
}

fn by_code(
    cloud: &Cloud,
    tenant: &str,
    form: &Parameters,
    now: OffsetDateTime,
) -> Result<SignedIn, EntraFault> {
    let given = form.required("code")?;
    let redirect_uri = form.required("redirect_uri")?;
    let client_id = form.required("client_id")?;
    cloud
        .change(|state| {
            let code = state.directory.sign_ins.codes.get_mut(given).ok_or_else(EntraFault::invalid_grant)?;
            if code.redeemed {
                return Err(EntraFault::code_already_redeemed());
            }
            if code.until <= now {
                return Err(EntraFault::code_expired());
            }
            if code.redirect_uri != redirect_uri {
                return Err(EntraFault::redirect_not_registered(redirect_uri, code.client));
            }
            if code.client.to_string() != client_id.to_ascii_lowercase() {
                return Err(EntraFault::invalid_grant());
            }
            if let Some(challenge) = &code.challenge
                && *challenge != challenge_of(form.required("code_verifier")?)
            {
                return Err(EntraFault::wrong_verifier());
            }
            code.redeemed = true;
            let scope = form.get("scope").unwrap_or(&code.scope).to_owned();
            Ok(SignedIn { person: code.person, client: code.client, scope, nonce: code.nonce.clone() })
        })
        .and_then(|signed_in| {
            cloud.read(|state| home_of(&state.directory, tenant, signed_in.person).map(|_| ()))?;
            Ok(signed_in)
        })
}

fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

fn by_refresh_token(
    cloud: &Cloud,
    client_id: &str,
    form: &Parameters,
    now: OffsetDateTime,
) -> Result<SignedIn, EntraFault> {
    let claims =
        cloud.tokens.verify(form.required("refresh_token")?).map_err(|_| EntraFault::invalid_grant())?;
    let id = |claim: &str| claims[claim].as_str().and_then(|text| Uuid::parse_str(text).ok());
    let (Some(tenant), Some(object_id), Some(client)) = (id("tid"), id("oid"), id("azp")) else {
        return Err(EntraFault::invalid_grant());
    };
    if claims["aud"] != REFRESH_AUDIENCE || client.to_string() != client_id.to_ascii_lowercase() {
        return Err(EntraFault::invalid_grant());
    }
    if claims["exp"].as_i64().is_none_or(|until| until <= now.unix_timestamp()) {
        return Err(EntraFault::refresh_token_expired());
    }
    let scope = form.get("scope").or(claims["scp"].as_str()).unwrap_or_default().to_owned();
    Ok(SignedIn { person: Person { tenant, object_id }, client, scope, nonce: None })
}

/// Any password will do: the sandbox has none to compare it with.
fn by_password(cloud: &Cloud, tenant: &str, form: &Parameters) -> Result<SignedIn, EntraFault> {
    let (name, client) = (form.required("username")?, form.required("client_id")?);
    form.required("password")?;
    let scope = form.required("scope")?.to_owned();
    let client = Uuid::parse_str(client).map_err(|_| EntraFault::application_not_found(client, tenant))?;
    cloud.read(|state| {
        let (home, user) = sign_in::people_of(&state.directory, tenant)?
            .into_iter()
            .find(|(_, user)| user.user_principal_name.eq_ignore_ascii_case(name))
            .ok_or_else(|| EntraFault::no_such_user(name, tenant))?;
        let person = Person { tenant: home.tenant_id, object_id: user.object_id };
        Ok(SignedIn { person, client, scope, nonce: None })
    })
}

fn by_device_code(cloud: &Cloud, form: &Parameters, now: OffsetDateTime) -> Result<SignedIn, EntraFault> {
    let given = form.required("device_code")?;
    cloud.change(|state| {
        let devices = &mut state.directory.sign_ins.devices;
        let device = devices.get(given).ok_or_else(EntraFault::unknown_device_code)?.clone();
        if device.until <= now {
            return Err(EntraFault::device_code_expired());
        }
        let person = match device.answer {
            DeviceAnswer::Pending => return Err(EntraFault::authorization_pending()),
            DeviceAnswer::Declined => return Err(EntraFault::authorization_declined()),
            DeviceAnswer::Approved(person) => person,
        };
        devices.remove(given);
        let scope = form.get("scope").unwrap_or(&device.scope).to_owned();
        Ok(SignedIn { person, client: device.client, scope, nonce: None })
    })
}

/// The person's organisation, if the path names it or leaves it open. Nobody is a guest anywhere here.
fn home_of<'a>(directory: &'a Directory, tenant: &str, person: Person) -> Result<&'a Tenant, EntraFault> {
    let home = directory
        .tenants
        .get(&person.tenant)
        .filter(|home| home.users.contains_key(&person.object_id))
        .ok_or_else(EntraFault::invalid_grant)?;
    if ["common", "organizations"].contains(&tenant) {
        return Ok(home);
    }
    let named = directory.tenant_named(tenant).ok_or_else(|| EntraFault::tenant_not_found(tenant))?;
    if named.tenant_id == home.tenant_id { Ok(home) } else { Err(EntraFault::not_of_this_tenant()) }
}

fn tokens(
    cloud: &Cloud,
    directory: &Directory,
    home: &Tenant,
    signed_in: &SignedIn,
    now: OffsetDateTime,
) -> Result<Value, EntraFault> {
    let SignedIn { person, client, scope, nonce } = signed_in;
    let resource = resources::of_scopes(scope);
    if !resources::is_known(directory, home.tenant_id, &resource) {
        return Err(EntraFault::resource_not_found(&resource, &home.display_name));
    }
    let user = home.users.get(&person.object_id).ok_or_else(EntraFault::invalid_grant)?;
    let caller = Caller {
        tenant: person.tenant,
        object_id: person.object_id,
        application_id: *client,
        kind: CallerKind::User,
    };
    let issued = now.unix_timestamp();
    let mut id_token = json!({
        "aud": client,
        "iss": issuer_v2(person.tenant),
        "iat": issued,
        "nbf": issued,
        "exp": issued + LIFETIME_SECONDS,
        "name": user.display_name,
        "oid": person.object_id,
        "preferred_username": user.user_principal_name,
        // Entra's subjects differ from one program to the next.
        "sub": Uuid::new_v5(client, person.object_id.as_bytes()).simple().to_string(),
        "tid": person.tenant,
        "uti": Uuid::new_v4().simple().to_string(),
        "ver": "2.0",
    });
    if let Some(nonce) = nonce {
        id_token["nonce"] = json!(nonce);
    }
    let refresh = json!({
        "aud": REFRESH_AUDIENCE,
        "iat": issued,
        "exp": issued + REFRESH_SECONDS,
        "tid": person.tenant,
        "oid": person.object_id,
        "azp": client,
        "scp": scope,
    });
    let client_info = json!({ "uid": person.object_id, "utid": person.tenant }).to_string();
    Ok(json!({
        "token_type": "Bearer",
        "scope": scope,
        "expires_in": LIFETIME_SECONDS,
        "ext_expires_in": LIFETIME_SECONDS,
        "access_token": cloud.tokens.access_token(&caller, &resource, now, LIFETIME_SECONDS),
        "refresh_token": cloud.tokens.sign(&refresh),
        "id_token": cloud.tokens.sign(&id_token),
        "client_info": URL_SAFE_NO_PAD.encode(client_info),
    }))
}
