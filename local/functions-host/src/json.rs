//! JSON as the real host sees it: members keep their order, and names can be looked up without regard to case.
//!
//! The real host parses with Newtonsoft.Json, which keeps the order of members and writes them back in that
//! order; a body that a handler sends out through a binding must not come out with its members shuffled.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Number;

/// One JSON value. Objects are lists of pairs in their written order; of two equal names the last one counts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub(crate) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Like [`Json::parse`], for files of people: with a byte order mark, `// comments` and `/* comments */`, all of
    /// which Newtonsoft passes over.
    pub(crate) fn parse_with_comments(text: &str) -> Result<Self, serde_json::Error> {
        Self::parse(&without_comments(text.trim_start_matches('\u{feff}')))
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
        escape_line_separators(&serde_json::to_string(self).expect("a JSON value has only text names"))
    }

    /// Text on several lines, as `JToken.ToString()` writes it: two spaces a level.
    pub(crate) fn to_indented_text(&self) -> String {
        escape_line_separators(&serde_json::to_string_pretty(self).expect("a JSON value has only text names"))
    }

    /// What .NET's `Convert.ToString(value, InvariantCulture)` makes of a scalar; `None` for null, arrays and objects.
    pub(crate) fn to_dotnet_string(&self) -> Option<String> {
        match self {
            Self::Bool(true) => Some("True".to_owned()),
            Self::Bool(false) => Some("False".to_owned()),
            Self::Number(number) => Some(dotnet_number(number)),
            Self::String(text) => Some(text.clone()),
            Self::Null | Self::Array(_) | Self::Object(_) => None,
        }
    }
}

/// These three can stand in JSON only inside of a string, so replacing them in the whole text is safe.
fn escape_line_separators(text: &str) -> String {
    text.replace('\u{85}', "\\u0085").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// Blanks in the place of comments, so that the lines and columns of errors stay right.
fn without_comments(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    let mut in_string = false;
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('\\', Some(_)) if in_string => {
                result.push(character);
                result.extend(characters.next());
            }
            ('"', _) => {
                in_string = !in_string;
                result.push(character);
            }
            ('/', Some('/')) if !in_string => {
                result.push(' ');
                while characters.next_if(|next| *next != '\n').is_some() {
                    result.push(' ');
                }
            }
            ('/', Some('*')) if !in_string => {
                characters.next();
                let mut last = None;
                result.push_str("  ");
                for next in characters.by_ref() {
                    result.push(if next == '\n' { '\n' } else { ' ' });
                    if (last, next) == (Some('*'), '/') {
                        break;
                    }
                    last = Some(next);
                }
            }
            _ => result.push(character),
        }
    }
    result
}

fn dotnet_number(number: &Number) -> String {
    match number.as_f64() {
        Some(value) if number.is_f64() && value.fract() == 0.0 && value.abs() < 1e15 => format!("{value:.0}"),
        _ => number.to_string(),
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
        Self::Number(value.into())
    }
}

impl<T: Into<Json>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(value) => value.serialize(serializer),
            Self::String(value) => serializer.serialize_str(value),
            Self::Array(items) => {
                let mut sequence = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    sequence.serialize_element(item)?;
                }
                sequence.end()
            }
            Self::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut members: Vec<(String, Json)> = Vec::new();
        while let Some((name, value)) = access.next_entry::<String, Json>()? {
            match members.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => members.push((name, value)),
            }
        }
        Ok(Json::Object(members))
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
    fn comments_are_passed_over_and_texts_are_not() {
        let check = |text: &str, expected: Option<&str>| {
            let parsed = Json::parse_with_comments(text).ok().map(|json| json.to_compact_text());
            assert_eq!(parsed.as_deref(), expected, "{text}");
        };
        check("\u{feff}{ // a \"b\"\n \"u\": \"http://x\" /* c\n */ }", Some(r#"{"u":"http://x"}"#));
        check(r#"{"a":"\"//","b":1} // end"#, Some(r#"{"a":"\"//","b":1}"#));
        check("/**/1", Some("1"));
        check("/*/ 1 /**/ 2", Some("2"));
        check("[1, /*/ 2 */ 3]", Some("[1,3]"));
        check("1 /* open", Some("1"));
        check("1 / 2", None);
        let error = Json::parse_with_comments("// one\n  /* two */ !").unwrap_err();
        assert_eq!((error.line(), error.column()), (2, 13));
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
