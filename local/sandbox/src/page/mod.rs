//! The page at the sandbox's own address: the simulated cloud at a glance, and buttons for what a customer may do.
//!
//! Rendered here, without scripts. Every button sends a token that only a page of this process holds, so that the page
//! of another site cannot press it; what takes something away is asked about once more.

mod action;
mod glance;
pub(crate) mod overview;
mod parts;
mod press;
mod shell;
mod tables;
mod tenants;
mod view;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::{Query, State as RouterState};
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use axum::{Router, middleware};
use http::header;
use maud::html;
use serde::Deserialize;

use crate::cloud::SharedCloud;
use crate::control::{Own, refuse_strangers};
use crate::secrets;
use crate::traffic::recorder::Recorder;

use press::{Page, Press};

/// What the address of the page may carry.
#[derive(Deserialize)]
struct Wanted {
    /// Shows only lines that hold this text.
    #[serde(default)]
    find: String,
    /// Loads the page again every so many seconds.
    refresh: Option<u32>,
}

/// `/`, its style, and where its buttons lead.
pub(crate) fn router(cloud: SharedCloud, recorder: Arc<Recorder>, own: SocketAddr) -> Router {
    let token = secrets::new_secret().expect("the machine gave randomness when this sandbox made its keys");
    let press = Arc::new(Press { token, said: Mutex::default() });
    Router::new()
        .route("/", get(show))
        .route("/style.css", get(style))
        .route("/ask", post(action::ask))
        .route("/do", post(action::carry_out))
        .layer(middleware::from_fn_with_state(Own(own), refuse_strangers))
        .with_state(Page { cloud, recorder, press })
}

async fn show(RouterState(page): RouterState<Page>, Query(wanted): Query<Wanted>) -> impl IntoResponse {
    let now = page.cloud.clock.now();
    let seen = page.recorder.seen();
    let faults = page.cloud.faults.summary();
    let view = page.cloud.read(|state| view::View::of(state, now, &wanted.find));
    let said = page.press.said();
    let content = html! {
        (glance::glance(&view, &seen, &faults))
        (tables::content(&view, &seen, &faults, &page.press.token))
    };
    let refresh = wanted.refresh.filter(|seconds| (1..=3_600).contains(seconds));
    Html(shell::page(&view, &wanted.find, refresh, said.as_deref(), &content).into_string())
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("style.css"))
}
