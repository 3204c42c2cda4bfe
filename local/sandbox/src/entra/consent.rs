//! Admin consent: a page on which an administrator lets an application into the organisation, or does not.
//!
//! Sources: Microsoft Learn, "Admin consent on the Microsoft identity platform" for both versions of the page, its
//! parameters and the addresses it leads back to. Who is signed in is chosen on the page itself: the sandbox has
//! no passwords for people.

use axum::extract::{Form, Path, Query, State as RouterState};
use axum::response::{Html, IntoResponse, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use url::form_urlencoded;
use uuid::Uuid;

use crate::cloud::{Cloud, SharedCloud};
use crate::state::directory::{Application, Directory, Tenant, User};

use super::fault::EntraFault;
use super::{clients, consent_page as page, grant, policies};

/// What the link to the page carries.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Link {
    client_id: Option<String>,
    redirect_uri: Option<String>,
    state: Option<String>,
    scope: Option<String>,
}

/// What the page's form sends: who decided, and how.
#[derive(Debug, Deserialize)]
pub(super) struct Decision {
    administrator: Uuid,
    decision: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

pub(super) async fn page_v1(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(tenant): Path<String>,
    Query(link): Query<Link>,
) -> Response {
    show(&cloud, Version::V1, &tenant, &link)
}

pub(super) async fn page_v2(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(tenant): Path<String>,
    Query(link): Query<Link>,
) -> Response {
    show(&cloud, Version::V2, &tenant, &link)
}

pub(super) async fn answer_v1(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(tenant): Path<String>,
    Query(link): Query<Link>,
    Form(decision): Form<Decision>,
) -> Response {
    decide(&cloud, Version::V1, &tenant, &link, &decision)
}

pub(super) async fn answer_v2(
    RouterState(cloud): RouterState<SharedCloud>,
    Path(tenant): Path<String>,
    Query(link): Query<Link>,
    Form(decision): Form<Decision>,
) -> Response {
    decide(&cloud, Version::V2, &tenant, &link, &decision)
}

fn show(cloud: &Cloud, version: Version, tenant: &str, link: &Link) -> Response {
    let shown = cloud.read(|state| {
        let asked = Asked::read(&state.directory, version, tenant, link)?;
        let people: Vec<(&Tenant, &User)> = asked
            .tenants
            .iter()
            .flat_map(|tenant| tenant.users.values().map(move |user| (*tenant, user)))
            .collect();
        Ok(page::question(asked.application, asked.scope, &people))
    });
    match shown {
        Ok(page) => Html(page.into_string()).into_response(),
        Err(fault) => refuse(&fault),
    }
}

fn decide(cloud: &Cloud, version: Version, tenant: &str, link: &Link, decision: &Decision) -> Response {
    let now = cloud.clock.now();
    let answered = cloud.change(|state| {
        let directory = &mut state.directory;
        let asked = Asked::read(directory, version, tenant, link)?;
        let home = asked.home_of(decision.administrator)?;
        let (application, redirect_uri) = (asked.application.clone(), asked.redirect_uri.to_owned());
        match decision.decision.as_str() {
            "approve" => {
                if !home.directory_administrators.contains(&decision.administrator) {
                    return Err(policies::of_consent(home)
                        .unwrap_or_else(|| EntraFault::administrator_needed(application.display_name())));
                }
                let tenant = home.tenant_id;
                let principal = directory.let_application_in(tenant, &application, now, &cloud.lags);
                directory.approve(principal.object_id);
                Ok(back(&redirect_uri, &approved(version, tenant, link)))
            }
            "cancel" => Ok(back(&redirect_uri, &cancelled(version, home.tenant_id, link))),
            _ => Err(EntraFault::missing_parameter("decision")),
        }
    });
    match answered {
        Ok(address) => (StatusCode::FOUND, [(header::LOCATION, address)]).into_response(),
        Err(fault) => refuse(&fault),
    }
}

/// The question that a link asks, once it has been found to make sense.
struct Asked<'a> {
    application: &'a Application,
    redirect_uri: &'a str,
    scope: Option<&'a str>,
    /// Whose administrators may answer: one organisation, or all when the link leaves it open.
    tenants: Vec<&'a Tenant>,
}

