//! Listens for clients and finds the function that a request is for.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use tokio_util::task::TaskTracker;

use super::route::{RouteTemplate, RouteValues};
use super::{admin, forward, json_mode};
use crate::configuration::function_json::{HttpTrigger, Trigger};
use crate::configuration::host_json::Forwarding;
use crate::host_status::HostStatus;
use crate::invocation::executor::LoadedFunction;
use crate::invocation::retry::{Attempt, with_retries};
use crate::invocation::{Executor, Invocation, InvocationError};
use crate::manual::ManualRuns;

/// Everything that answering a client needs.
pub(crate) struct Site {
    pub(crate) executor: Arc<Executor>,
    pub(crate) functions: Vec<Arc<LoadedFunction>>,
    pub(crate) route_prefix: String,
    pub(crate) forwarding: Forwarding,
    /// Largest body of a client's request, in bytes.
    pub(crate) body_limit: usize,
    pub(crate) in_flight: TaskTracker,
    pub(crate) manual: ManualRuns,
    pub(crate) status: HostStatus,
    pub(crate) routes: Vec<Route>,
}

/// One function's place among the URLs.
pub(crate) struct Route {
    pub(crate) template: RouteTemplate,
    pub(crate) function: Arc<LoadedFunction>,
    trigger: HttpTrigger,
}

/// The routes of all HTTP functions that are not disabled, the most specific first.
pub(crate) fn routes(functions: &[Arc<LoadedFunction>], prefix: &str) -> Vec<Route> {
    let mut routes: Vec<Route> = functions
        .iter()
        .filter(|function| !function.function.disabled)
        .filter_map(|function| match &function.function.trigger {
            Trigger::Http(trigger) => Some(Route {
                template: trigger.route.under(prefix),
                function: function.clone(),
                trigger: trigger.clone(),
            }),
            Trigger::ServiceBus(_) | Trigger::Timer(_) => None,
        })
        .collect();
    routes.sort_by(|left, right| left.template.precedence(&right.template));
    routes
}

pub(crate) fn router(site: Arc<Site>) -> Router {
    Router::new().fallback(answer).with_state(site)
}

async fn answer(State(site): State<Arc<Site>>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, site.body_limit).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            return empty(StatusCode::PAYLOAD_TOO_LARGE);
        }
        Err(_) => return empty(StatusCode::BAD_REQUEST),
    };
    let request = Request::from_parts(parts, body);
    let response = match request.uri().path().to_ascii_lowercase().strip_prefix("/admin/") {
        Some(_) => admin::answer(&site, &request),
        None => function_or_home_page(&site, request).await,
    };
    response.map(Body::from)
}

async fn function_or_home_page(site: &Arc<Site>, request: Request<Bytes>) -> Response<Bytes> {
    let found = site.routes.iter().position(|route| accepts(route, &request).is_some());
    match found {
        Some(index) => invoke(site, index, request).await,
        None if request.uri().path() == "/" => home_page(),
        // A method that no function has is a 404 as well: it is part of the route's constraints.
        None => empty(StatusCode::NOT_FOUND).map(|_| Bytes::new()),
    }
}

fn accepts(route: &Route, request: &Request<Bytes>) -> Option<RouteValues> {
    let methods = &route.trigger.methods;
    if !methods.is_empty() && !methods.iter().any(|method| method == request.method().as_str()) {
        return None;
    }
    route.template.matches(request.uri().path())
}

/// In a task of its own: a client that goes away does not end the invocation.
async fn invoke(site: &Arc<Site>, index: usize, request: Request<Bytes>) -> Response<Bytes> {
    let site_of_task = site.clone();
    let task = site.in_flight.spawn(async move {
        let site = &*site_of_task;
        let route = &site.routes[index];
        let attempts = with_retries(&site.executor, &route.function, |attempt| {
            one_attempt(site, route, &request, attempt)
        });
        attempts.await
    });
    match task.await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) | Err(_) => empty(StatusCode::INTERNAL_SERVER_ERROR).map(|_| Bytes::new()),
    }
}

async fn one_attempt(
    site: &Site,
    route: &Route,
    request: &Request<Bytes>,
    attempt: Attempt,
) -> Result<Response<Bytes>, InvocationError> {
    let values = accepts(route, request).unwrap_or_default();
    let invocation = Invocation::new(route.function.clone());
    let executor = &site.executor;
    let forwarded = site.forwarding != Forwarding::Off && route.function.function.is_http_in_and_out();
    let work = async {
        if forwarded {
            forward::forward(executor, &invocation, site.forwarding, request).await
        } else {
            json_mode::exchange(executor, &invocation, &route.trigger, request, &values, &attempt).await
        }
    };
    executor.run(&invocation, work).await
}

fn home_page() -> Response<Bytes> {
    let page = "<!DOCTYPE html><title>Functions host</title><p>Your functions host is up and running.</p>";
    let mut response = Response::new(Bytes::from_static(page.as_bytes()));
    let html = http::HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(http::header::CONTENT_TYPE, html);
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
