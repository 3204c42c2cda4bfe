//! Paths as ASP.NET sees them, and as .NET writes them again.
//!
//! Kestrel decodes a path, all but `%2F`, and takes dot segments out of it (dotnet/aspnetcore, `PathDecoder.cs`,
//! `PathNormalizer.cs`). What is forwarded is made of the decoded path (azure-functions-host,
//! `HttpRequestExtensions.ToHttpRequestMessage`), so that it is not the path that the client wrote.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What .NET's `Uri` does not leave as it is in a path.
const ESCAPED_IN_PATHS: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'^').add(b'`').add(b'{').add(b'|').add(b'}');

/// The segments of a path, decoded all but `%2F`, without dot segments. A slash at the end makes an empty last one.
pub(super) fn segments(path: &str) -> Vec<String> {
    let mut segments: Vec<String> = Vec::new();
    let written: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    let last = written.len() - 1;
    for (index, segment) in written.into_iter().enumerate() {
        let segment = unescaped(segment, |byte| byte != b'/');
        match segment.as_str() {
            "." | ".." => {
                if segment == ".." {
                    segments.pop();
                }
                if index == last {
                    segments.push(String::new());
                }
            }
            _ => segments.push(segment),
        }
    }
    segments
}

/// The path that the handler gets for the client's. A `?` or `#` that was escaped ends it.
pub(super) fn forwarded(path: &str) -> String {
    let decoded = format!("/{}", segments(path).join("/"));
    let end = decoded.find(['?', '#']).unwrap_or(decoded.len());
    let slashes = decoded[..end].replace('\\', "/");
    // An escape that is there now was escaped itself. Of these .NET takes back what needs none.
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    escaped(&unescaped(&slashes, unreserved), ESCAPED_IN_PATHS)
}

/// The path in the URL that the handler is told (dotnet/aspnetcore, `PathString.ToUriComponent`).
pub(super) fn displayed(path: &str) -> String {
    const ESCAPED: &AsciiSet = &ESCAPED_IN_PATHS.add(b'#').add(b'?').add(b'[').add(b'\\').add(b']');
    escaped(&format!("/{}", segments(path).join("/")), ESCAPED)
}

/// Escapes that are there stay as they are.
fn escaped(text: &str, set: &'static AsciiSet) -> String {
    let mut written = String::new();
    for (index, part) in text.split('%').enumerate() {
        if index > 0 {
            let is_escape =
                part.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
            written.push_str(if is_escape { "%" } else { "%25" });
        }
        written.extend(utf8_percent_encode(part, set));
    }
    written
}

/// Replaces the escapes of bytes that are wanted. What is no UTF-8 stays escaped.
pub(super) fn unescaped(text: &str, wanted: impl Fn(u8) -> bool) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, _)) = rest.split_once('%') {
        result.push_str(before);
        rest = &rest[before.len()..];
        let taken = one_character(rest.as_bytes(), &wanted);
        match taken {
            Some((character, length)) => {
                result.push(character);
                rest = &rest[length..];
            }
            None => {
                result.push('%');
                rest = &rest[1..];
            }
        }
    }
    result.push_str(rest);
    result
}

/// The character whose escapes begin a text, and how long they are.
fn one_character(text: &[u8], wanted: &impl Fn(u8) -> bool) -> Option<(char, usize)> {
    let byte = |index: usize| -> Option<u8> {
        let escape = text.get(3 * index..3 * index + 3)?;
        let digits = str::from_utf8(escape.strip_prefix(b"%")?).ok()?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        u8::from_str_radix(digits, 16).ok()
    };
    let first = byte(0)?;
    let count = match first {
        0x00..=0x7f => 1,
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    if !wanted(first) {
        return None;
    }
    let bytes: Vec<u8> = (0..count).map(byte).collect::<Option<_>>()?;
    Some((str::from_utf8(&bytes).ok()?.chars().next()?, 3 * count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_decoded_and_dots_are_gone() {
        let check = |path: &str, expected: &[&str]| assert_eq!(segments(path), expected, "{path}");
        check("/api/a%20b%2Fc%23%3F%2541%C3%A9", &["api", "a b%2Fc#?%41é"]);
        check("/api/things/../x/%2e/y/%2e%2e", &["api", "x", ""]);
        check("/a/%ff%", &["a", "%ff%"]);
        check("/", &[""]);
        check("//x/", &["", "x", ""]);
    }

    #[test]
    fn forwarded_paths_are_written_as_dotnet_writes_them() {
        let check = |path: &str, expected: &str| assert_eq!(forwarded(path), expected, "{path}");
        check("/api/%7E%28%41%3D%26%40", "/api/~(A=&@");
        check("/a%5Cb|%2525", "/a/b%7C%25");
        check("/a%2Fb%20c", "/a%2Fb%20c");
        check("/a%23b", "/a");
        check("/a%3Fb/c", "/a");
        check("/%C3%A9", "/%C3%A9");
        check("/x/", "/x/");
    }
}
