//! `extensions.serviceBus` of host.json (azure-sdk-for-net, `ServiceBusOptions.cs`, `ServiceBusHostBuilderExtensions.cs`).
//!
//! Names of earlier versions of the extension are read where the present ones are missing, as the real ones are.

use std::time::Duration;

use super::properties::{Properties, WrongValue};

const SECTION: &str = "extensions:serviceBus";

#[derive(Debug, Clone)]
pub(crate) struct ServiceBusOptions {
    /// Invocations at a time, for triggers that take one message and no sessions.
    pub(crate) max_concurrent_calls: usize,
    /// `None` renews for ever.
    pub(crate) max_auto_lock_renewal: Option<Duration>,
    /// Sessions at a time.
    pub(crate) max_concurrent_sessions: usize,
    /// Invocations at a time within one session.
    pub(crate) max_concurrent_calls_per_session: usize,
    /// How long a session without messages is kept.
    pub(crate) session_idle_timeout: Duration,
    /// `cardinality: many`: messages an invocation.
    pub(crate) max_message_batch_size: usize,
    pub(crate) min_message_batch_size: usize,
    /// How long fewer than the least number are waited upon.
    pub(crate) max_batch_wait_time: Duration,
    /// How long one request for messages waits: `clientRetryOptions.tryTimeout`.
    pub(crate) try_timeout: Duration,
}

/// Numbers that cannot be together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchOptionsError {
    /// The least number is larger than the largest.
    #[error(
        "extensions.serviceBus: minMessageBatchSize {minimum} is larger than maxMessageBatchSize {maximum}"
    )]
    MinimumAboveMaximum {
        /// `minMessageBatchSize`
        minimum: usize,
        /// `maxMessageBatchSize`
        maximum: usize,
    },
    /// A number that must be at least 1 is not.
    #[error("extensions.serviceBus: {0} must be at least 1")]
    Zero(&'static str),
    /// Longer than the extension allows.
    #[error("extensions.serviceBus: maxBatchWaitTime must be at most 00:02:30")]
    WaitTooLong,
}

