//! Runs an invocation again while its retry policy says so, before the trigger hears of the failure.
//!
//! azure-webjobs-sdk, `FunctionExecutorExtensions.cs`, `RetryContext.cs`; each attempt has an invocation id of its own.

use std::future::Future;

use tokio::time::sleep;
use uuid::Uuid;

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
    failure: Option<Failure>,
}

/// How the attempt before ended.
#[derive(Debug, Clone)]
struct Failure {
    function: String,
    message: String,
}

impl Failure {
    /// The exception as Newtonsoft.Json writes it, without its stack traces.
    fn to_json(&self) -> Json {
        let Self { function, message } = self;
        let inner = Json::object([
            ("Message", Json::from(message.as_str())),
            ("Data", Json::Object(Vec::new())),
            ("InnerException", Json::Null),
        ]);
        Json::object([
            ("InstanceId", Json::from(Uuid::new_v4().to_string())),
            ("MethodName", Json::from(format!("Host.Functions.{function}"))),
            ("Handled", Json::from(false)),
            ("ClassName", Json::from("Microsoft.Azure.WebJobs.Host.FunctionInvocationException")),
            ("Message", Json::from(format!("Exception while executing function: Functions.{function}"))),
            ("Data", Json::Null),
            ("InnerException", inner),
        ])
    }
}

impl Attempt {
    /// Numbers stay numbers here, unlike everywhere else in `Metadata`.
    pub(crate) fn describe(&self, metadata: &mut BindingData) {
        let Some(Context { retry_count, max_retry_count, failure }) = &self.context else { return };
        let exception = failure.as_ref().map(Failure::to_json);
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
            failure: Some(Failure { function: function.function.name.clone(), message: error.to_string() }),
            ..context
        };
    }
}
