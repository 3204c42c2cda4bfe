//! Template text is more than JSON: comments, names without quotes, single quotes, line ends inside of strings and
//! commas before a closing bracket are taken (Microsoft Learn, "Template syntax": comments and multi-line strings). Azure
//! CLI relies on it: it puts the file as it is behind a name that it does not quote.

use std::iter::Peekable;
use std::str::Chars;

use serde_json::Value;

/// Reads the text, or says where it makes no sense.
pub(super) fn parse(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(&strict(text))
}

/// The same as strict JSON. What is none in the first place stays none.
fn strict(text: &str) -> String {
    let mut strict = String::with_capacity(text.len());
    let mut letters = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' | '\'' => string(&mut letters, letter, &mut strict),
            '/' if matches!(letters.peek(), Some('/' | '*')) => skip_comment(&mut letters),
            ']' | '}' => {
                drop_last_comma(&mut strict);
                strict.push(letter);
            }
            '_' | '$' => word(&mut letters, letter, &mut strict),
            first if first.is_alphabetic() => word(&mut letters, first, &mut strict),
            // A number, whose exponent is no word.
            '-' | '0'..='9' => {
                strict.push(letter);
                while let Some(more) = letters.next_if(|next| next.is_alphanumeric() || "+-.".contains(*next))
                {
                    strict.push(more);
                }
            }
            other => strict.push(other),
        }
    }
    strict
}

fn string(letters: &mut Peekable<Chars<'_>>, quote: char, strict: &mut String) {
    strict.push('"');
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('\'') => strict.push('\''),
                Some(escaped) => strict.extend(['\\', escaped]),
                None => return,
            },
            end if end == quote => {
                strict.push('"');
                return;
            }
            '"' => strict.push_str("\\\""),
            '\n' => strict.push_str("\\n"),
            '\r' => strict.push_str("\\r"),
            '\t' => strict.push_str("\\t"),
            other => strict.push(other),
        }
    }
}

fn skip_comment(letters: &mut Peekable<Chars<'_>>) {
    if letters.next() == Some('/') {
        while letters.next_if(|letter| *letter != '\n').is_some() {}
        return;
    }
    let mut before = ' ';
    for letter in letters {
        if (before, letter) == ('*', '/') {
            return;
        }
        before = letter;
    }
}

/// A name that is not quoted, or one of the three words that JSON has.
fn word(letters: &mut Peekable<Chars<'_>>, first: char, strict: &mut String) {
    let mut word = String::from(first);
    while let Some(letter) = letters.next_if(|next| next.is_alphanumeric() || "_$".contains(*next)) {
        word.push(letter);
    }
    if ["true", "false", "null"].contains(&word.as_str()) {
        strict.push_str(&word);
    } else {
        strict.extend(["\"", &word, "\""]);
    }
}

fn drop_last_comma(strict: &mut String) {
    let kept = strict.trim_end();
    if kept.ends_with(',') {
        strict.truncate(kept.len() - 1);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_template_files_may_hold_is_read() {
        let table = [
            (r#"{"a": 1}"#, json!({ "a": 1 })),
            ("{\"a\": 1, // one\n \"b\": /* two */ 2}", json!({ "a": 1, "b": 2 })),
            (r#"{"a": {"b": [1, 2,],},}"#, json!({ "a": { "b": [1, 2] } })),
            (
                r#"{"properties": {"mode": "x", template:{"$schema": "s"}}}"#,
                json!({ "properties": { "mode": "x", "template": { "$schema": "s" } } }),
            ),
            (r#"{'a': 'it\'s "so"'}"#, json!({ "a": "it's \"so\"" })),
            ("{\"a\": \"one\n  two\"}", json!({ "a": "one\n  two" })),
            (
                r#"{"a": "http://x/*no*/ // no", "b": true, "c": null}"#,
                json!({ "a": "http://x/*no*/ // no", "b": true, "c": null }),
            ),
            (r#"{"a": -1.5e+3, "b": "\\"}"#, json!({ "a": -1500.0, "b": "\\" })),
            ("\u{feff}[]", json!([])),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in ["", "{", "{\"a\" 1}", "{\"a\": \"x", "{a}", "/* no end", "[1 2]", "{\"a\": '\\"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
