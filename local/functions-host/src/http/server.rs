//! Listens for clients and finds the function that a request is for.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt, Limited};
use tokio::sync::oneshot;

use super::connection::Wire;
use super::site::Site;
use super::throttle::Admission;
use super::{admin, forward, json_mode, proxy};
use crate::configuration::custom_handler::Forwarding;
use crate::event_grid::webhook;
use crate::invocation::retry::{Attempt, with_retries};
use crate::invocation::{Invocation, InvocationError};

pub(crate) fn router(site: Arc<Site>) -> Router {
    Router::new().fallback(answer).with_state(site)
}

async fn answer(
    State(site): State<Arc<Site>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    mut request: Request<Body>,
) -> Response<Body> {
    let names = wire.names_of(&request);
    request.extensions_mut().insert(names);
    // Kestrel's own check.
    if request.version() == Version::HTTP_11 && request.headers().get_all(header::HOST).iter().count() != 1 {
        return closing(StatusCode::BAD_REQUEST);
    }
    let path = request.uri().path().to_ascii_lowercase();
    if admin::is_known(&path) {
        return buffered(&site, request, async |request| admin::answer(&site, &request)).await;
    }
    if path.trim_end_matches('/') == webhook::PATH {
        return buffered(&site, request, async |request| on_events(&site, request).await).await;
    }
    let found = site.routes.iter().position(|route| route.accepts(&request).is_some());
    let Some(index) = found else { return no_function(&path).map(Body::from) };
    let Some(admission) = site.throttle.admit().await else {
        return empty(StatusCode::TOO_MANY_REQUESTS).map(Body::from);
    };
    if site.forwarding_of(index) == Forwarding::Proxy {
        return proxied(&site, index, request, admission).await;
    }
    buffered(&site, request, async |request| invoke(&site, index, request, admission).await).await
}

/// Reads the whole body first; all but the proxying mode need it.
async fn buffered(
    site: &Site,
    request: Request<Body>,
    answer: impl AsyncFnOnce(Request<Bytes>) -> Response<Bytes>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    // A body without a length is bound by nothing, and not read.
    let body = if parts.headers.contains_key(header::CONTENT_LENGTH) { body } else { Body::empty() };
    let body = match Limited::new(body, site.body_limit).collect().await {
        Ok(body) => body.to_bytes(),
        // The body is part of what is bound: the real host answers as it does when binding fails.
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            return closing(StatusCode::INTERNAL_SERVER_ERROR);
        }
        Err(_) => return empty(StatusCode::BAD_REQUEST).map(Body::from),
    };
    answer(Request::from_parts(parts, body)).await.map(Body::from)
}

fn no_function(path: &str) -> Response<Bytes> {
    // A method that no function has is a 404 as well: it is part of the route's constraints.
    if path == "/" { home_page() } else { empty(StatusCode::NOT_FOUND) }
}

/// In a task of its own: a caller that goes away does not end the invocations.
async fn on_events(site: &Arc<Site>, request: Request<Bytes>) -> Response<Bytes> {
    let site_of_task = site.clone();
    let task = site.in_flight.spawn(async move {
        let Site { manual, executor, .. } = &*site_of_task;
        webhook::answer(&manual.event_grid, &executor.observer, &request).await
    });
    task.await.unwrap_or_else(|_| empty(StatusCode::INTERNAL_SERVER_ERROR))
}

/// In a task of its own: a client that goes away does not end the invocation.
async fn invoke(
    site: &Arc<Site>,
    index: usize,
    request: Request<Bytes>,
    admission: Admission,
) -> Response<Bytes> {
    let site_of_task = site.clone();
    let task = site.in_flight.spawn(async move {
        let site = &*site_of_task;
        let route = &site.routes[index];
        let attempts = with_retries(&site.executor, &route.function, |attempt| {
            one_attempt(site, index, &request, attempt)
        });
        let answer = attempts.await;
        drop(admission);
        answer
    });
    match task.await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) | Err(_) => empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// Our guess: a request that cannot be proxied is answered with an empty 500 like any other failure.
async fn proxied(
    site: &Arc<Site>,
    index: usize,
    request: Request<Body>,
    admission: Admission,
) -> Response<Body> {
    let request = request.map(|body| Body::new(Limited::new(body, site.body_limit)));
    let site_of_task = site.clone();
    let (head, begun) = oneshot::channel();
    site.in_flight.spawn(async move {
        let function = site_of_task.routes[index].function.clone();
        // How it ended is told by the events.
        let _ = proxy::proxy(&site_of_task.executor, function, request, head).await;
        drop(admission);
    });
    begun.await.unwrap_or_else(|_| empty(StatusCode::INTERNAL_SERVER_ERROR).map(Body::from))
}

async fn one_attempt(
    site: &Site,
    index: usize,
    request: &Request<Bytes>,
    attempt: Attempt,
) -> Result<Response<Bytes>, InvocationError> {
    let route = &site.routes[index];
    let values = route.accepts(request).unwrap_or_default();
    let invocation = Invocation::new(route.function.clone());
    let executor = &site.executor;
    let forwarding = site.forwarding_of(index);
    let work = async {
        if forwarding == Forwarding::Off {
            json_mode::exchange(executor, &invocation, &route.trigger, request, &values, &attempt).await
        } else {
            forward::forward(executor, &invocation, forwarding, request).await
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

/// Without a body, and the last answer on its connection.
fn closing(status: StatusCode) -> Response<Body> {
    let mut response = empty(status).map(Body::from);
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}