impl<'a> Asked<'a> {
    fn read(
        directory: &'a Directory,
        version: Version,
        tenant: &str,
        link: &'a Link,
    ) -> Result<Self, EntraFault> {
        let given = |name: &str, value: &'a Option<String>| {
            value
                .as_deref()
                .filter(|value| !value.is_empty())
                .ok_or_else(|| EntraFault::missing_parameter(name))
        };
        let client_id = given("client_id", &link.client_id)?;
        let (tenants, application) = match tenant {
            "common" | "organizations" => {
                let application = clients::of_several_tenants(directory, client_id, tenant)?;
                (directory.tenants.values().collect(), application)
            }
            _ => {
                let one = directory.tenant_named(tenant);
                let one = one.ok_or_else(|| EntraFault::tenant_not_found(tenant))?;
                (vec![one], grant::application(directory, client_id, one.tenant_id, tenant)?)
            }
        };
        let redirect_uri = given("redirect_uri", &link.redirect_uri)?;
        if !application.has_redirect_uri(redirect_uri) {
            return Err(EntraFault::redirect_not_registered(redirect_uri, application.app_id));
        }
        let scope = match version {
            Version::V1 => None,
            Version::V2 => Some(given("scope", &link.scope)?),
        };
        Ok(Self { application, redirect_uri, scope, tenants })
    }

    /// The organisation of the person who answers.
    fn home_of(&self, person: Uuid) -> Result<&'a Tenant, EntraFault> {
        let home = self.tenants.iter().find(|tenant| tenant.users.contains_key(&person)).copied();
        let home = home.ok_or_else(EntraFault::not_of_this_tenant)?;
        if home.tenant_id == self.application.tenant || self.application.is_multi_tenant() {
            Ok(home)
        } else {
            Err(EntraFault::application_not_found(self.application.app_id, &home.display_name))
        }
    }
}

fn approved(version: Version, tenant: Uuid, link: &Link) -> Vec<(&'static str, String)> {
    let state = link.state.clone().map(|state| ("state", state));
    let tenant = ("tenant", tenant.to_string());
    let consent = ("admin_consent", "True".to_owned());
    match version {
        Version::V1 => [tenant].into_iter().chain(state).chain([consent]).collect(),
        Version::V2 => {
            let scope = ("scope", link.scope.clone().unwrap_or_default());
            [consent, tenant, scope].into_iter().chain(state).collect()
        }
    }
}

/// Version 1.0 is documented without `state` here, version 2.0 with it, and with an `admin_consent` that says
/// "True" although the answer was no.
fn cancelled(version: Version, tenant: Uuid, link: &Link) -> Vec<(&'static str, String)> {
    match version {
        Version::V1 => vec![
            ("error", "permission_denied".to_owned()),
            ("error_description", "The admin canceled the request".to_owned()),
        ],
        Version::V2 => {
            let text = "AADSTS65004: The resource owner or authorization server denied the request. The resource \
                        owner declined to consent to access the app.";
            let mut parameters = vec![
                ("admin_consent", "True".to_owned()),
                ("error", "consent_required".to_owned()),
                ("error_description", text.to_owned()),
                ("tenant", tenant.to_string()),
            ];
            parameters.extend(link.state.clone().map(|state| ("state", state)));
            parameters
        }
    }
}

fn back(redirect_uri: &str, parameters: &[(&str, String)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    let join = if redirect_uri.contains('?') { '&' } else { '?' };
    format!("{redirect_uri}{join}{query}")
}

/// A refusal is shown and never sent to the redirect address: that address may be the very thing that is wrong.
fn refuse(fault: &EntraFault) -> Response {
    (fault.status, Html(page::refusal(fault).into_string())).into_response()
}
