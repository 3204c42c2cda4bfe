//! Where Entra sends the administrator's browser after the consent page.
//!
//! What arrives here is only a hint: anybody can write such an address. The state must be ours, unexpired, unused and
//! of this browser, and the tenant must be the one that it was issued for; the proof of consent is the token that
//! `customer_consented` obtains in the bound tenant. This function never makes an onboarding and never changes one's
//! tenant. Source: Microsoft Learn, "Admin consent on the Microsoft identity platform", which warns that the `tenant`
//! parameter can be forged.
//!
//! Publishes [`CustomerConsented`].

use axum::{
    Router,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::get,
};
use azure_ids::TenantId;
use onboarding::event::{CustomerConsented, Event, EventData, EventId};
use serde::Deserialize;

use crate::{
    App,
    budgets::{self, CONSENTS, CONSENTS_OF_TENANT},
    pages::consent::cookie_of,
    pages::signing::ConsentState,
    pages::{Problem, address_of, not_withdrawn, see_other},
    trace_context,
};

/// `GET /api/consent/callback`
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/api/consent/callback", get(callback))
}

/// The order of the parameters is free, and `admin_consent` can be `True` together with an error.
#[derive(Debug, Deserialize)]
struct Callback {
    #[serde(default)]
    state: String,
    #[serde(default)]
    tenant: String,
    #[serde(default)]
    admin_consent: String,
    error: Option<String>,
}

async fn callback(
    State(app): State<App>,
    headers: HeaderMap,
    query: Result<Query<Callback>, QueryRejection>,
) -> Response {
    let taken = match query {
        Ok(Query(callback)) => take(&app, &callback, &headers).await,
        Err(_) => Err(refusal("the query cannot be read")),
    };
    match taken {
        Ok(address) => see_other(&address),
        Err(problem) => problem.respond_to(&headers),
    }
}

async fn take(app: &App, callback: &Callback, headers: &HeaderMap) -> Result<String, Problem> {
    let state = app
        .signer
        .check_consent_state(&callback.state, |onboarding| cookie_of(headers, onboarding), app.clock.now())
        .map_err(|error| refusal(&format!("the state is refused: {error}")))?;
    let address = address_of(app, &not_withdrawn(app, state.link).await?);
    if callback.error.is_some() {
        // Not approved: nothing has changed, and the page still offers the consent.
        return Ok(address);
    }
    if !callback.admin_consent.eq_ignore_ascii_case("true") {
        return Err(refusal("admin_consent is not True"));
    }
    if callback.tenant.parse() != Ok::<TenantId, _>(state.tenant) {
        return Err(refusal("the tenant is not the one that was asked to consent"));
    }
    // First published, under an id that derives from the nonce, and then used up: a kill in between costs nothing.
    if app.used_states.is_used(&state).await.map_err(|error| unavailable(&error))? {
        return Err(refusal("the state was used before"));
    }
    let of_onboarding = (&CONSENTS, state.link.onboarding);
    let taken = budgets::take(app, of_onboarding, (&CONSENTS_OF_TENANT, state.tenant)).await;
    if let Some(wait) = taken.map_err(|error| unavailable(&error))? {
        return Err(Problem::too_often(
            "Latchkey was told several times that the application is approved.",
            wait,
        ));
    }
    publish(app, &state).await?;
    app.used_states.use_up(&state).await.map_err(|error| unavailable(&error))?;
    Ok(address)
}

async fn publish(app: &App, state: &ConsentState) -> Result<(), Problem> {
    let id = EventId::of_origin(CustomerConsented::KIND, &state.nonce.to_string());
    let data = CustomerConsented { tenant: state.tenant };
    let mut event = Event::new(id, "consent_callback", state.link.onboarding, app.clock.now(), data);
    event.traceparent = Some(trace_context::new_trace());
    let published = app.bus.publish(&event.to_message(None)).await;
    published.map_err(|error| Problem::unavailable("publishing a consent", &error))
}

fn unavailable(error: &object_store::Error) -> Problem {
    Problem::unavailable("keeping a consent's state", error)
}

fn refusal(why: &str) -> Problem {
    tracing::warn!(why, "a consent callback was refused");
    Problem::new(
        StatusCode::BAD_REQUEST,
        "This answer to a consent request is not accepted. Open your onboarding page and follow its consent link again.",
    )
}
