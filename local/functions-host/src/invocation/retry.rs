//! Runs an invocation again while its retry policy says so, before the trigger hears of the failure.
//!
//! azure-webjobs-sdk, `FunctionExecutorExtensions.cs`, `RetryContext.cs`; each attempt has an invocation id of its own.

use std::future::Future;

use tokio::time::sleep;

use super::error::InvocationError;
use super::executor::{Executor, LoadedFunction};
use super::value::{BindingData, WireValue};
use crate::configuration::retry::RetryPolicy;
use crate::json::Json;

/// What an attempt knows about the ones before it; becomes `Metadata.RetryContext`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attempt {
    /// Absent without a policy.
    context: Option<Context>,
}

#[derive(Debug, Clone)]
struct Context {
    retry_count: u32,
    max_retry_count: Option<u32>,
    failure: Option<String>,
}

impl Attempt {
    /// Numbers stay numbers here, unlike everywhere else in `Metadata`.
    pub(crate) fn describe(&self, metadata: &mut BindingData) {
        let Some(Context { retry_count, max_retry_count, failure }) = &self.context else { return };
        // Our guess: the real host serialises the whole exception; these two members are there in any case.
        let exception = failure.as_ref().map(|message| {
            Json::object([
                ("ClassName", Json::from("System.Exception")),
                ("Message", Json::from(message.as_str())),
            ])
        });
        let context = Json::object([
            ("RetryCount", Json::from(i64::from(*retry_count))),
            ("MaxRetryCount", Json::from(max_retry_count.map_or(-1, i64::from))),
            ("Exception", Json::from(exception)),
            ("Instance", Json::Null),
            ("State", Json::Object(Vec::new())),
        ]);
        metadata.set("RetryContext", WireValue::Json(context));
    }
}

/// Calls `attempt` until it succeeds or the function's policy, or else the host's, has had enough.
pub(crate) async fn with_retries<T, Running>(
    executor: &Executor,
    function: &LoadedFunction,
    mut attempt: impl FnMut(Attempt) -> Running,
) -> Result<T, InvocationError>
where
    Running: Future<Output = Result<T, InvocationError>>,
{
    let Some(policy) = function.function.retry.as_ref().or(executor.retry.as_ref()) else {
        return attempt(Attempt::default()).await;
    };
    let RetryPolicy { max_retry_count, .. } = policy;
    let mut context = Context { retry_count: 0, max_retry_count: *max_retry_count, failure: None };
    loop {
        let error = match attempt(Attempt { context: Some(context.clone()) }).await {
            Ok(result) => return Ok(result),
            Err(error) => error,
        };
        if max_retry_count.is_some_and(|most| context.retry_count >= most) || error.is_final() {
            return Err(error);
        }
        tokio::select! {
            () = sleep(policy.pause(context.retry_count)) => {}
            () = executor.over.cancelled() => return Err(error),
        }
        context = Context {
            retry_count: context.retry_count.saturating_add(1),
            failure: Some(error.to_string()),
            ..context
        };
    }
}
