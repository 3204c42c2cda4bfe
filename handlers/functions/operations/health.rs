//! Whether what the app stands on works: for `latchkey doctor` and for monitors.

use std::time::Duration;

use axum::{extract::State, http::StatusCode, response::Response};

use serde_json::json;

use crate::{App, pages::private_json, systems::health};

/// Whoever asks more often is told the same again: a look makes some sixty calls.
const LASTS: Duration = Duration::from_secs(5);

/// 200 when nothing is wrong, and 503 when something is; the body says what.
pub(super) async fn health(State(app): State<App>) -> Response {
    let mut last = app.health.lock().await;
    let now = app.clock.now();
    let known = last.take().filter(|known| known.at <= now && now - known.at < LASTS);
    let health = match known {
        Some(known) => known,
        None => Box::pin(health::look(&app)).await,
    };
    let status = if health.is_good() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let answer = private_json(status, &json!(health));
    *last = Some(health);
    answer
}
