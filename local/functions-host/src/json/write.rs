//! JSON as Newtonsoft.Json writes it.

use super::Json;

pub(super) fn compact(json: &Json) -> String {
    let mut text = String::new();
    write(json, None, &mut text);
    text
}

pub(super) fn indented(json: &Json) -> String {
    let mut text = String::new();
    write(json, Some(0), &mut text);
    text
}

/// `level` is how deep the value lies, for text on several lines.
fn write(json: &Json, level: Option<usize>, text: &mut String) {
    match json {
        Json::Null => text.push_str("null"),
        Json::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Json::Number(number) => text.push_str(&number.to_json()),
        Json::String(value) => quoted(value, text),
        Json::Date(date) => quoted(&date.to_json(), text),
        Json::Array(items) => list(['[', ']'], items, level, text, write),
        Json::Object(members) => list(['{', '}'], members, level, text, |(name, value), level, text| {
            quoted(name, text);
            text.push_str(if level.is_some() { ": " } else { ":" });
            write(value, level, text);
        }),
    }
}

fn list<T>(
    [open, close]: [char; 2],
    items: &[T],
    level: Option<usize>,
    text: &mut String,
    write_item: impl Fn(&T, Option<usize>, &mut String),
) {
    text.push(open);
    let inner = level.map(|level| level + 1);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        new_line(inner, text);
        write_item(item, inner, text);
    }
    if !items.is_empty() {
        new_line(level, text);
    }
    text.push(close);
}

fn new_line(level: Option<usize>, text: &mut String) {
    if let Some(level) = level {
        text.push('\n');
        text.push_str(&"  ".repeat(level));
    }
}

/// Besides the usual characters, Newtonsoft escapes U+0085, U+2028 and U+2029.
fn quoted(value: &str, text: &mut String) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\0'..='\u{1f}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            other => text.push(other),
        }
    }
    text.push('"');
}
