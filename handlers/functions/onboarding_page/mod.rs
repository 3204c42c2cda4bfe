//! The customer's page: where the onboarding stands, whose turn it is, and what to do.
//!
//! Opened by a signed link. `GET /api/onboarding/{id}` shows it, as HTML or as JSON; `GET …/consent` sends the browser
//! to Entra's consent page with a state of its own; `POST …/check` asks to look again now and publishes
//! [`CheckDue`](onboarding::event::CheckDue). `POST …/replace-key` asks twice whether another key is to be put in use, and
//! publishes [`KeyReplacementRequested`](onboarding::event::KeyReplacementRequested). Reads the journal; changes it only
//! when the customer takes another key back (`POST …/withdraw-key`).

mod key_change;
mod key_health;
mod view;

use axum::{
    Router,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
    routing::{get, post},
};
use azure_ids::TenantId;
use onboarding::{Onboarding, Stage, watched::Seen};
use url::Url;
use uuid::Uuid;

use crate::{
    App,
    pages::consent::cookie_name,
    pages::{LinkQuery, Problem, asked, check_link, private_json, see_other, signing::Link, wants_json},
    systems::checks::{Answer, ask},
};

/// The page and its actions.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/api/onboarding/{id}", get(show))
        .route("/api/onboarding/{id}/consent", get(consent))
        .route("/api/onboarding/{id}/check", post(check))
        .route("/api/onboarding/{id}/replace-key", post(key_change::replace))
        .route("/api/onboarding/{id}/withdraw-key", post(key_change::withdraw))
}

async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<LinkQuery>,
    headers: HeaderMap,
) -> Response {
    match find_with_looks(&app, &id, &query).await {
        Ok((link, found, seen)) if wants_json(&headers) => {
            private_json(StatusCode::OK, &view::json(&app, &link, found.as_ref(), &seen))
        }
        Ok((link, found, seen)) => view::page(&app, &link, found.as_ref(), &seen),
        Err(problem) => problem.respond_to(&headers),
    }
}

/// With what the looks at its key saw, once there are any.
async fn find_with_looks(
    app: &App,
    id: &str,
    query: &LinkQuery,
) -> Result<(Link, Option<Onboarding>, Seen), Problem> {
    let (link, found) = find(app, id, query).await?;
    let seen = match &found {
        Some(onboarding) if onboarding.is_watched() => app.watched.seen(link.onboarding).await,
        Some(_) | None => Ok(Seen::default()),
    };
    Ok((link, found, seen.map_err(|error| Problem::unavailable("reading what was seen of a key", &error))?))
}

/// `None` while the sign-up is still on its way.
async fn find(app: &App, id: &str, query: &LinkQuery) -> Result<(Link, Option<Onboarding>), Problem> {
    let link = check_link(app, id, query).await?;
    let head = app
        .journal
        .load(link.onboarding)
        .await
        .map_err(|error| Problem::unavailable("reading a journal", &error))?;
    Ok((link, head.map(|head| head.onboarding)))
}

/// The onboarding, once it was opened.
async fn opened(app: &App, id: &str, query: &LinkQuery) -> Result<(Link, Onboarding), Problem> {
    let (link, found) = find(app, id, query).await?;
    let opened = found.ok_or_else(|| {
        Problem::new(StatusCode::CONFLICT, "This onboarding is still being opened. Try again in a moment.")
    })?;
    Ok((link, opened))
}

/// The onboarding, when something can still be done about it.
async fn in_force(app: &App, id: &str, query: &LinkQuery) -> Result<(Link, Onboarding), Problem> {
    let (link, onboarding) = opened(app, id, query).await?;
    if onboarding.stage() == Stage::Ended {
        return Err(Problem::new(
            StatusCode::GONE,
            "This onboarding has ended. There is nothing left to do.",
        ));
    }
    Ok((link, onboarding))
}

async fn consent(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<LinkQuery>,
    headers: HeaderMap,
) -> Response {
    match in_force(&app, &id, &query).await {
        Ok((link, onboarding)) => to_entra(&app, link, onboarding.tenant()),
        Err(problem) => problem.respond_to(&headers),
    }
}

/// The scope is Graph's default: the application asks for no permission of its own, only to be known in the tenant.
fn to_entra(app: &App, link: Link, tenant: TenantId) -> Response {
    let cookie = Uuid::new_v4().simple().to_string();
    let state = app.signer.consent_state(link, tenant, &cookie, app.clock.now());
    let mut address = Url::parse("https://login.microsoftonline.com").expect("a literal URL");
    address.set_path(&format!("/{tenant}/v2.0/adminconsent"));
    address
        .query_pairs_mut()
        .append_pair("client_id", &app.settings.application_id.to_string())
        .append_pair("scope", "https://graph.microsoft.com/.default")
        .append_pair("redirect_uri", &app.settings.public("/api/consent/callback"))
        .append_pair("state", &state);
    let mut response = see_other(address.as_str());
    // Lax: the callback is a top-level navigation from Entra, and must bring the cookie.
    let secure = if app.settings.public_url.scheme() == "https" { "; Secure" } else { "" };
    let name = cookie_name(link.onboarding);
    let cookie = format!("{name}={cookie}; Path=/api/consent; Max-Age=1800; HttpOnly; SameSite=Lax{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

async fn check(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<LinkQuery>,
    headers: HeaderMap,
) -> Response {
    match ask_again(&app, &id, &query).await {
        Ok((link, answer)) if wants_json(&headers) => asked::json(link.onboarding, answer),
        Ok((link, answer)) => asked::html(&app, &link, answer),
        Err(problem) => problem.respond_to(&headers),
    }
}

async fn ask_again(app: &App, id: &str, query: &LinkQuery) -> Result<(Link, Answer), Problem> {
    let (link, onboarding) = opened(app, id, query).await?;
    let answer = ask(app, &onboarding, "onboarding_page").await;
    Ok((link, answer.map_err(|error| Problem::unavailable("asking for a check", &error))?))
}
