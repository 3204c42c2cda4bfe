//! The landing page that the marketplace opens after a purchase, and again for "Manage account".
//!
//! Reads the marketplace (resolve); changes nothing. Publishes [`SignupRequested`] and sends the browser on to the
//! onboarding's page, under an address without the marketplace's token: the token is a bearer credential and may not
//! stay in a history or a referrer.

use axum::{
    Router,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::get,
};
use azure_clients::{MarketplaceError, MarketplaceRefusal, marketplace::LandingToken};
use onboarding::{
    OnboardingId,
    event::{Event, EventData, EventId, SignupRequested},
};
use serde::Deserialize;

use crate::{
    App,
    pages::{Problem, address_of, see_other},
    trace_context,
};

/// `GET /api/signup?token=…`
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/api/signup", get(land))
}

#[derive(Deserialize)]
struct LandingQuery {
    token: String,
}

async fn land(
    State(app): State<App>,
    headers: HeaderMap,
    query: Result<Query<LandingQuery>, QueryRejection>,
) -> Response {
    match resolve(&app, query.ok().map(|Query(query)| query.token)).await {
        Ok(onboarding) => see_other(&address_of(&app, onboarding)),
        Err(problem) => problem.respond_to(&headers),
    }
}

async fn resolve(app: &App, token: Option<String>) -> Result<OnboardingId, Problem> {
    let token = LandingToken::from_decoded_parameter(&token.ok_or_else(not_identified)?);
    let token = token.map_err(|_| not_identified())?;
    let resolved = app.marketplace.resolve(&token).await.map_err(problem_of)?;
    let subscription = resolved.id;
    let onboarding = OnboardingId::of_subscription(subscription);
    // The same purchase always has the same id: to open the landing page twice is to sign up once.
    let id = EventId::of_origin(SignupRequested::KIND, &onboarding.to_string());
    let mut event = Event::new(id, "signup", onboarding, app.clock.now(), SignupRequested { subscription });
    event.traceparent = Some(trace_context::new_trace());
    let published = app.bus.publish(&event.to_message(None)).await;
    published.map_err(|error| Problem::unavailable("publishing a sign-up", &error))?;
    Ok(onboarding)
}

fn not_identified() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "This purchase could not be identified. Open the subscription in the Azure portal or the Microsoft 365 admin \
         center and choose \"Configure account\" again.",
    )
}

fn problem_of(error: MarketplaceError) -> Problem {
    match error {
        MarketplaceError::Refused(
            MarketplaceRefusal::LandingTokenRefused
            | MarketplaceRefusal::NotFound
            | MarketplaceRefusal::BadRequest { .. },
        ) => not_identified(),
        MarketplaceError::Refused(MarketplaceRefusal::Forbidden | MarketplaceRefusal::Conflict)
        | MarketplaceError::Token(_)
        | MarketplaceError::Throttled { .. }
        | MarketplaceError::Unavailable(_)
        | MarketplaceError::Undecodable(_) => Problem::unavailable("resolving a purchase", &error),
    }
}
