//! Which messages a value for a `serviceBus` output binding becomes.
//!
//! azure-functions-host, `HttpScriptInvocationResultExtensions.GetBindingValue` and `FunctionBinding.cs`
//! (`ReadAsEnumerable`, `BindAsyncCollectorAsync<string>`), with everything that is surprising there.

use crate::json::Json;

/// What .NET's `byte[].ToString()` says: a text that looks like base64 is decoded and then sent as this.
const BYTE_ARRAY: &str = "System.Byte[]";

/// The bodies, one message each. `binary` is the output binding's `dataType`.
pub(crate) fn message_bodies(value: &Json, binary: bool) -> Vec<String> {
    match value {
        Json::Null => Vec::new(),
        Json::String(text) => bodies_of_text(text, binary),
        Json::Array(items) => items.iter().map(body_of_item).collect(),
        Json::Object(_) => vec![value.to_indented_text()],
        Json::Bool(_) | Json::Number(_) | Json::Date(_) => value.to_dotnet_string().into_iter().collect(),
    }
}

fn bodies_of_text(text: &str, binary: bool) -> Vec<String> {
    if !binary && is_base64(text) {
        return vec![BYTE_ARRAY.to_owned()];
    }
    let trimmed = text.trim();
    let looks_like = |open, close| trimmed.starts_with(open) && trimmed.ends_with(close);
    if looks_like('{', '}') || looks_like('[', ']') {
        match Json::parse_with_dates(trimmed) {
            Ok(Json::Array(items)) => return items.iter().map(body_of_item).collect(),
            Ok(object) => return vec![object.to_indented_text()],
            Err(_) => {}
        }
    }
    vec![text.to_owned()]
}

/// Texts go out as they are, but for one that is an instant: of that the parser has made a date.
fn body_of_item(item: &Json) -> String {
    match item {
        Json::Null => String::new(),
        Json::Array(_) | Json::Object(_) => item.to_indented_text(),
        scalar => scalar.to_dotnet_string().unwrap_or_default(),
    }
}

/// What .NET's `Convert.FromBase64String` takes: blanks do not count, then a length that is a multiple of four, the
/// alphabet, at most two `=` at the end; the empty text too.
pub(crate) fn is_base64(text: &str) -> bool {
    let text: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).collect();
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let letters = &text[..text.len() - padding];
    text.len().is_multiple_of(4)
        && padding <= 2
        && letters.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_the_messages_that_the_real_host_sends() {
        let check = |value: &str, expected: &[&str]| {
            assert_eq!(message_bodies(&Json::parse_answer(value).unwrap(), false), expected, "{value}");
        };
        check(r#"["a","{\"x\":1}","abcd",""]"#, &["a", "{\"x\":1}", "abcd", ""]);
        check(r#"[{"b":1,"a":2},3,true,[1]]"#, &["{\n  \"b\": 1,\n  \"a\": 2\n}", "3", "True", "[\n  1\n]"]);
        check(r#"{"b":1}"#, &["{\n  \"b\": 1\n}"]);
        check(r#""plain text""#, &["plain text"]);
        check(r#""ab=c""#, &["ab=c"]);
        check(r#""a===""#, &["a==="]);
        check(r#""{\"b\":1}""#, &["{\n  \"b\": 1\n}"]);
        check(r#""[\"x\",{\"y\":1}]""#, &["x", "{\n  \"y\": 1\n}"]);
        check(r#""{not json}""#, &["{not json}"]);
        // Blanks do not count: four words of four letters are base64 to .NET.
        let blanks = [r#""this text must vary""#, r#""ab c\n d""#, r#"" ""#];
        for base64 in [r#""test""#, r#""abcd1234""#, r#""output1Value""#, r#""""#].into_iter().chain(blanks) {
            check(base64, &["System.Byte[]"]);
        }
        check("4", &["4"]);
        check("false", &["False"]);
        check("null", &[]);
        check("[]", &[]);
        check(r#"["2023-10-12T20:13:49Z"]"#, &["10/12/2023 20:13:49"]);
    }

    #[test]
    fn a_binary_output_leaves_base64_alone() {
        assert_eq!(message_bodies(&Json::from("abcd1234"), true), ["abcd1234"]);
    }
}
