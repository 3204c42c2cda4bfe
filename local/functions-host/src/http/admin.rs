//! `/admin`: the host's status, its functions, and running one by hand.
//!
//! azure-functions-host, `HostController.cs`, `FunctionsController.cs`, `FunctionMetadataResponse.cs`.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use super::route::under;
use super::site::Site;
use crate::configuration::function_json::{Function, Trigger};
use crate::invocation::executor::LoadedFunction;
use crate::json::Json;

pub(super) fn answer(site: &Arc<Site>, request: &Request<Bytes>) -> Response<Bytes> {
    let path = request.uri().path();
    let parts: Vec<&str> = path.trim_matches('/').split('/').skip(1).collect();
    let is = |part: &str, name: &str| part.eq_ignore_ascii_case(name);
    match (request.method(), parts.as_slice()) {
        (&Method::GET, [host, status]) if is(host, "host") && is(status, "status") => {
            json(&site.status.to_json())
        }
        (&Method::GET | &Method::POST, [host, ping]) if is(host, "host") && is(ping, "ping") => {
            status(StatusCode::OK)
        }
        (&Method::GET, [functions]) if is(functions, "functions") => {
            let all = site.functions.iter().map(|function| describe(site, &function.function, request));
            json(&Json::Array(all.collect()))
        }
        (&Method::GET, [functions, name]) if is(functions, "functions") => match find(site, name) {
            Some(function) => json(&describe(site, &function.function, request)),
            None => status(StatusCode::NOT_FOUND),
        },
        (&Method::POST, [functions, name]) if is(functions, "functions") => run(site, name, request),
        _ => status(StatusCode::NOT_FOUND),
    }
}

fn find<'a>(site: &'a Site, name: &str) -> Option<&'a Arc<LoadedFunction>> {
    site.functions.iter().find(|function| function.function.name.eq_ignore_ascii_case(name))
}

/// 202 before the function has run. Its input is the body's `input`.
fn run(site: &Arc<Site>, name: &str, request: &Request<Bytes>) -> Response<Bytes> {
    let Some(function) = find(site, name) else { return status(StatusCode::NOT_FOUND) };
    let body = String::from_utf8_lossy(request.body());
    let input = match Json::parse(&body) {
        Ok(invocation @ Json::Object(_)) => invocation.member("input").cloned().unwrap_or(Json::Null),
        Ok(_) | Err(_) => return status(StatusCode::BAD_REQUEST),
    };
    // Our guess: an HTTP function has its own URL, and what the real host would do with a text for it is of no use.
    if let Trigger::Http(_) = function.function.trigger {
        return status(StatusCode::BAD_REQUEST);
    }
    let input = match &input {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_compact_text(),
    };
    let (site_of_task, name) = (site.clone(), function.function.name.clone());
    site.in_flight.spawn(async move { site_of_task.manual.run(&name, &input).await });
    status(StatusCode::ACCEPTED)
}

fn describe(site: &Site, function: &Function, request: &Request<Bytes>) -> Json {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let url_template = match &function.trigger {
        Trigger::Http(trigger) => {
            let url = format!("http://{host}/{}", under(&site.route_prefix, &trigger.route));
            Json::from(url.to_ascii_lowercase())
        }
        Trigger::ServiceBus(_) | Trigger::Timer(_) | Trigger::EventGrid(_) => Json::Null,
    };
    Json::object([
        ("name", Json::from(function.name.as_str())),
        ("href", Json::from(format!("http://{host}/admin/functions/{}", function.name))),
        ("invoke_url_template", url_template),
        ("language", Json::from("Custom")),
        ("config", function.configuration.clone()),
        ("isDisabled", Json::from(function.disabled)),
    ])
}

fn json(value: &Json) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(value.to_compact_text()));
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn status(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}
