//! The landing page that the marketplace opens after a purchase, and again for "Manage account".
//!
//! Reads the marketplace (resolve); changes nothing. Publishes [`SignupRequested`] and sends the browser on to the
//! onboarding's page, under an address without the marketplace's token: the token is a bearer credential and may not
//! stay in a history or a referrer.

use std::net::{IpAddr, SocketAddr};

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
    pages::strangers::{Admission, WINDOW},
    pages::{Problem, address_of, issue_link, see_other, signing::Link},
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
    match issue(&app, &address_from(&headers), query.ok().map(|Query(query)| query.token)).await {
        Ok(link) => see_other(&address_of(&app, &link)),
        Err(problem) => problem.respond_to(&headers),
    }
}

/// Whoever shows a token of the marketplace gets a link.
async fn issue(app: &App, from: &str, token: Option<String>) -> Result<Link, Problem> {
    issue_link(app, resolve(app, from, token).await?).await
}

async fn resolve(app: &App, from: &str, token: Option<String>) -> Result<OnboardingId, Problem> {
    let text = token.ok_or_else(not_identified)?;
    let token = LandingToken::from_decoded_parameter(&text).map_err(|_| not_identified())?;
    let now = app.clock.now();
    match app.strangers.admit(from, &text, now) {
        Admission::Ask => {}
        Admission::Known(onboarding) => return Ok(onboarding),
        Admission::Refused => return Err(not_identified()),
        Admission::TooMany => return Err(too_many()),
    }
    let resolved = match app.marketplace.resolve(&token).await {
        Ok(resolved) => resolved,
        Err(error) if is_refused(&error) => {
            app.strangers.refused(&text, now);
            return Err(not_identified());
        }
        Err(error) => {
            app.strangers.give_back(from);
            return Err(Problem::unavailable("resolving a purchase", &error));
        }
    };
    let subscription = resolved.id;
    let onboarding = OnboardingId::of_subscription(subscription);
    // Whoever sweeps sees by it that this message died.
    let marked = app.signups.create(now + app.settings.standstill, &format!("{subscription}/0")).await;
    marked.map_err(|error| {
        app.strangers.give_back(from);
        Problem::unavailable("marking a sign-up", &error)
    })?;
    // The same purchase always has the same id: to open the landing page twice is to sign up once.
    let id = EventId::of_origin(SignupRequested::KIND, &onboarding.to_string());
    let mut event = Event::new(id, "signup", onboarding, app.clock.now(), SignupRequested { subscription });
    event.traceparent = Some(trace_context::new_trace());
    let published = app.bus.publish(&event.to_message(None)).await;
    if let Err(error) = published {
        app.strangers.give_back(from);
        return Err(Problem::unavailable("publishing a sign-up", &error));
    }
    app.strangers.known(from, &text, onboarding, now);
    Ok(onboarding)
}

fn not_identified() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "This purchase could not be identified. Open the subscription in the Azure portal or the Microsoft 365 admin \
         center and choose \"Configure account\" again.",
    )
}

fn too_many() -> Problem {
    tracing::warn!("made-up landing tokens used up their budget for this minute");
    Problem::too_many("Too many purchases could not be identified. Try again in a minute.", WINDOW)
}

/// The address that the front end saw, the last that was added; what stands before it anybody can write. Without its
/// port, which App Service adds and every connection has anew.
fn address_from(headers: &HeaderMap) -> String {
    let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let last = forwarded.flat_map(|value| value.split(',')).next_back().unwrap_or_default().trim();
    let address = last.parse::<SocketAddr>().map(|socket| socket.ip()).or_else(|_| last.parse::<IpAddr>());
    address.map(|address| address.to_string()).unwrap_or_default()
}

fn is_refused(error: &MarketplaceError) -> bool {
    match error {
        MarketplaceError::Refused(
            MarketplaceRefusal::LandingTokenRefused
            | MarketplaceRefusal::NotFound
            | MarketplaceRefusal::BadRequest { .. },
        ) => true,
        MarketplaceError::Refused(MarketplaceRefusal::Forbidden | MarketplaceRefusal::Conflict)
        | MarketplaceError::Token(_)
        | MarketplaceError::Throttled { .. }
        | MarketplaceError::Unavailable(_)
        | MarketplaceError::Undecodable(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use tower::ServiceExt as _;

    use super::*;
    use crate::pages::strangers::OF_ONE;

    async fn status(app: &App, token: &str) -> u16 {
        let request = Request::get(format!("/api/signup?token={token}"))
            .header("x-forwarded-for", "203.0.113.9, 192.0.2.1:4711")
            .body(Body::empty())
            .unwrap();
        routes().with_state(app.clone()).oneshot(request).await.unwrap().status().as_u16()
    }

    /// This app reaches no marketplace: whatever it asks is answered 503.
    #[tokio::test]
    async fn made_up_tokens_are_answered_without_the_marketplace() {
        let app = crate::tests::app();
        assert_eq!(status(&app, "%3Cscript%3E").await, 400, "the form is checked first");
        let now = app.clock.now();
        for n in 0..OF_ONE {
            app.strangers.admit("192.0.2.1", &n.to_string(), now);
            app.strangers.refused(&n.to_string(), now);
        }
        assert_eq!(status(&app, "1").await, 400, "refused a moment ago");
        assert_eq!(status(&app, "new").await, 429, "the budget of this address is used up");
    }
}
