//! Comments in JSON, as Microsoft's own files have them.

use super::ConfigurationError;

/// The text with blanks for its comments and without a byte order mark: what is wrong in it is still found in its place.
pub(super) fn blank(text: &str) -> Result<String, ConfigurationError> {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut plain = String::with_capacity(rest.len());
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => string_length(rest),
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map(|end| end + 2).ok_or_else(endless)?,
            other => other.len_utf8(),
        };
        let (piece, after) = rest.split_at(length);
        if first == '/' && length > 1 {
            plain.extend(piece.chars().map(|character| if character == '\n' { '\n' } else { ' ' }));
        } else {
            plain.push_str(piece);
        }
        rest = after;
    }
    Ok(plain)
}

/// Up to the quotation mark that ends the string, or to the end of a text that has none.
fn string_length(text: &str) -> usize {
    let mut escaped = true;
    for (place, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return place + 1,
            _ => {}
        }
    }
    text.len()
}

fn endless() -> ConfigurationError {
    ConfigurationError { path: ".".to_owned(), reason: "a comment has no end".to_owned() }
}
