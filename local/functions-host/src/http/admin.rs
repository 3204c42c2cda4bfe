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

/// Whether a path, in lower case, is one of these. All others under `/admin` are the functions'.
pub(super) fn is_known(path: &str) -> bool {
    matches!(
        parts(path).as_slice(),
        ["admin", "host", "status" | "ping"]
            | ["admin", "warmup"]
            | ["admin", "functions"]
            | ["admin", "functions", _]
            | ["admin", "functions", _, "status"]
    )
}

fn parts(path: &str) -> Vec<&str> {
    path.trim_matches('/').split('/').collect()
}

pub(super) fn answer(site: &Arc<Site>, request: &Request<Bytes>) -> Response<Bytes> {
    let written = request.uri().path();
    let lower = written.to_ascii_lowercase();
    let name = parts(written).get(2).copied().unwrap_or_default();
    match (request.method(), parts(&lower).as_slice()) {
        (_, [_, "host", "ping"]) => uncached(),
        (&Method::GET, [_, "host", "status"]) => json(&site.status.to_json()),
        (&Method::GET, [_, "warmup"]) => status(StatusCode::OK),
        (&Method::GET, [_, "functions"]) => {
            let all = site.functions.iter().map(|function| describe(site, &function.function, request));
            json(&Json::Array(all.collect()))
        }
        (&Method::GET, [_, "functions", _]) => match find(site, name) {
            Some(function) => json(&describe(site, &function.function, request)),
            None => status(StatusCode::NOT_FOUND),
        },
        (&Method::GET, [_, "functions", _, "status"]) => function_status(site, name),
        (&Method::POST, [_, "functions", _]) => run(site, name, request),
        _ => status(StatusCode::NOT_FOUND),
    }
}

/// The errors of one function; of one that is loaded there are none.
fn function_status(site: &Site, name: &str) -> Response<Bytes> {
    if find(site, name).is_some() {
        return json(&Json::Object(Vec::new()));
    }
    match site.status.function_errors.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        Some((_, error)) => json(&Json::object([("errors", Json::Array(vec![Json::from(error.as_str())]))])),
        None => status(StatusCode::NOT_FOUND),
    }
}

fn find<'a>(site: &'a Site, name: &str) -> Option<&'a Arc<LoadedFunction>> {
    site.functions.iter().find(|function| function.function.name.eq_ignore_ascii_case(name))
}

/// 202 before the function has run. Its input is the body's `input`, a text or a number.
fn run(site: &Arc<Site>, name: &str, request: &Request<Bytes>) -> Response<Bytes> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type =
        content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !(media_type.ends_with("/json") || media_type.ends_with("+json")) {
        return status(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let Some(function) = find(site, name) else { return status(StatusCode::NOT_FOUND) };
    let body = String::from_utf8_lossy(request.body());
    let Ok(invocation @ Json::Object(_)) = Json::parse(&body) else { return status(StatusCode::BAD_REQUEST) };
    let input = match invocation.member("input") {
        None | Some(Json::Null) => None,
        Some(Json::Object(_) | Json::Array(_)) => return status(StatusCode::BAD_REQUEST),
        Some(scalar) => scalar.to_dotnet_string(),
    };
    let (site_of_task, name) = (site.clone(), function.function.name.clone());
    site.in_flight.spawn(async move { site_of_task.manual.run(&name, input.as_deref()).await });
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

fn uncached() -> Response<Bytes> {
    let mut response = status(StatusCode::OK);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store,no-cache"));
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

fn status(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}
