//! Signing in with a browser: the authorization endpoint.
//!
//! Source: Microsoft Learn, "Microsoft identity platform and OAuth 2.0 authorization code flow", and what Microsoft's
//! libraries send. Who is signed in is chosen on the page itself (our guess at what serves best): the sandbox has no
//! passwords for people.

use axum::extract::{Form, Path, Query, State as RouterState};
use axum::response::{Html, IntoResponse, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use url::form_urlencoded;
use uuid::Uuid;

use crate::cloud::{Cloud, SharedCloud};
use crate::secrets::new_secret;
use crate::state::directory::{CODE_LIFETIME, Code, Directory, Person, Tenant, User};

use super::clients::Client;
use super::fault::EntraFault;
use super::sign_in_page as page;

/// What the client's link carries.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Link {
    client_id: Option<String>,
    redirect_uri: Option<String>,
    response_type: Option<String>,
    response_mode: Option<String>,
    scope: Option<String>,
    state: Option<String>,
    nonce: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
    login_hint: Option<String>,
}

/// What the page's form sends.
#[derive(Debug, Deserialize)]
pub(super) struct Decision {
    person: Uuid,
    decision: String,
}

/// How the answer travels to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResponseMode {
    Query,
    Fragment,
    FormPost,
}

pub(super) async fn ask(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(tenant): Path<String>,
    Query(link): Query<Link>,
) -> Response {
    let shown = cloud.read(|state| {
        let directory = &state.directory;
        Asked::read(directory, &tenant, &link)?;
        Ok(page::choice(&people_of(directory, &tenant)?, link.login_hint.as_deref()))
    });
    match shown {
        Ok(page) => Html(page.into_string()).into_response(),
        Err(fault) => refuse(&fault),
    }
}

pub(super) async fn answer(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(tenant): Path<String>,
    Query(link): Query<Link>,
    Form(decision): Form<Decision>,
) -> Response {
    match decide(&cloud, &tenant, &link, &decision) {
        Ok(reply) => reply,
        Err(fault) => refuse(&fault),
    }
}

fn decide(cloud: &Cloud, tenant: &str, link: &Link, decision: &Decision) -> Result<Response, EntraFault> {
    let now = cloud.clock.now();
    let code = new_secret().map_err(|_| EntraFault::out_of_order())?;
    let (mode, redirect_uri, mut parameters) = cloud.change(|state| {
        let directory = &mut state.directory;
        let asked = Asked::read(directory, tenant, link)?;
        let person = person_of(directory, tenant, decision.person)?;
        let (mode, redirect_uri) = (asked.mode, asked.redirect_uri.to_owned());
        if decision.decision != "sign in" {
            let text = "AADSTS65004: User declined to consent to access the app.".to_owned();
            let refused = vec![("error", "access_denied".to_owned()), ("error_description", text)];
            return Ok((mode, redirect_uri, refused));
        }
        asked.client.check_let_in(directory, person.tenant)?;
        let granted = Code {
            person,
            client: asked.client.id(),
            redirect_uri: redirect_uri.clone(),
            scope: link.scope.clone().unwrap_or_default(),
            nonce: link.nonce.clone(),
            challenge: link.code_challenge.clone(),
            until: now + CODE_LIFETIME,
            redeemed: false,
        };
        directory.sign_ins.forget_expired(now);
        directory.sign_ins.codes.insert(code.clone(), granted);
        Ok((mode, redirect_uri, vec![("code", code.clone()), ("session_state", Uuid::new_v4().to_string())]))
    })?;
    parameters.extend(link.state.clone().map(|state| ("state", state)));
    Ok(back(mode, &redirect_uri, &parameters))
}

/// A link that has been found to make sense.
struct Asked<'a> {
    client: Client<'a>,
    redirect_uri: &'a str,
    mode: ResponseMode,
}

impl<'a> Asked<'a> {
    fn read(directory: &'a Directory, tenant: &str, link: &'a Link) -> Result<Self, EntraFault> {
        let given = |name: &str, value: &'a Option<String>| {
            value
                .as_deref()
                .filter(|value| !value.is_empty())
                .ok_or_else(|| EntraFault::missing_parameter(name))
        };
        let client = Client::find(directory, given("client_id", &link.client_id)?, tenant)?;
        let redirect_uri = given("redirect_uri", &link.redirect_uri)?;
        client.check_redirect(redirect_uri)?;
        let response_type = given("response_type", &link.response_type)?;
        if response_type != "code" {
            return Err(EntraFault::unsupported_response_type(response_type));
        }
        given("scope", &link.scope)?;
        if link.code_challenge.is_some() && link.code_challenge_method.as_deref() != Some("S256") {
            return Err(EntraFault::unsupported_challenge());
        }
        let mode = match link.response_mode.as_deref() {
            None | Some("query") => ResponseMode::Query,
            Some("fragment") => ResponseMode::Fragment,
            Some("form_post") => ResponseMode::FormPost,
            Some(other) => return Err(EntraFault::unsupported_response_mode(other)),
        };
        Ok(Self { client, redirect_uri, mode })
    }
}

/// Everybody who may sign in under this path.
pub(super) fn people_of<'a>(
    directory: &'a Directory,
    tenant: &str,
) -> Result<Vec<(&'a Tenant, &'a User)>, EntraFault> {
    let tenants: Vec<&Tenant> = match tenant {
        "common" | "organizations" => directory.tenants.values().collect(),
        _ => vec![directory.tenant_named(tenant).ok_or_else(|| EntraFault::tenant_not_found(tenant))?],
    };
    let people = |tenant: &'a Tenant| tenant.users.values().map(move |user| (tenant, user));
    Ok(tenants.into_iter().flat_map(people).collect())
}

/// The person with this object id, if they may sign in under this path.
pub(super) fn person_of(directory: &Directory, tenant: &str, object_id: Uuid) -> Result<Person, EntraFault> {
    people_of(directory, tenant)?
        .into_iter()
        .find(|(_, user)| user.object_id == object_id)
        .map(|(home, user)| Person { tenant: home.tenant_id, object_id: user.object_id })
        .ok_or_else(EntraFault::not_of_this_tenant)
}

fn back(mode: ResponseMode, redirect_uri: &str, parameters: &[(&str, String)]) -> Response {
    if mode == ResponseMode::FormPost {
        return Html(page::form_post(redirect_uri, parameters).into_string()).into_response();
    }
    let answer = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    let join = match mode {
        ResponseMode::Fragment => '#',
        _ if redirect_uri.contains('?') => '&',
        _ => '?',
    };
    (StatusCode::FOUND, [(header::LOCATION, format!("{redirect_uri}{join}{answer}"))]).into_response()
}

/// A refusal is shown and never sent to the redirect address: that address may be the very thing that is wrong.
fn refuse(fault: &EntraFault) -> Response {
    (fault.status, Html(super::consent_page::refusal(fault).into_string())).into_response()
}
