//! What of a stored fact may be shown to anybody: no address that gives access, no token, no e-mail address, nothing that
//! a person typed.
//!
//! It goes by what a text looks like, not by a list of facts: a fact that is added later cannot bring anything in.

use serde_json::Value;

use crate::Reason;

/// What stands in the place of what is not shown.
pub(super) const NOT_SHOWN: &str = "(not shown)";

/// Longer texts are no names or codes.
const LONGEST: usize = 500;

/// Where Azure's own words or ours stand; a text with spaces anywhere else may have been typed by a person.
const WORDS: [&str; 3] = ["error", "fault", "what"];

/// A fact, with whatever may not be shown replaced.
pub(super) fn fact(mut fact: Value) -> Value {
    replace("", &mut fact);
    fact
}

/// A sentence that was made from a fact; `None` when it has something in it that may not be shown.
pub(super) fn sentence(text: &str) -> Option<String> {
    is_harmless(text).then(|| printable(text))
}

fn replace(name: &str, value: &mut Value) {
    match value {
        Value::String(text) if may_be_shown(name, text) => *text = printable(text),
        Value::String(text) => NOT_SHOWN.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(name, item)),
        Value::Object(members) => members.iter_mut().for_each(|(name, value)| replace(name, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn may_be_shown(name: &str, text: &str) -> bool {
    match name {
        // The address of an operation is signed and gives access to its result.
        "operation" => false,
        // Who approved something.
        "who" => false,
        // An operator's own words have the same name as the code of a refusal.
        "reason" => text.parse::<Reason>().is_ok(),
        name => is_harmless(text) && (WORDS.contains(&name) || !text.contains(char::is_whitespace)),
    }
}

/// Neither an e-mail address, nor a token, nor a URL with more than a path.
fn is_harmless(text: &str) -> bool {
    let has_query = text.contains("://") && text.contains(['?', '#']);
    let is_long = text.chars().count() > LONGEST * if text.contains(' ') { 8 } else { 1 };
    !(text.contains('@') || text.contains("eyJ") || has_query || is_long)
}

/// No character that a terminal or a reader's eye could be deceived with.
fn printable(text: &str) -> String {
    let is_format = |c: char| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    text.chars().map(|c| if c.is_control() || is_format(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_gives_access_or_names_a_person_is_not_shown() {
        let check = |shown: Value, hidden: Value| {
            assert_eq!(fact(hidden.clone()), shown, "{hidden}");
        };
        let address = "https://management.azure.com/o?api-version=1&t=secret";
        check(json!({"operation": NOT_SHOWN}), json!({"operation": "https://management.azure.com/o"}));
        check(json!({"a": [{"operation": null}]}), json!({"a": [{"operation": null}]}));
        check(json!({"other": NOT_SHOWN}), json!({"other": address}));
        check(json!({"error": NOT_SHOWN}), json!({"error": format!("sending a request to {address}")}));
        check(json!({"error": NOT_SHOWN}), json!({"error": "mail admin@contoso.example"}));
        check(json!({"token": NOT_SHOWN}), json!({"token": "eyJhbGciOiJub25lIn0"}));
        check(json!({"reason": NOT_SHOWN}), json!({"reason": "the wrong customer"}));
        check(json!({"reason": NOT_SHOWN}), json!({"reason": "Somebody"}));
        check(json!({"approvedBecause": NOT_SHOWN}), json!({"approvedBecause": "a person typed this"}));
        check(json!({"version": NOT_SHOWN}), json!({"version": "x".repeat(LONGEST + 1)}));
        check(json!({"error": "a\u{fffd}b"}), json!({"error": "a\u{202e}b"}));
    }

    #[test]
    fn names_codes_and_azures_words_are_shown() {
        for shown in [
            json!({"reason": "DeadlineExceeded", "function": "key_shared"}),
            json!({"key": "https://contoso.vault.azure.net/keys/k/0123", "bits": 2048, "ok": true, "no": null}),
            json!({"disk": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/d"}),
            json!({"error": "the connection was closed", "fault": "no Bearer challenge"}),
            json!({"at": "2026-02-01T12:00:00Z"}),
        ] {
            assert_eq!(fact(shown.clone()), shown);
        }
    }
}
