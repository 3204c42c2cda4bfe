//! JSON as the real host sees it: members keep their order, and names can be looked up without regard to case.
//!
//! The real host parses with Newtonsoft.Json, which keeps the order of members and writes them back in that
//! order; a body that a handler sends out through a binding must not come out with its members shuffled. It also takes
//! much that is no JSON, see [`parser`].

pub(crate) mod date;
pub(crate) mod number;
mod parser;
mod write;

use self::date::Date;
use self::number::Number;
use self::parser::Rules;

/// One JSON value. Objects are lists of pairs in their written order; of two equal names the last one counts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    /// A text that was taken for a date.
    Date(Date),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Why a text is no JSON, not even to Newtonsoft.Json.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at line {line} column {column}")]
pub struct JsonError {
    line: usize,
    column: usize,
    reason: &'static str,
}

/// `JsonSerializerSettings` of the real host.
const DEPTH_OF_ANSWERS: usize = 256;
/// Newtonsoft.Json's own default.
const DEFAULT_DEPTH: usize = 64;

impl Json {
    /// A text that is one value, whose texts stay what they are.
    pub(crate) fn parse(text: &str) -> Result<Self, JsonError> {
        parser::parse(text, Rules { dates: false, ignores_the_rest: false, depth: DEPTH_OF_ANSWERS })
    }

    /// A file of people, which may begin with a byte order mark.
    pub(crate) fn parse_file(text: &str) -> Result<Self, JsonError> {
        Self::parse(text.trim_start_matches('\u{feff}'))
    }

    /// A text that is one value, with dates; at most 64 levels deep.
    pub(crate) fn parse_with_dates(text: &str) -> Result<Self, JsonError> {
        parser::parse(text, Rules { dates: true, ignores_the_rest: false, depth: DEFAULT_DEPTH })
    }

    /// What a handler answers: with dates, and whatever follows is left alone.
    pub(crate) fn parse_answer(text: &str) -> Result<Self, JsonError> {
        let text = text.trim_start_matches('\u{feff}');
        parser::parse(text, Rules { dates: true, ignores_the_rest: true, depth: DEPTH_OF_ANSWERS })
    }

    pub(crate) fn object(members: impl IntoIterator<Item = (impl Into<String>, Json)>) -> Self {
        Self::Object(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// The member of this name, compared without regard to case, as Newtonsoft binds members to properties.
    pub(crate) fn member(&self, name: &str) -> Option<&Json> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Compact text with the escapes that Newtonsoft writes: besides the usual ones, U+0085, U+2028 and U+2029.
    pub(crate) fn to_compact_text(&self) -> String {
        write::compact(self)
    }

    /// Text on several lines, as `JToken.ToString()` writes it: two spaces a level.
    pub(crate) fn to_indented_text(&self) -> String {
        write::indented(self)
    }

    /// What .NET's `Convert.ToString(value, InvariantCulture)` makes of a scalar; `None` for null, arrays and objects.
    pub(crate) fn to_dotnet_string(&self) -> Option<String> {
        match self {
            Self::Bool(true) => Some("True".to_owned()),
            Self::Bool(false) => Some("False".to_owned()),
            Self::Number(number) => Some(number.to_dotnet()),
            Self::String(text) => Some(text.clone()),
            Self::Date(date) => Some(date.to_dotnet()),
            Self::Null | Self::Array(_) | Self::Object(_) => None,
        }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Json {
    fn from(value: i64) -> Self {
        Self::Number(Number::Integer(value.to_string()))
    }
}

impl<T: Into<Json>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_the_order_in_which_they_were_written() {
        let json = Json::parse(r#"{"zebra":1,"ant":{"y":[1,2],"b":null}}"#).unwrap();
        assert_eq!(json.to_compact_text(), r#"{"zebra":1,"ant":{"y":[1,2],"b":null}}"#);
        let lines = "{\n  \"zebra\": 1,\n  \"ant\": {\n    \"y\": [\n      1,\n      2\n    ],\n    \"b\": null\n  }\n}";
        assert_eq!(json.to_indented_text(), lines);
    }

    #[test]
    fn of_two_equal_names_the_last_value_counts() {
        let json = Json::parse(r#"{"a":1,"b":2,"a":3}"#).unwrap();
        assert_eq!(json.to_compact_text(), r#"{"a":3,"b":2}"#);
    }

    #[test]
    fn what_newtonsoft_takes_is_taken() {
        let check = |text: &str, expected: Option<&str>| {
            let parsed = Json::parse_file(text).ok().map(|json| json.to_compact_text());
            assert_eq!(parsed.as_deref(), expected, "{text}");
        };
        check("\u{feff}{ // a \"b\"\n \"u\": \"http://x\" /* c\n */ }", Some(r#"{"u":"http://x"}"#));
        check(r#"{"a":"\"//","b":1} // end"#, Some(r#"{"a":"\"//","b":1}"#));
        check("/**/1", Some("1"));
        check("[1, /*/ 2 */ 3,]", Some("[1,3]"));
        check("{'a':'it''s'}", None);
        check("{'a':'\"',b_$:1,}", Some(r#"{"a":"\"","b_$":1}"#));
        check(
            "[NaN,-Infinity,0x1F,017,1e400,1E5,-0,12345678901234567890123,.5]",
            Some(r#"["NaN","-Infinity",31,15,"Infinity",100000.0,0,12345678901234567890123,0.5]"#),
        );
        check(r#"["\u00e9\ud83d\ude00\ud83d"]"#, Some("[\"é😀\u{fffd}\"]"));
        for other in
            ["", "1 /* open", "1 / 2", "{}{}", "[,1]", "{\"a\" 1}", "\"open", "nul", "+1", "--1", "\"\\q\""]
        {
            check(other, None);
        }
        let error = Json::parse("// one\n  /* two */ !").unwrap_err();
        assert_eq!((error.line, error.column), (2, 13));
    }

    #[test]
    fn an_answer_may_be_followed_by_anything_and_has_dates() {
        let answer = Json::parse_answer("\u{feff}{\"a\":\"2020-01-02T03:04:05.120Z\"} {").unwrap();
        assert_eq!(answer.to_compact_text(), r#"{"a":"2020-01-02T03:04:05.12Z"}"#);
    }

    #[test]
    fn values_may_lie_64_deep_in_a_body_and_256_in_an_answer() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Json::parse_with_dates(&deep(64)).is_ok() && Json::parse_with_dates(&deep(65)).is_err());
        assert!(Json::parse_answer(&deep(256)).is_ok() && Json::parse_answer(&deep(257)).is_err());
    }

    #[test]
    fn scalars_become_the_texts_that_dotnet_writes() {
        let check = |json: &str, expected: Option<&str>| {
            assert_eq!(Json::parse(json).unwrap().to_dotnet_string().as_deref(), expected, "{json}");
        };
        check("2", Some("2"));
        check("2.50", Some("2.5"));
        check("1.0", Some("1"));
        check("true", Some("True"));
        check("\"x\"", Some("x"));
        check("null", None);
        check("[]", None);
    }

    #[test]
    fn line_separators_are_escaped_as_newtonsoft_does() {
        assert_eq!(Json::from("a\u{2028}b\u{85}é/").to_compact_text(), "\"a\\u2028b\\u0085é/\"");
    }
}
