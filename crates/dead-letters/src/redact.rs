//! Removes secrets from a text: tokens, signatures, passwords, keys, e-mail addresses.
//!
//! It rather removes too much: its result is for reading, never for sending.

use serde_json::Value as Json;

/// What stands in the place of a secret.
pub const MASK: &str = "[redacted]";

/// Parts of names whose values are secret.
const SECRET_NAMES: [&str; 11] = [
    "token",
    "secret",
    "password",
    "passwd",
    "authorization",
    "signature",
    "sharedaccess",
    "connectionstring",
    "credential",
    "email",
    "apikey",
];
/// Letters and digits in a row that no word, GUID or hash of ours has, but keys and tokens do.
const LONG_RUN: usize = 40;

/// A text without its secrets: JSON by its names and values, anything else word by word.
pub fn text(text: &str) -> String {
    match serde_json::from_str::<Json>(text) {
        Ok(mut json @ (Json::Object(_) | Json::Array(_))) => {
            mask(&mut json);
            json.to_string()
        }
        _ => words(text),
    }
}

/// A property without its secret.
pub fn property(name: &str, value: &mut Json) {
    if is_secret_name(name) {
        *value = Json::String(MASK.to_owned());
    } else {
        mask(value);
    }
}

fn mask(json: &mut Json) {
    match json {
        Json::Object(map) => map.iter_mut().for_each(|(name, value)| property(name, value)),
        Json::Array(values) => values.iter_mut().for_each(mask),
        Json::String(text) => *text = words(text),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

fn is_secret_name(name: &str) -> bool {
    let name: String =
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    SECRET_NAMES.iter().any(|secret| name.contains(secret))
}

fn words(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ';' | '<' | '>' | '&' | '?');
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if is_end(first) {
            masked.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let end = rest.find(is_end).unwrap_or(rest.len());
        let word = &rest[..end];
        masked.push_str(if is_secret(word) { MASK } else { word });
        rest = &rest[end..];
    }
    masked
}

fn is_secret(word: &str) -> bool {
    let is_email = word.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    // Every JWT begins with the base64 of `{"`.
    let is_token = word.contains("eyJ");
    let names_one = word.split_once('=').is_some_and(|(name, value)| {
        !value.is_empty()
            && (is_secret_name(name) || matches!(name.to_ascii_lowercase().as_str(), "sig" | "code" | "key"))
    });
    is_email || is_token || names_one || has_long_run(word)
}

/// Hexadecimal runs are hashes, which are no secret here.
fn has_long_run(word: &str) -> bool {
    word.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '_')))
        .any(|run| run.len() >= LONG_RUN && !run.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_and_the_rest_stays() {
        let token = format!("e{}.abc.def", "yJhbGciOi");
        let long = "Xy1".repeat(15);
        let check = |before: &str, after: &str| assert_eq!(text(before), after);
        check(
            "plain words, 12 and a GUID 0a1b2c3d-1111-2222-3333-444455556666",
            "plain words, 12 and a GUID 0a1b2c3d-1111-2222-3333-444455556666",
        );
        check(&format!("Bearer {token}"), "Bearer [redacted]");
        check("ask admin@contoso.example please", "ask [redacted] please");
        check("https://x.example/a?sv=1&sig=abc", "https://x.example/a?sv=1&[redacted]");
        check(&format!("key {long}."), "key [redacted]");
        check(
            r#"{"accessToken":"x","data":{"emailId":"a","n":1,"note":"b@c.de"}}"#,
            r#"{"accessToken":"[redacted]","data":{"emailId":"[redacted]","n":1,"note":"[redacted]"}}"#,
        );
        check(&"0123456789abcdef".repeat(4), &"0123456789abcdef".repeat(4));
    }
}
