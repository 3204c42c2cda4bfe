//! Takes secrets out of what is recorded.
//!
//! Known places first (headers, form and query parameters, JSON properties), then, whatever the place, everything
//! that looks like a signed token. A body of an unknown form is left out whole.

use http::{HeaderName, HeaderValue};
use serde_json::Value;
use url::form_urlencoded;

/// What stands where a secret was.
pub(crate) const REDACTED: &str = "REDACTED";

const SECRET_HEADERS: [&str; 5] =
    ["authorization", "cookie", "set-cookie", "x-identity-header", "x-ms-marketplace-token"];

/// In queries and forms. `state` is there because it is single-use and signed: it opens somebody's onboarding.
const SECRET_PARAMETERS: [&str; 12] = [
    "access_token",
    "assertion",
    "client_assertion",
    "client_secret",
    "code",
    "code_verifier",
    "id_token",
    "password",
    "refresh_token",
    "secret",
    "state",
    "token",
];

/// In JSON. E-mail addresses are there because they say who somebody is.
const SECRET_PROPERTIES: [&str; 11] = [
    "access_token",
    "client_assertion",
    "client_secret",
    "emailid",
    "id_token",
    "mail",
    "refresh_token",
    "secrettext",
    "token",
    "userprincipalname",
    "puid",
];

/// A header's value, fit to be kept.
pub(crate) fn header(name: &HeaderName, value: &HeaderValue) -> String {
    let text = value.to_str().unwrap_or(REDACTED);
    match name.as_str() {
        "authorization" => {
            let scheme = text.split_once(' ').map_or("", |(scheme, _)| scheme);
            format!("{scheme} {REDACTED}").trim_start().to_owned()
        }
        name if SECRET_HEADERS.contains(&name) => REDACTED.to_owned(),
        "location" => address(text),
        _ => without_tokens(text),
    }
}

/// An address with the secrets of its query taken out.
pub(crate) fn address(text: &str) -> String {
    match text.split_once('?') {
        Some((path, query)) => format!("{}?{}", without_tokens(path), parameters(query)),
        None => without_tokens(text),
    }
}

/// A query or form, name by name. Parameters without a secret keep their spelling.
pub(crate) fn parameters(text: &str) -> String {
    let redact = |pair: &str| match form_urlencoded::parse(pair.as_bytes()).next() {
        Some((name, _)) if SECRET_PARAMETERS.contains(&name.to_ascii_lowercase().as_str()) => {
            format!("{name}={REDACTED}")
        }
        _ => without_tokens(pair),
    };
    text.split('&').map(redact).collect::<Vec<_>>().join("&")
}

/// A body, fit to be kept.
pub(crate) fn body(content_type: &str, bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return String::new();
    }
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match (kind.as_str(), std::str::from_utf8(bytes), serde_json::from_slice::<Value>(bytes)) {
        (_, _, Ok(mut value)) => {
            redact_properties(&mut value);
            without_tokens(&value.to_string())
        }
        ("application/x-www-form-urlencoded", Ok(text), _) => parameters(text),
        ("text/html" | "text/plain", Ok(text), _) => without_tokens(text),
        _ => format!("{REDACTED}: {} bytes of no known form", bytes.len()),
    }
}

fn redact_properties(value: &mut Value) {
    match value {
        Value::Object(properties) => {
            for (name, inner) in properties {
                if SECRET_PROPERTIES.contains(&name.to_ascii_lowercase().as_str()) && inner.is_string() {
                    *inner = REDACTED.into();
                } else {
                    redact_properties(inner);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact_properties),
        _ => {}
    }
}

/// Replaces everything of the form of a signed token: a base64url run that begins like `{"` and has two dots.
fn without_tokens(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("eyJ") {
        let in_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte);
        let length = rest.as_bytes()[start..].iter().take_while(|byte| in_token(**byte)).count();
        let run = &rest[start..start + length];
        kept.push_str(&rest[..start]);
        kept.push_str(if run.matches('.').count() >= 2 { REDACTED } else { run });
        rest = &rest[start + length..];
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_wherever_they_stand() {
        // Three parts that look like a token and mean nothing.
        let token = format!("eyJ{0}.eyJ{0}.{0}", "abcDEF123-_");
        let form = "application/x-www-form-urlencoded";
        for (kind, text, expected) in [
            (
                form,
                format!("grant_type=x&client_assertion={token}"),
                "grant_type=x&client_assertion=REDACTED",
            ),
            (form, "client_id=1&client_secret=a%26b".to_owned(), "client_id=1&client_secret=REDACTED"),
            (form, format!("other={token}&x=1"), "other=REDACTED&x=1"),
            (
                "application/json",
                format!(r#"{{"access_token":"{token}","n":1}}"#),
                r#"{"access_token":"REDACTED","n":1}"#,
            ),
            ("", r#"{"a":[{"secretText":"b"}]}"#.to_owned(), r#"{"a":[{"secretText":"REDACTED"}]}"#),
            ("application/json", r#"{"error":{"code":"C"}}"#.to_owned(), r#"{"error":{"code":"C"}}"#),
            ("text/html", format!("<p>{token}</p>"), "<p>REDACTED</p>"),
            ("application/json", "{\"client_secret\":\"a".to_owned(), "REDACTED: 19 bytes of no known form"),
            (form, String::new(), ""),
        ] {
            assert_eq!(body(kind, text.as_bytes()), expected, "{kind} {text}");
        }
    }

    #[test]
    fn an_address_keeps_its_form_without_its_secrets() {
        assert_eq!(address("https://a/b?token=1&api-version=2"), "https://a/b?token=REDACTED&api-version=2");
        assert_eq!(address("https://a/b"), "https://a/b");
    }
}
