//! `logging.logLevel` of host.json: which lines are told at all.
//!
//! Microsoft Learn, "How to configure monitoring for Azure Functions", "Configure log levels"; the longest category
//! that a line's category begins with decides, as in Microsoft.Extensions.Logging.

use super::properties::{Properties, WrongValue};
use crate::output_level::OutputLevel;

/// The least level by category, lower case.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogLevels(Vec<(String, Least)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Least {
    Information,
    Warning,
    Error,
    Nothing,
}

impl LogLevels {
    pub(super) fn read(properties: &Properties) -> Result<Self, WrongValue> {
        const SECTION: &str = "logging:logLevel";
        let levels = properties.leaves_under(SECTION).into_iter().map(|(category, _)| {
            let path = format!("{SECTION}:{category}");
            let least = properties.parsed(&path, "Microsoft.Extensions.Logging.LogLevel", least)?;
            Ok(least.map(|least| (category.to_owned(), least)))
        });
        Ok(Self(levels.collect::<Result<Vec<_>, WrongValue>>()?.into_iter().flatten().collect()))
    }

    /// Whether a line of this category and level is told. The default is Information.
    pub(crate) fn allow(&self, category: &str, level: OutputLevel) -> bool {
        let category = category.to_ascii_lowercase();
        let covers = |name: &str| {
            name == "default"
                || category.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let longest =
            self.0.iter().filter(|(name, _)| covers(name)).max_by_key(|(name, _)| match name.as_str() {
                "default" => 0,
                name => name.len(),
            });
        let level = match level {
            OutputLevel::Information => Least::Information,
            OutputLevel::Warning => Least::Warning,
            OutputLevel::Error => Least::Error,
        };
        longest.is_none_or(|(_, least)| level >= *least)
    }
}

fn least(text: &str) -> Option<Least> {
    Some(match text.trim().to_ascii_lowercase().as_str() {
        "trace" | "debug" | "information" => Least::Information,
        "warning" => Least::Warning,
        "error" | "critical" => Least::Error,
        "none" => Least::Nothing,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Json;

    fn levels(section: &str) -> Result<LogLevels, WrongValue> {
        let json = Json::parse(&format!(r#"{{"logging":{{"logLevel":{section}}}}}"#)).unwrap();
        LogLevels::read(&Properties::of(&json))
    }

    #[test]
    fn the_longest_category_decides() {
        use OutputLevel::{Error, Information, Warning};
        let levels = levels(
            r#"{"default":"Warning","Function":"Information","Function.noisy.User":"None","Host.Function.Console":"Error"}"#,
        )
        .unwrap();
        let check = |category: &str, level, expected: bool| {
            assert_eq!(levels.allow(category, level), expected, "{category} {level:?}");
        };
        check("Host", Information, false);
        check("Host", Warning, true);
        check("Function.orders.User", Information, true);
        check("Function.noisy.User", Error, false);
        check("function.NOISY.user", Error, false);
        check("Host.Function.Console", Warning, false);
        check("Host.Function.Console", Error, true);
        check("Functional", Information, false);
    }

    #[test]
    fn everything_is_told_by_default_and_a_wrong_level_is_named() {
        assert!(LogLevels::default().allow("Host", OutputLevel::Information));
        let error = levels(r#"{"default":"Loud"}"#).unwrap_err().to_string();
        assert!(error.contains("'AzureFunctionsJobHost:logging:logLevel:default'"), "{error}");
    }
}
