//! The buttons: asked about, then done.

use std::collections::BTreeMap;

use axum::extract::{Form, State as RouterState};
use axum::response::{Html, IntoResponse, Redirect, Response};
use http::StatusCode;
use serde_json::{Map, Value};

use crate::control::actions::{self, Action};

use super::press::{Page, TOKEN};
use super::shell;

type Fields = BTreeMap<String, String>;

/// `POST /ask`: the question before something is taken away.
pub(super) async fn ask(RouterState(page): RouterState<Page>, Form(fields): Form<Fields>) -> Response {
    match read(&page, fields.clone()) {
        Ok(action) => Html(shell::question(&question(&action), &fields).into_string()).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// `POST /do`.
pub(super) async fn carry_out(RouterState(page): RouterState<Page>, Form(fields): Form<Fields>) -> Response {
    let action = match read(&page, fields) {
        Ok(action) => action,
        Err(refusal) => return refusal.into_response(),
    };
    match actions::carry(&page.cloud, &action) {
        Ok(said) => {
            page.press.say(said);
            Redirect::to(&format!("/#{}", section(&action))).into_response()
        }
        Err(error) => Refusal(error.status(), error.problem().to_owned()).into_response(),
    }
}

fn read(page: &Page, mut fields: Fields) -> Result<Action, Refusal> {
    let token = fields.remove(TOKEN).unwrap_or_default();
    let own = page.press.token.as_bytes();
    if aws_lc_rs::constant_time::verify_slices_are_equal(token.as_bytes(), own).is_err() {
        let text =
            "This button belongs to an earlier run of the sandbox or to another site. Reload the page.";
        return Err(Refusal(StatusCode::FORBIDDEN, text.to_owned()));
    }
    let fields: Map<String, Value> =
        fields.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    serde_json::from_value(Value::Object(fields)).map_err(|error| {
        Refusal(StatusCode::BAD_REQUEST, format!("This form does not belong to this page: {error}"))
    })
}

/// Why a button did nothing.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Html(shell::refusal(&self.1).into_string())).into_response()
    }
}

/// What will come of it, in the words of somebody who has seen it happen.
fn question(action: &Action) -> (String, String) {
    match action {
        Action::DisableKey { vault, key, .. } => (
            format!("Disable the key {key} in the vault {vault}?"),
            "Wrap and unwrap are rejected until it is enabled again. Disks encrypted with it become unusable.".into(),
        ),
        Action::EnableKey { vault, key, .. } => {
            (format!("Enable the key {key} in the vault {vault}?"), "It can be used again immediately.".into())
        }
        Action::RemoveRole { id } => (
            "Remove this role assignment?".into(),
            format!("{id} has no effect once its removal has spread. It cannot be restored; it can only be created again."),
        ),
        Action::DeleteServicePrincipal { object_id } => (
            format!("Delete the service principal {object_id}?"),
            "This revokes the tenant's consent: the application gets no more tokens there (AADSTS7000229). A new consent \
             creates another service principal, which needs its roles assigned again."
                .into(),
        ),
        Action::DisableServicePrincipal { object_id } => (
            format!("Disable the service principal {object_id}?"),
            "The application gets no tokens in this tenant until the service principal is enabled again (AADSTS7000112).".into(),
        ),
        Action::EnableServicePrincipal { object_id } => {
            (format!("Enable the service principal {object_id}?"), "It gets tokens again immediately.".into())
        }
        Action::ImposePolicy { policy, .. } => {
            (format!("Add the policy {}?", policy.name()), format!("From now on, {}.", policy.effect()))
        }
        Action::LiftPolicy { policy, .. } => {
            (format!("Remove the policy {}?", policy.name()), "It has no effect from now on.".into())
        }
    }
}

fn section(action: &Action) -> &'static str {
    match action {
        Action::DisableKey { .. } | Action::EnableKey { .. } => "keys",
        Action::RemoveRole { .. } => "grants",
        Action::DeleteServicePrincipal { .. }
        | Action::DisableServicePrincipal { .. }
        | Action::EnableServicePrincipal { .. } => "consents",
        Action::ImposePolicy { .. } | Action::LiftPolicy { .. } => "tenants",
    }
}
