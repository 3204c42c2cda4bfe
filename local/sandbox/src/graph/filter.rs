//! The filters that client tools send, out of OData's many.

use serde_json::Value;

use super::fault::GraphFault;

/// One condition on an object. Texts are compared without case, as Graph does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Equals { property: String, value: String },
    StartsWith { property: String, prefix: String },
    AnyEquals { property: String, value: String },
}

impl Filter {
    /// Reads `p eq 'v'`, `startswith(p,'v')` or `p/any(x:x eq 'v')`.
    pub(super) fn parse(text: &str) -> Result<Self, GraphFault> {
        let text = text.trim();
        let parsed = starts_with(text).or_else(|| any_equals(text)).or_else(|| {
            let (property, value) = equals(text)?;
            Some(Self::Equals { property, value })
        });
        parsed.ok_or_else(|| GraphFault::not_offered(&format!("the filter \"{text}\"")))
    }

    /// Whether an object meets the condition.
    pub(super) fn keeps(&self, object: &Value) -> Result<bool, GraphFault> {
        let (Self::Equals { property, .. }
        | Self::StartsWith { property, .. }
        | Self::AnyEquals { property, .. }) = self;
        let found = object.get(property).ok_or_else(|| {
            GraphFault::bad_request(format!("Could not find a property named '{property}' on this type."))
        })?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_ascii_lowercase();
        Ok(match self {
            Self::Equals { value, .. } => text(found) == value.to_ascii_lowercase(),
            Self::StartsWith { prefix, .. } => text(found).starts_with(&prefix.to_ascii_lowercase()),
            Self::AnyEquals { value, .. } => {
                let value = value.to_ascii_lowercase();
                found.as_array().is_some_and(|items| items.iter().any(|item| text(item) == value))
            }
        })
    }
}

fn starts_with(text: &str) -> Option<Filter> {
    let (property, prefix) = text.strip_prefix("startswith(")?.strip_suffix(')')?.split_once(',')?;
    Some(Filter::StartsWith { property: name(property)?, prefix: literal(prefix)? })
}

fn any_equals(text: &str) -> Option<Filter> {
    let (property, condition) = text.strip_suffix(')')?.split_once("/any(")?;
    let (variable, condition) = condition.split_once(':')?;
    let (tested, value) = equals(condition)?;
    (tested == variable.trim()).then_some(())?;
    Some(Filter::AnyEquals { property: name(property)?, value })
}

fn equals(text: &str) -> Option<(String, String)> {
    let (property, value) = text.split_once(" eq ")?;
    Some((name(property)?, literal(value)?))
}

fn name(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())).then(|| text.to_owned())
}

/// A text in single quotes; a quote inside it is written twice.
fn literal(text: &str) -> Option<String> {
    let inner = text.trim().strip_prefix('\'')?.strip_suffix('\'')?;
    let plain = inner.replace("''", "\u{0}");
    (!plain.contains('\'')).then(|| plain.replace('\u{0}', "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_of_client_tools_are_understood_and_others_refused() {
        let object = serde_json::json!({"appId": "AB", "displayName": "O'Neil & Co", "names": ["x", "Y"]});
        for (text, expected) in [
            ("appId eq 'ab'", Some(true)),
            ("appId eq 'abc'", Some(false)),
            ("startswith(displayName,'O''Ne')", Some(true)),
            ("startswith(displayName, 'neil')", Some(false)),
            ("names/any(c:c eq 'y')", Some(true)),
            ("names/any(c:c eq 'z')", Some(false)),
            ("names/any(c:d eq 'y')", None),
            ("appId eq 'a' or appId eq 'b'", None),
            ("appId ne 'ab'", None),
            ("missing eq 'a'", None),
            ("", None),
        ] {
            let kept = Filter::parse(text).and_then(|filter| filter.keeps(&object)).ok();
            assert_eq!(kept, expected, "{text}");
        }
    }
}
