//! Limits of the runtime, from the environment.

use std::{path::Path, time::Duration};

use serde_json::{Map, Value};

/// Consumption plans end a function after this time unless `host.json` says otherwise; other plans later.
/// (Microsoft Learn, "host.json reference", `functionTimeout`.)
const SHORTEST_DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

/// Limits of the runtime.
///
/// | variable | meaning |
/// |---|---|
/// | `CUSTOM_HANDLER_DEADLINE_SECONDS` | [`deadline`](Self::deadline); `0` for none |
/// | `CUSTOM_HANDLER_BODY_LIMIT_BYTES` | [`body_limit`](Self::body_limit) |
/// | `CUSTOM_HANDLER_CONCURRENCY` | [`concurrency`](Self::concurrency); `0` for no limit |
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// How long an invocation may take, until it is answered as failed and its function dropped. It should be shorter
    /// than the host's `functionTimeout`: when that is over, the host kills the whole process, with every other
    /// invocation in it. Unless set, it is a little less than the `functionTimeout` of `host.json` (or of its override
    /// `AzureFunctionsJobHost__functionTimeout`), and that is taken to be 5 minutes if it is not there.
    pub deadline: Option<Duration>,
    /// The longest body of an invocation, and of an HTTP request as axum's extractors see it. 32 MiB unless set.
    pub body_limit: usize,
    /// How many queue and timer invocations may run at once; the others wait, each within its own deadline. Unlimited
    /// unless set. The host has limits of its own (`extensions.serviceBus.maxConcurrentCalls`), which are better:
    /// what waits here holds the lock on its message.
    pub concurrency: Option<usize>,
    /// How long [`serve`](crate::Functions::serve) waits for running invocations after a signal to stop. 10 seconds.
    pub shutdown_grace: Duration,
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {value:?}, but must be {expected}")]
pub struct SettingsError {
    name: String,
    value: String,
    expected: &'static str,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            deadline: Some(shortly_before(SHORTEST_DEFAULT_TIMEOUT)),
            body_limit: 32 << 20,
            concurrency: None,
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

impl Settings {
    /// The settings of the process's environment, and of the `host.json` in `FUNCTIONS_APP_ROOT_PATH`.
    ///
    /// # Errors
    /// When a variable is set to something else than it may be.
    pub fn from_environment() -> Result<Self, SettingsError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let number = |name: &str| match variable(name).filter(|value| !value.trim().is_empty()) {
            None => Ok(None),
            Some(value) => match value.trim().parse::<u32>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(SettingsError { name: name.to_owned(), value, expected: "a whole number" }),
            },
        };
        let default = Self::default();
        let deadline = match number("CUSTOM_HANDLER_DEADLINE_SECONDS")? {
            Some(0) => None,
            Some(seconds) => Some(Duration::from_secs(seconds.into())),
            None => match function_timeout(&variable)? {
                Some(FunctionTimeout::Unlimited) => None,
                Some(FunctionTimeout::After(timeout)) => Some(shortly_before(timeout)),
                None => default.deadline,
            },
        };
        let body_limit =
            number("CUSTOM_HANDLER_BODY_LIMIT_BYTES")?.map_or(default.body_limit, |n| n as usize);
        let concurrency = number("CUSTOM_HANDLER_CONCURRENCY")?.map(|n| n as usize).filter(|&n| n > 0);
        Ok(Self { deadline, body_limit, concurrency, ..default })
    }

    /// With another [`deadline`](Self::deadline).
    #[must_use]
    pub fn with_deadline(mut self, deadline: Option<Duration>) -> Self {
        self.deadline = deadline;
        self
    }

    /// With another [`body_limit`](Self::body_limit), in bytes.
    #[must_use]
    pub fn with_body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// With another [`concurrency`](Self::concurrency) limit.
    #[must_use]
    pub fn with_concurrency(mut self, invocations: Option<usize>) -> Self {
        self.concurrency = invocations;
        self
    }

    /// With another [`shutdown_grace`](Self::shutdown_grace).
    #[must_use]
    pub fn with_shutdown_grace(mut self, grace: Duration) -> Self {
        self.shutdown_grace = grace;
        self
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FunctionTimeout {
    Unlimited,
    After(Duration),
}

/// Time to answer, and for the answer to arrive.
fn shortly_before(timeout: Duration) -> Duration {
    timeout - (timeout / 10).min(Duration::from_secs(10))
}

fn function_timeout(
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<Option<FunctionTimeout>, SettingsError> {
    const NAME: &str = "AzureFunctionsJobHost__functionTimeout";
    let written = variable(NAME).map(|value| (NAME, value)).or_else(|| {
        Some(("functionTimeout", in_host_json(Path::new(&variable("FUNCTIONS_APP_ROOT_PATH")?))?))
    });
    let Some((name, value)) = written else {
        return Ok(None);
    };
    match parse_time_span(&value) {
        Some(timeout) => Ok(Some(timeout)),
        None => {
            Err(SettingsError { name: name.to_owned(), value, expected: "a time span like 00:05:00, or -1" })
        }
    }
}

/// The host refuses a `host.json` that it cannot read before it starts us; but it reads more than we do, comments for
/// instance. Names are its configuration's, whose case does not matter.
fn in_host_json(root: &Path) -> Option<String> {
    let text = std::fs::read_to_string(root.join("host.json")).ok()?;
    let Ok(json) = serde_json::from_str::<Map<String, Value>>(text.trim_start_matches('\u{FEFF}')) else {
        tracing::warn!("host.json is not plain JSON: assuming a functionTimeout of 5 minutes");
        return None;
    };
    let value = json.iter().find(|(name, _)| name.eq_ignore_ascii_case("functionTimeout"))?.1;
    value.as_str().map(str::to_owned)
}

/// A .NET time span: `hh:mm:ss`, also with days before and a fraction behind.
fn parse_time_span(text: &str) -> Option<FunctionTimeout> {
    let text = text.trim();
    if text == "-1" {
        return Some(FunctionTimeout::Unlimited);
    }
    let mut parts = text.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (days, hours) = hours.split_once('.').unwrap_or(("0", hours));
    let whole = |text: &str| text.parse::<u32>().ok().map(f64::from);
    let seconds: f64 = seconds.parse().ok().filter(|&seconds| (0.0..60.0).contains(&seconds))?;
    let total = ((whole(days)? * 24.0 + whole(hours)?) * 60.0 + whole(minutes)?) * 60.0 + seconds;
    Duration::try_from_secs_f64(total).ok().filter(|total| !total.is_zero()).map(FunctionTimeout::After)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let variables: BTreeMap<_, _> = variables.iter().copied().collect();
        Settings::from_variables(|name| variables.get(name).map(|&value| value.to_owned()))
    }

    #[test]
    fn without_variables_the_shortest_plan_is_assumed() {
        assert_eq!(read(&[]), Ok(Settings::default()));
        assert_eq!(Settings::default().deadline, Some(Duration::from_secs(290)));
    }

    #[test]
    fn every_limit_can_be_set() {
        let settings = read(&[
            ("CUSTOM_HANDLER_DEADLINE_SECONDS", "7"),
            ("CUSTOM_HANDLER_BODY_LIMIT_BYTES", "1000"),
            ("CUSTOM_HANDLER_CONCURRENCY", "3"),
            ("AzureFunctionsJobHost__functionTimeout", "01:00:00"),
        ])
        .unwrap();
        assert_eq!(settings.deadline, Some(Duration::from_secs(7)));
        assert_eq!((settings.body_limit, settings.concurrency), (1000, Some(3)));
        let unlimited =
            read(&[("CUSTOM_HANDLER_DEADLINE_SECONDS", "0"), ("CUSTOM_HANDLER_CONCURRENCY", "0")]);
        assert_eq!(unlimited, Ok(Settings::default().with_deadline(None)));
    }

    #[test]
    fn the_deadline_lies_before_the_hosts_time_out() {
        let deadline =
            |time_out| read(&[("AzureFunctionsJobHost__functionTimeout", time_out)]).unwrap().deadline;
        assert_eq!(deadline("00:10:00"), Some(Duration::from_secs(590)));
        assert_eq!(deadline("00:00:10"), Some(Duration::from_secs(9)));
        assert_eq!(deadline("1.00:00:00.5"), Some(Duration::from_millis(86_390_500)));
        assert_eq!(deadline("-1"), None);
    }

    #[test]
    fn the_time_out_is_read_from_host_json() {
        let root = tempfile::tempdir().unwrap();
        for (text, seconds) in [
            ("{\"functionTimeout\":\"00:01:00\"}", 54),
            ("\u{FEFF}{\"FunctionTimeout\":\"00:01:00\"}", 54),
            ("{\"version\":\"2.0\"}", 290),
            ("{\"functionTimeout\":\"00:01:00\"} // a comment", 290),
        ] {
            std::fs::write(root.path().join("host.json"), text).unwrap();
            let settings = read(&[("FUNCTIONS_APP_ROOT_PATH", root.path().to_str().unwrap())]).unwrap();
            assert_eq!(settings.deadline, Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for (name, value) in [
            ("CUSTOM_HANDLER_DEADLINE_SECONDS", "soon"),
            ("CUSTOM_HANDLER_BODY_LIMIT_BYTES", "-1"),
            ("CUSTOM_HANDLER_CONCURRENCY", "1.5"),
            ("AzureFunctionsJobHost__functionTimeout", "5 minutes"),
            ("AzureFunctionsJobHost__functionTimeout", "00:00:61"),
            ("AzureFunctionsJobHost__functionTimeout", "00:00:00"),
        ] {
            let text = read(&[(name, value)]).unwrap_err().to_string();
            assert!(text.contains(name) && text.contains(value), "{text}");
        }
    }
}
