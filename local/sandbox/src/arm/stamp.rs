//! What the gateway writes on every answer, whoever it comes from: ids to ask support about, and that nobody is to keep it.

use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

/// Names and values as recorded.
const FIXED: [(&str, &str); 5] = [
    ("cache-control", "no-cache"),
    ("pragma", "no-cache"),
    ("expires", "-1"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
];

/// Our guess: where the sandbox's gateway stands.
const REGION: &str = "WESTEUROPE";

const CORRELATION: &str = "x-ms-correlation-request-id";
const CLIENT_REQUEST: &str = "x-ms-client-request-id";

/// The answer to a request with these headers, stamped.
pub(super) fn stamped(mut response: Response, asked: &HeaderMap, now: OffsetDateTime) -> Response {
    let correlation = said(asked, CORRELATION).unwrap_or_else(|| Uuid::new_v4().to_string());
    let second = now
        .format(format_description!("[year][month][day]T[hour][minute][second]Z"))
        .expect("every part of this format is a part of an OffsetDateTime");
    let headers = response.headers_mut();
    for (name, value) in FIXED {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let mut ids = vec![
        ("x-ms-request-id", Uuid::new_v4().to_string()),
        ("x-ms-routing-request-id", format!("{REGION}:{second}:{}", Uuid::new_v4())),
        (CORRELATION, correlation),
    ];
    let wanted =
        said(asked, "x-ms-return-client-request-id").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    if let Some(id) = said(asked, CLIENT_REQUEST).filter(|_| wanted) {
        ids.push((CLIENT_REQUEST, id));
    }
    for (name, value) in ids {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

fn said(asked: &HeaderMap, name: &str) -> Option<String> {
    asked.get(name)?.to_str().ok().map(str::to_owned)
}
