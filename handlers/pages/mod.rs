//! What the HTTP functions share: addresses with a signed link, problem answers, and headers that keep secrets in.

pub(crate) mod asked;
pub(crate) mod blockers;
pub(crate) mod body;
pub(crate) mod consent;
pub(crate) mod key_events;
pub(crate) mod ladder;
pub(crate) mod leaving;
pub(crate) mod replacement;
pub(crate) mod rotation;
pub mod signing;
pub(crate) mod strangers;
pub(crate) mod windows;

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, html};
use onboarding::OnboardingId;
use serde::Deserialize;
use serde_json::json;

use self::signing::Link;
use crate::{App, step::chain_of};

/// The query of every address of an onboarding.
#[derive(Debug, Deserialize)]
pub(crate) struct LinkQuery {
    #[serde(default)]
    link: String,
}

/// Why a request is refused: a status and a sentence for whoever sent it. Details stay in the log.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    title: String,
    retry_after: Option<Duration>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, title: impl Into<String>) -> Self {
        Self { status, title: title.into(), retry_after: None }
    }

    /// Something of ours, or of Azure's, did not answer; the caller may try again.
    pub(crate) fn unavailable(doing: &'static str, error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(doing, error = chain_of(error), "a request could not be served");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The service is temporarily unavailable. Try again in a minute.",
        )
    }

    /// Whoever holds the link did it too often; what was set off before goes on.
    pub(crate) fn too_often(what: &str, wait: Duration) -> Self {
        let title =
            format!("{what} Try again {}. What Latchkey checks by itself is not affected.", within(wait));
        Self::too_many(title, wait)
    }

    /// It was asked for too often.
    pub(crate) fn too_many(title: impl Into<String>, wait: Duration) -> Self {
        Self { status: StatusCode::TOO_MANY_REQUESTS, title: title.into(), retry_after: Some(wait) }
    }

    pub(crate) fn respond_to(self, headers: &HeaderMap) -> Response {
        let retry_after = self.retry_after;
        retry_later(self.response(headers), retry_after)
    }

    fn response(self, headers: &HeaderMap) -> Response {
        if wants_json(headers) {
            // RFC 9457, problem details.
            let body = json!({"title": self.title, "status": self.status.as_u16()});
            let mut response = (self.status, Json(body)).into_response();
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
            private(response)
        } else {
            page(self.status, "Latchkey", &html! { p { (self.title) } })
        }
    }
}

/// When to try again, in words.
pub(crate) fn within(wait: Duration) -> String {
    match seconds(wait) {
        1 => "in a second".to_owned(),
        seconds @ 2..=90 => format!("in {seconds} seconds"),
        seconds => format!("in {} minutes", seconds.div_ceil(60)),
    }
}

/// Whole seconds, at least one: earlier would be too early.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0).max(u64::from(wait.is_zero()))
}

/// The response, with when to try again.
pub(crate) fn retry_later(mut response: Response, wait: Option<Duration>) -> Response {
    if let Some(wait) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, seconds(wait).into());
    }
    response
}

/// Checks the link of a request for an onboarding's page.
pub(crate) async fn check_link(app: &App, onboarding: &str, query: &LinkQuery) -> Result<Link, Problem> {
    let onboarding: OnboardingId = onboarding.parse().map_err(|_| link_refused())?;
    match app.signer.check_link(onboarding, &query.link, app.clock.now()) {
        Ok(link) => not_withdrawn(app, link).await,
        Err(error) => {
            tracing::warn!(%onboarding, %error, "a link was refused");
            Err(link_refused())
        }
    }
}

/// The link, if it was not withdrawn since it was issued.
pub(crate) async fn not_withdrawn(app: &App, link: Link) -> Result<Link, Problem> {
    if link.withdrawals == withdrawals(app, link.onboarding).await? {
        return Ok(link);
    }
    tracing::warn!(onboarding = %link.onboarding, "a link that was withdrawn was refused");
    Err(link_refused())
}

/// A new link to an onboarding's page, for whoever may issue one.
pub(crate) async fn issue_link(app: &App, onboarding: OnboardingId) -> Result<Link, Problem> {
    Ok(Link::issued(onboarding, withdrawals(app, onboarding).await?, app.clock.now()))
}

async fn withdrawals(app: &App, onboarding: OnboardingId) -> Result<u64, Problem> {
    let count = app.withdrawals.count(onboarding).await;
    count.map_err(|error| Problem::unavailable("reading whether links were withdrawn", &error))
}

/// One answer for every fault: whoever guesses learns nothing from it.
fn link_refused() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "This link is invalid or has expired. Open the product's landing page again.",
    )
}

/// The address of an onboarding's page, with the link that opens it.
pub(crate) fn address_of(app: &App, link: &Link) -> String {
    linked(app, link, &format!("/api/onboarding/{}", link.onboarding))
}

/// An address below the app with the link that opens it. It works for as long as the link does that the page was opened
/// with: a page renews nothing.
pub(crate) fn linked(app: &App, link: &Link, path: &str) -> String {
    app.settings.public(&format!("{path}?link={}", app.signer.link(link)))
}

pub(crate) fn wants_json(headers: &HeaderMap) -> bool {
    let value = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    value(header::ACCEPT).contains("application/json")
        || value(header::CONTENT_TYPE).starts_with("application/json")
}

/// A JSON answer about an onboarding: it holds links, or what only its reader may know.
pub(crate) fn private_json(status: StatusCode, body: &serde_json::Value) -> Response {
    private((status, Json(body)).into_response())
}

/// 303, so that the browser goes on with GET whatever it came with.
pub(crate) fn see_other(address: &str) -> Response {
    match HeaderValue::from_str(address) {
        Ok(location) => private((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()),
        Err(_) => page(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Latchkey",
            &html! { p { "The address cannot be written." } },
        ),
    }
}

/// A whole page.
pub(crate) fn page(status: StatusCode, title: &str, content: &Markup) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (STYLE) }
            }
            body { main { h1 { (title) } (content) } }
        }
    };
    private((status, Html(markup.into_string())).into_response())
}

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;max-width:44rem;padding:0 1rem}\
    pre{background:#f4f4f4;padding:.75rem;overflow-x:auto}\
    dt{font-weight:600}dd{margin:0 0 .5rem}input[type=url]{width:100%}";

/// Pages hold links that open an onboarding: they are not stored, not framed, and not told to the next site.
pub(crate) fn private(mut response: Response) -> Response {
    const HEADERS: [(header::HeaderName, &str); 5] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ];
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
