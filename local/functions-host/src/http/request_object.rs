//! A client's request as the JSON envelope carries it, for functions that are not forwarded.
//!
//! azure-functions-host, `HttpRequestExtensions.GetRequestAsJObject`; azure-webjobs-sdk-extensions,
//! `HttpTriggerAttributeBindingProvider.GetRequestBindingData`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, header};

use super::header_names::listed;
use super::query::parameters;
use super::route::RouteValues;
use super::target;
use crate::invocation::{BindingData, WireValue};
use crate::json::Json;

/// `Data.{trigger}`
pub(super) fn request_object(request: &Request<Bytes>, route: &RouteValues) -> Json {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let path = target::displayed(request.uri().path());
    let search = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let query = parameters(request.uri().query().unwrap_or_default());
    let mut members = vec![
        ("Url", Json::from(format!("http://{host}{path}{search}"))),
        ("Method", Json::from(request.method().as_str())),
        (
            "Query",
            Json::object(query.into_iter().map(|known| (known.name.clone(), Json::from(known.joined())))),
        ),
        ("Headers", header_arrays(request)),
        ("Params", Json::object(route.iter().map(|(name, value)| (name.clone(), Json::from(value.clone()))))),
        ("Identities", identities()),
    ];
    if let Some(body) = body(request) {
        members.push(("Body", Json::from(body)));
    }
    Json::object(members)
}

/// `Metadata`: properties of a JSON body, the query without the function key, and the route parameters. A property with
/// the name of the trigger is lost; `Query` and `Headers` of a body stand in the place of the client's own.
pub(super) fn binding_data(request: &Request<Bytes>, route: &RouteValues, trigger: &str) -> BindingData {
    let mut data = BindingData::default();
    if has_length(request) {
        data.overlay_properties_of(&text(request.body()));
        data.remove(trigger);
    }
    let query = parameters(request.uri().query().unwrap_or_default());
    for parameter in query.iter().filter(|known| !known.name.eq_ignore_ascii_case("code")) {
        data.set_text(&parameter.name, Some(parameter.last()));
    }
    for (name, value) in route {
        data.set_text(name, value.as_deref());
    }
    if !data.has("Query") {
        let query = query.iter().map(|known| (known.name.clone(), Json::from(known.last())));
        data.set("Query", WireValue::Json(Json::object(query)));
    }
    if !data.has("Headers") {
        let headers = listed(request).into_iter().map(|(name, values)| (name, Json::from(values.join(","))));
        data.set("Headers", WireValue::Json(Json::object(headers)));
    }
    data
}

/// UTF-8, whatever the charset, without a byte order mark.
fn text(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or_else(|| text.into_owned())
}

/// Text, or base64 for octet streams and multipart bodies. A body without `Content-Length` is lost in the real host.
fn body(request: &Request<Bytes>) -> Option<String> {
    if request.body().is_empty() || !has_length(request) {
        return None;
    }
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.unwrap_or_default().to_ascii_lowercase();
    let is_binary = media_type.starts_with("application/octet-stream") || media_type.contains("multipart/");
    Some(if is_binary { STANDARD.encode(request.body()) } else { text(request.body()) })
}

fn has_length(request: &Request<Bytes>) -> bool {
    request.headers().contains_key(header::CONTENT_LENGTH)
}

fn header_arrays(request: &Request<Bytes>) -> Json {
    let members = listed(request).into_iter();
    Json::object(
        members.map(|(name, values)| (name, Json::Array(values.into_iter().map(Json::from).collect()))),
    )
}

/// Who calls, on a machine where no keys are asked for: the identity that Core Tools give every request.
fn identities() -> Json {
    let claim = Json::object([
        ("Issuer", Json::from("LOCAL AUTHORITY")),
        ("OriginalIssuer", Json::from("LOCAL AUTHORITY")),
        ("Properties", Json::Object(Vec::new())),
        ("Type", Json::from("http://schemas.microsoft.com/2017/07/functions/claims/authlevel")),
        ("Value", Json::from("Admin")),
        ("ValueType", Json::from("http://www.w3.org/2001/XMLSchema#string")),
    ]);
    Json::Array(vec![Json::object([
        ("AuthenticationType", Json::from("WebJobsAuthLevel")),
        ("IsAuthenticated", Json::from(true)),
        ("Actor", Json::Null),
        ("BootstrapContext", Json::Null),
        ("Claims", Json::Array(vec![claim])),
        ("Label", Json::Null),
        ("Name", Json::Null),
        ("NameClaimType", Json::from("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name")),
        ("RoleClaimType", Json::from("http://schemas.microsoft.com/ws/2008/06/identity/claims/role")),
    ])])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(content_type: Option<&str>, body: &'static str) -> Request<Bytes> {
        let mut builder = Request::get("/?id=149656222&name=Ink%20And%20Toner&code=key")
            .header("host", "localhost")
            .header("accept", "text/plain")
            .header("accept-charset", "UTF-8")
            .header("content-length", body.len());
        if let Some(content_type) = content_type {
            builder = builder.header("content-type", content_type);
        }
        builder.body(Bytes::from_static(body.as_bytes())).unwrap()
    }

    #[test]
    fn the_real_hosts_own_test_request_becomes_this_object() {
        let route = vec![("category".to_owned(), Some("a".to_owned())), ("id".to_owned(), None)];
        let Json::Object(mut members) = request_object(&request(None, "\"hello world\""), &route) else {
            panic!("an object")
        };
        members.retain(|(name, _)| name != "Identities");
        let expected = r#"{"Url":"http://localhost/?id=149656222&name=Ink%20And%20Toner&code=key","Method":"GET",
            "Query":{"id":"149656222","name":"Ink And Toner","code":"key"},
            "Headers":{"Accept":["text/plain"],"Host":["localhost"],"Accept-Charset":["UTF-8"],"Content-Length":["13"]},
            "Params":{"category":"a","id":null},"Body":"\"hello world\""}"#;
        assert_eq!(Json::Object(members), Json::parse(expected).unwrap());
    }

    #[test]
    fn bodies_are_text_or_base64_and_need_a_length() {
        let check = |request: Request<Bytes>, expected: Option<&str>| {
            let object = request_object(&request, &Vec::new());
            assert_eq!(object.member("Body").and_then(Json::as_str), expected);
        };
        check(request(Some("application/json"), "{\"a\":1}"), Some("{\"a\":1}"));
        check(request(Some("application/octet-stream"), "hello"), Some("aGVsbG8="));
        check(request(Some("multipart/form-data; boundary=x"), "hello"), Some("aGVsbG8="));
        check(request(None, ""), None);
        let mut chunked = request(None, "lost");
        chunked.headers_mut().remove("content-length");
        check(chunked, None);
    }

    #[test]
    fn metadata_holds_body_query_and_route_but_not_the_key() {
        let route = vec![("id".to_owned(), Some("7".to_owned()))];
        let data =
            binding_data(&request(Some("application/json"), r#"{"n":2,"o":{"x":1},"req":3}"#), &route, "req");
        let metadata = data.into_metadata();
        let check = |name: &str, expected: &str| {
            assert_eq!(metadata.member(name).map(Json::to_compact_text).as_deref(), Some(expected), "{name}");
        };
        check("n", r#""\"2\"""#);
        check("o", r#"{"x":1}"#);
        check("id", r#""\"7\"""#);
        check("name", r#""\"Ink And Toner\"""#);
        assert_eq!((metadata.member("code"), metadata.member("req")), (None, None));
        assert_eq!(metadata.member("Headers").unwrap().member("Accept"), Some(&Json::from("text/plain")));
    }
}