/// Either of the two.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceBusOptionsError {
    /// A value cannot be read.
    #[error(transparent)]
    WrongValue(#[from] WrongValue),
    /// The values cannot be together.
    #[error(transparent)]
    Batch(#[from] BatchOptionsError),
}

impl ServiceBusOptions {
    pub(super) fn read(properties: &Properties) -> Result<Self, ServiceBusOptionsError> {
        let number = |name, older| number(properties, name, older);
        let duration = |name: &str| properties.time_span(&format!("{SECTION}:{name}"));
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let try_timeout = duration("clientRetryOptions:tryTimeout")?.unwrap_or(Duration::from_secs(60));
        let idle = match duration("sessionIdleTimeout")? {
            Some(idle) => Some(idle),
            None => duration("sessionHandlerOptions:messageWaitTime")?,
        };
        let options = Self {
            max_concurrent_calls: number("maxConcurrentCalls", "messageHandlerOptions:maxConcurrentCalls")?
                .unwrap_or(16 * processors),
            max_auto_lock_renewal: renewal(properties)?,
            max_concurrent_sessions: number(
                "maxConcurrentSessions",
                "sessionHandlerOptions:maxConcurrentSessions",
            )?
            .unwrap_or(8),
            max_concurrent_calls_per_session: number("maxConcurrentCallsPerSession", "")?.unwrap_or(1),
            session_idle_timeout: idle.unwrap_or(try_timeout),
            max_message_batch_size: number("maxMessageBatchSize", "")?.unwrap_or(1000),
            min_message_batch_size: number("minMessageBatchSize", "")?.unwrap_or(1),
            max_batch_wait_time: duration("maxBatchWaitTime")?.unwrap_or(Duration::from_secs(30)),
            try_timeout,
        };
        options.check()?;
        Ok(options)
    }

    fn check(&self) -> Result<(), BatchOptionsError> {
        let (minimum, maximum) = (self.min_message_batch_size, self.max_message_batch_size);
        let at_least_one = [
            ("maxConcurrentCalls", self.max_concurrent_calls),
            ("maxConcurrentSessions", self.max_concurrent_sessions),
            ("maxConcurrentCallsPerSession", self.max_concurrent_calls_per_session),
            ("maxMessageBatchSize", maximum),
            ("minMessageBatchSize", minimum),
        ];
        if let Some((name, _)) = at_least_one.into_iter().find(|(_, value)| *value == 0) {
            return Err(BatchOptionsError::Zero(name));
        }
        if minimum > maximum {
            return Err(BatchOptionsError::MinimumAboveMaximum { minimum, maximum });
        }
        if minimum > 1 && self.max_batch_wait_time > Duration::from_secs(150) {
            return Err(BatchOptionsError::WaitTooLong);
        }
        Ok(())
    }
}

fn number(properties: &Properties, name: &str, older: &str) -> Result<Option<usize>, WrongValue> {
    match properties.number(&format!("{SECTION}:{name}"))? {
        Some(number) => Ok(Some(number)),
        None if older.is_empty() => Ok(None),
        None => properties.number(&format!("{SECTION}:{older}")),
    }
}

/// `None` for the value that .NET calls infinite.
fn renewal(properties: &Properties) -> Result<Option<Duration>, WrongValue> {
    const INFINITE: &str = "-00:00:00.0010000";
    let names = [
        "maxAutoLockRenewalDuration",
        "messageHandlerOptions:maxAutoRenewDuration",
        "sessionHandlerOptions:maxAutoRenewDuration",
    ];
    let paths = names.map(|name| format!("{SECTION}:{name}"));
    let Some(path) = paths.iter().find(|path| properties.text(path).is_some()) else {
        return Ok(Some(Duration::from_secs(5 * 60)));
    };
    if properties.text(path).is_some_and(|text| text.trim() == INFINITE) {
        return Ok(None);
    }
    properties.time_span(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Json;

    fn read(section: &str) -> Result<ServiceBusOptions, ServiceBusOptionsError> {
        let json = Json::parse(&format!(r#"{{"extensions":{{"serviceBus":{section}}}}}"#)).unwrap();
        ServiceBusOptions::read(&Properties::of(&json))
    }

    #[test]
    fn defaults_are_those_of_the_extension() {
        let options = read("{}").unwrap();
        assert_eq!(options.max_concurrent_calls % 16, 0);
        assert_eq!(options.max_auto_lock_renewal, Some(Duration::from_secs(300)));
        assert_eq!((options.max_concurrent_sessions, options.max_concurrent_calls_per_session), (8, 1));
        assert_eq!((options.max_message_batch_size, options.min_message_batch_size), (1000, 1));
        assert_eq!(options.max_batch_wait_time, Duration::from_secs(30));
        assert_eq!(options.session_idle_timeout, Duration::from_secs(60));
    }

    #[test]
    fn present_names_win_over_earlier_ones() {
        let earlier = r#""messageHandlerOptions":{"maxConcurrentCalls":3,"maxAutoRenewDuration":"00:01:00"},
            "sessionHandlerOptions":{"maxConcurrentSessions":4,"messageWaitTime":"00:00:05"}"#;
        let options = read(&format!("{{{earlier}}}")).unwrap();
        assert_eq!((options.max_concurrent_calls, options.max_concurrent_sessions), (3, 4));
        assert_eq!(options.max_auto_lock_renewal, Some(Duration::from_secs(60)));
        assert_eq!(options.session_idle_timeout, Duration::from_secs(5));
        let options = read(&format!(
            r#"{{{earlier},"maxConcurrentCalls":5,"maxAutoLockRenewalDuration":"-00:00:00.0010000","sessionIdleTimeout":"00:00:09"}}"#
        ))
        .unwrap();
        assert_eq!((options.max_concurrent_calls, options.max_auto_lock_renewal), (5, None));
        assert_eq!(options.session_idle_timeout, Duration::from_secs(9));
    }

    #[test]
    fn numbers_that_cannot_be_together_are_refused() {
        let check = |section: &str, expected: &str| {
            let error = read(section).unwrap_err().to_string();
            assert!(error.contains(expected), "{section}: {error}");
        };
        check(
            r#"{"minMessageBatchSize":11,"maxMessageBatchSize":10}"#,
            "11 is larger than maxMessageBatchSize 10",
        );
        check(r#"{"maxMessageBatchSize":0}"#, "maxMessageBatchSize must be at least 1");
        check(r#"{"maxConcurrentCalls":0}"#, "maxConcurrentCalls must be at least 1");
        check(r#"{"minMessageBatchSize":2,"maxBatchWaitTime":"00:03:00"}"#, "at most 00:02:30");
        check(r#"{"maxConcurrentCalls":"many"}"#, "to type 'System.Int32': 'many'");
        assert!(read(r#"{"maxBatchWaitTime":"00:03:00"}"#).is_ok(), "without a least number nobody waits");
    }
}
