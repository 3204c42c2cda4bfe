//! host.json flattened as .NET configuration flattens it: paths such as `customHandler:description:arguments:0`,
//! compared without regard to case, and overridden by `AzureFunctionsJobHost__…` variables.

use std::collections::BTreeMap;
use std::time::Duration;

use super::time_span;
use crate::json::Json;

/// All leaves of a configuration by their lower-case paths.
#[derive(Debug, Default)]
pub(crate) struct Properties {
    values: BTreeMap<String, String>,
}

/// A value that is there and cannot be what it has to be. The words are those of .NET's configuration binder.
#[derive(Debug, thiserror::Error)]
#[error(
    "Failed to convert configuration value at 'AzureFunctionsJobHost:{path}' to type '{kind}': '{value}'."
)]
pub struct WrongValue {
    path: String,
    kind: &'static str,
    value: String,
}

impl Properties {
    pub(crate) fn of(json: &Json) -> Self {
        let mut properties = Self::default();
        properties.add(String::new(), json);
        properties
    }

    pub(crate) fn set(&mut self, path: &str, value: &str) {
        self.values.insert(path.to_ascii_lowercase(), value.to_owned());
    }

    pub(crate) fn set_if_absent(&mut self, path: &str, value: &str) {
        self.values.entry(path.to_ascii_lowercase()).or_insert_with(|| value.to_owned());
    }

    /// The numbers of a list's items, in their order.
    pub(crate) fn numbers_under(&self, path: &str) -> Vec<u32> {
        let under = format!("{}:", path.to_ascii_lowercase());
        let number = |key: &String| key.strip_prefix(&under)?.split(':').next()?.parse().ok();
        let numbers: std::collections::BTreeSet<u32> = self.values.keys().filter_map(number).collect();
        numbers.into_iter().collect()
    }

    /// The leaves directly under a path: their last names, lower case, and values.
    pub(crate) fn leaves_under(&self, path: &str) -> Vec<(&str, &str)> {
        let under = format!("{}:", path.to_ascii_lowercase());
        self.values
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(&under)?, value.as_str())))
            .collect()
    }

    /// Whether anything is defined at this path or under it.
    pub(crate) fn has_section(&self, path: &str) -> bool {
        let path = path.to_ascii_lowercase();
        let under = format!("{path}:");
        self.values.keys().any(|key| *key == path || key.starts_with(&under))
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.values.get(&path.to_ascii_lowercase()).map(String::as_str)
    }

    /// The items of a list, in the order of their numbers.
    pub(crate) fn list(&self, path: &str) -> Vec<&str> {
        let under = format!("{}:", path.to_ascii_lowercase());
        let mut items: Vec<(u32, &str)> = self
            .values
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(&under)?.parse().ok()?, value.as_str())))
            .collect();
        items.sort_by_key(|(number, _)| *number);
        items.into_iter().map(|(_, value)| value).collect()
    }

    pub(crate) fn boolean(&self, path: &str) -> Result<Option<bool>, WrongValue> {
        self.parsed(path, "System.Boolean", |text| match text.trim().to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        })
    }

    pub(crate) fn number<T: std::str::FromStr>(&self, path: &str) -> Result<Option<T>, WrongValue> {
        self.parsed(path, "System.Int32", |text| text.trim().parse().ok())
    }

    pub(crate) fn time_span(&self, path: &str) -> Result<Option<Duration>, WrongValue> {
        self.parsed(path, "System.TimeSpan", time_span::parse)
    }

    pub(crate) fn parsed<T>(
        &self,
        path: &str,
        kind: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, WrongValue> {
        let Some(text) = self.text(path) else { return Ok(None) };
        match parse(text) {
            Some(value) => Ok(Some(value)),
            None => Err(WrongValue { path: path.to_owned(), kind, value: text.to_owned() }),
        }
    }

    fn add(&mut self, path: String, json: &Json) {
        let child = |name: &str| match path.as_str() {
            "" => name.to_ascii_lowercase(),
            path => format!("{path}:{}", name.to_ascii_lowercase()),
        };
        match json {
            Json::Object(members) => members.iter().for_each(|(name, value)| self.add(child(name), value)),
            Json::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(index, value)| self.add(child(&index.to_string()), value));
            }
            Json::Null => {}
            scalar => {
                let text = scalar.to_dotnet_string().expect("null, arrays and objects are dealt with above");
                self.values.insert(path, text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_without_regard_to_case_and_can_be_overridden() {
        let json = Json::parse(r#"{"A":{"List":["x","y"],"On":true,"N":3,"T":"00:00:05"}}"#).unwrap();
        let mut properties = Properties::of(&json);
        properties.set("a:list:1", "z");
        assert_eq!(properties.list("a:LIST"), ["x", "z"]);
        assert_eq!(properties.boolean("A:on").unwrap(), Some(true));
        assert_eq!(properties.number::<u32>("a:n").unwrap(), Some(3));
        assert_eq!(properties.time_span("a:t").unwrap(), Some(Duration::from_secs(5)));
        assert!(properties.has_section("a:list") && !properties.has_section("a:li"));
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_named() {
        let properties = Properties::of(&Json::parse(r#"{"a":{"on":"perhaps"}}"#).unwrap());
        assert_eq!(
            properties.boolean("a:on").unwrap_err().to_string(),
            "Failed to convert configuration value at 'AzureFunctionsJobHost:a:on' to type 'System.Boolean': 'perhaps'."
        );
    }
}
