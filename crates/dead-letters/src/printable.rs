//! Text of a message, made safe to show on a terminal.
//!
//! Whoever sent a message chose its ids, properties, reason and body. Control characters could colour a line, move the
//! cursor or end a line where none ends; bidirectional ones could make a text read as another; invisible ones could make
//! two ids look alike.

use std::fmt::Write as _;

use serde::Serialize;

/// What stands in the place of a character that is not shown.
const REPLACEMENT: char = '\u{fffd}';

/// One line of text, each unsafe character replaced by U+FFFD. Line breaks are unsafe, too: show a text of several lines
/// line by line.
#[must_use]
pub fn text(text: &str) -> String {
    text.chars().map(|c| if is_unsafe(c) { REPLACEMENT } else { c }).collect()
}

/// A value as indented JSON. Unsafe characters are escaped (`\u202e`), so that nothing is lost to whoever parses it.
///
/// # Errors
/// When the value cannot be written as JSON.
pub fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let json = serde_json::to_string_pretty(value)?;
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        // Within its strings JSON has escaped line breaks already; these are its indentation.
        if c == '\n' || !is_unsafe(c) {
            escaped.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing into a string cannot fail.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    Ok(escaped)
}

/// Controls, line and paragraph separators, and format characters but for the joiners that scripts and emoji need.
/// (Unicode 16, general categories Cc, Zl, Zp and Cf, and UAX 9 for the bidirectional ones among them.)
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const UNSAFE: &str = "\u{1b}\r\n\t\u{0}\u{7f}\u{85}\u{9b}\u{ad}\u{61c}\u{200b}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2060}\u{2066}\u{2067}\u{2068}\u{2069}\u{feff}\u{e0041}";

    #[test]
    fn no_control_or_bidirectional_character_is_shown() {
        for c in UNSAFE.chars() {
            assert_eq!(text(&format!("a{c}b")), "a\u{fffd}b", "{c:?}");
        }
        // A file name that a terminal would show as "invoiceexe.pdf".
        assert_eq!(text("invoice\u{202e}fdp.exe"), "invoice\u{fffd}fdp.exe");
        for plain in ["", "order 7", "Grüße, 漢字, العربية, עברית", "👩\u{200d}💻", "می\u{200c}خواهم"]
        {
            assert_eq!(text(plain), plain);
        }
    }

    #[test]
    fn json_says_the_same_without_them() {
        let value = json!({ format!("name{UNSAFE}"): [UNSAFE, "Grüße", 7, null], "plain": "a" });
        let shown = json(&value).unwrap();
        assert!(shown.chars().all(|c| c == '\n' || !is_unsafe(c)), "{shown:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        assert!(shown.contains("\\u202e") && shown.contains("\\udb40\\udc41"), "{shown}");
    }
}
