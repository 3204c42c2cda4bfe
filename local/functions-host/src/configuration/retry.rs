//! Retry policies of host.json and function.json.
//!
//! azure-functions-host, `RetryOptions.cs`, `Utility.ValidateRetryOptions`. Microsoft documents them for timers and a
//! few other triggers only; the host's code still honours them for every function, and so does this one.

use std::time::Duration;

use super::time_span;
use crate::json::Json;

/// How often, and after which pauses, a failed invocation is run again before its trigger hears of the failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RetryPolicy {
    /// `None`: for ever.
    pub(crate) max_retry_count: Option<u32>,
    delay: Delay,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Delay {
    Fixed(Duration),
    Exponential { minimum: Duration, maximum: Duration },
}

/// A policy that lacks something, or has something that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RetryPolicyError {
    /// A member that the strategy needs. The words are .NET's.
    #[error("Value cannot be null. (Parameter '{0}')")]
    Missing(&'static str),
    /// A member with a value that it cannot have.
    #[error("the retry policy's '{member}' has the invalid value '{value}'")]
    Invalid {
        /// The member.
        member: &'static str,
        /// Its value.
        value: String,
    },
}

impl RetryPolicy {
    /// The `retry` object of a file.
    pub(crate) fn from_json(json: &Json) -> Result<Self, RetryPolicyError> {
        let text = |member: &'static str| {
            json.member(member).and_then(Json::to_dotnet_string).ok_or(RetryPolicyError::Missing(member))
        };
        let count = text("maxRetryCount")?;
        let max_retry_count = match count.as_str() {
            "-1" => None,
            digits => Some(digits.parse().map_err(|_| invalid("maxRetryCount", &count))?),
        };
        let interval = |member: &'static str| {
            let value = text(member)?;
            time_span::parse(&value).ok_or_else(|| invalid(member, &value))
        };
        let strategy = text("strategy")?;
        let delay = match strategy.to_ascii_lowercase().as_str() {
            "fixeddelay" => Delay::Fixed(interval("delayInterval")?),
            "exponentialbackoff" => Delay::Exponential {
                minimum: interval("minimumInterval")?,
                maximum: interval("maximumInterval")?,
            },
            _ => return Err(invalid("strategy", &strategy)),
        };
        Ok(Self { max_retry_count, delay })
    }

    /// The pause before retry number `retry`, counted from zero.
    ///
    /// Our guess for the exponential kind: the minimum, doubled each time, up to the maximum; the real one adds some
    /// chance to it.
    pub(crate) fn pause(&self, retry: u32) -> Duration {
        match self.delay {
            Delay::Fixed(interval) => interval,
            Delay::Exponential { minimum, maximum } => {
                minimum.saturating_mul(2_u32.saturating_pow(retry)).min(maximum)
            }
        }
    }
}

fn invalid(member: &'static str, value: &str) -> RetryPolicyError {
    RetryPolicyError::Invalid { member, value: value.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<RetryPolicy, RetryPolicyError> {
        RetryPolicy::from_json(&Json::parse(json).unwrap())
    }

    #[test]
    fn both_strategies_are_read() {
        let fixed =
            read(r#"{"strategy":"fixedDelay","maxRetryCount":2,"delayInterval":"00:00:03"}"#).unwrap();
        assert_eq!((fixed.max_retry_count, fixed.pause(7)), (Some(2), Duration::from_secs(3)));
        let growing = read(
            r#"{"Strategy":"ExponentialBackoff","maxRetryCount":-1,"minimumInterval":"00:00:01","maximumInterval":"00:00:05"}"#,
        )
        .unwrap();
        assert_eq!(growing.max_retry_count, None);
        let pauses = [0, 1, 2, 3, 99].map(|retry| growing.pause(retry).as_secs());
        assert_eq!(pauses, [1, 2, 4, 5, 5]);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let check = |json: &str, expected: &str| assert_eq!(read(json).unwrap_err().to_string(), expected);
        check(r#"{"strategy":"fixedDelay"}"#, "Value cannot be null. (Parameter 'maxRetryCount')");
        check(
            r#"{"strategy":"fixedDelay","maxRetryCount":1}"#,
            "Value cannot be null. (Parameter 'delayInterval')",
        );
        check(
            r#"{"strategy":"often","maxRetryCount":1}"#,
            "the retry policy's 'strategy' has the invalid value 'often'",
        );
        check(
            r#"{"strategy":"fixedDelay","maxRetryCount":-2}"#,
            "the retry policy's 'maxRetryCount' has the invalid value '-2'",
        );
    }
}
