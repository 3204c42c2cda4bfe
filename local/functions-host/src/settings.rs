//! The app settings: the host's environment, as the real host and its handler see it.

use std::collections::BTreeMap;

/// The environment of the host with the given app settings laid over it.
#[derive(Clone)]
pub(crate) struct Settings {
    values: BTreeMap<String, String>,
}

impl Settings {
    /// What the process of the host inherited, overlaid with `app_settings`.
    pub(crate) fn of_this_process(app_settings: &BTreeMap<String, String>) -> Self {
        let inherited = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let mut values: BTreeMap<_, _> = inherited.collect();
        values.extend(app_settings.clone());
        Self { values }
    }

    /// No setting at all.
    pub(crate) fn empty() -> Self {
        Self { values: BTreeMap::new() }
    }

    #[cfg(test)]
    pub(crate) fn only(values: &[(&str, &str)]) -> Self {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { values }
    }

    /// A setting by name; an exact match first, then one that differs in case (.NET configuration does not care).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let exact = self.values.get(name);
        let any =
            || self.values.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        exact.or_else(any).map(String::as_str)
    }

    /// `AzureFunctionsJobHost__a__b` overrides `a:b` of host.json: pairs of such a path and its value.
    pub(crate) fn host_json_overrides(&self) -> impl Iterator<Item = (String, &str)> {
        const PREFIX: &str = "azurefunctionsjobhost__";
        self.values.iter().filter_map(|(name, value)| {
            let path = name.to_ascii_lowercase().strip_prefix(PREFIX)?.replace("__", ":");
            Some((path, value.as_str()))
        })
    }

    /// `Environment.ExpandEnvironmentVariables`: `%NAME%` becomes its value, an unknown one stays as it is.
    pub(crate) fn expand(&self, text: &str) -> String {
        replace_names(text, |name| Ok::<_, ()>(self.values.get(name).cloned()))
            .expect("unknown names are kept")
    }

    /// How function.json resolves `%NAME%`: an unknown name is an error.
    pub(crate) fn resolve(&self, text: &str) -> Result<String, UnresolvedName> {
        replace_names(text, |name| match self.get(name) {
            Some(value) => Ok(Some(value.to_owned())),
            None => Err(UnresolvedName(name.to_owned())),
        })
    }
}

/// A `%name%` in function.json that no app setting defines. The words are those of the WebJobs SDK.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'%{0}%' does not resolve to a value.")]
pub(crate) struct UnresolvedName(String);

/// Replaces every `%name%` by what `value_of` says; `None` keeps the text. A `%` without a partner is plain text.
pub(crate) fn replace_names<E>(
    text: &str,
    mut value_of: impl FnMut(&str) -> Result<Option<String>, E>,
) -> Result<String, E> {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        result.push_str(before);
        let Some((name, behind)) = after.split_once('%') else {
            result.push('%');
            rest = after;
            continue;
        };
        match if name.is_empty() { None } else { value_of(name)? } {
            Some(value) => {
                result.push_str(&value);
                rest = behind;
            }
            None => {
                result.push('%');
                result.push_str(name);
                // The closing sign may open the next name, as in `100%%NAME%`.
                rest = &after[name.len()..];
            }
        }
    }
    result.push_str(rest);
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_between_percent_signs_are_expanded() {
        let settings = Settings::only(&[("QUEUE", "orders"), ("empty", "")]);
        let check = |text: &str, expected: &str| assert_eq!(settings.expand(text), expected, "{text}");
        check("%QUEUE%", "orders");
        check("a %QUEUE%-%QUEUE% b", "a orders-orders b");
        check("%UNKNOWN%", "%UNKNOWN%");
        check("100%", "100%");
        check("%UNKNOWN%QUEUE%", "%UNKNOWNorders");
        check("x%empty%y", "xy");
        check("%%", "%%");
    }

    #[test]
    fn function_json_refuses_a_name_that_nothing_defines() {
        let settings = Settings::only(&[("Queue", "orders")]);
        assert_eq!(settings.resolve("%QUEUE%/x").unwrap(), "orders/x");
        assert_eq!(
            settings.resolve("%nothing%").unwrap_err().to_string(),
            "'%nothing%' does not resolve to a value."
        );
    }

    #[test]
    fn job_host_variables_become_paths_of_host_json() {
        let settings = Settings::only(&[("AzureFunctionsJobHost__customHandler__port", "7"), ("OTHER", "x")]);
        let overrides: Vec<_> = settings.host_json_overrides().collect();
        assert_eq!(overrides, [("customhandler:port".to_owned(), "7")]);
    }
}
