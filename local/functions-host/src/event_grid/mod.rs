//! The Event Grid trigger: runs functions on the events that a webhook brings.
//!
//! azure-sdk-for-net, `EventGridExtensionConfigProvider.cs`, `EventGridTriggerAttributeBindingProvider.cs`. The endpoint
//! itself is in [`webhook`].

pub(crate) mod webhook;

use std::sync::Arc;

use futures::future::join_all;

use crate::configuration::function_json::EventGridTrigger;
use crate::invocation::executor::LoadedFunction;
use crate::invocation::retry::{Attempt, with_retries};
use crate::invocation::{Answer, BindingData, Executor, Invocation, InvocationError, WireValue};
use crate::json::{Json, JsonError};

/// Runs one function on events.
#[derive(Clone)]
pub(crate) struct EventGridRunner {
    pub(crate) executor: Arc<Executor>,
    pub(crate) function: Arc<LoadedFunction>,
    pub(crate) trigger: EventGridTrigger,
}

impl EventGridRunner {
    /// One invocation an event, all at once; or one for all, with `cardinality: many`. The first failure is returned
    /// when all have ended.
    pub(crate) async fn deliver(&self, events: Vec<Json>) -> Result<(), InvocationError> {
        if self.trigger.batch {
            return self.invoke(Json::Array(events)).await.map(|_| ());
        }
        let runs = events.into_iter().map(|event| self.invoke(event));
        join_all(runs).await.into_iter().find_map(Result::err).map_or(Ok(()), Err)
    }

    /// A run by hand: the input is the event. `Err` says why it cannot be one.
    pub(crate) async fn run_by_hand(&self, input: &str) -> Result<(), JsonError> {
        let event = Json::parse(input)?;
        // How it ended is told by the events of the host.
        let _ = self.invoke(event).await;
        Ok(())
    }

    async fn invoke(&self, value: Json) -> Result<Answer, InvocationError> {
        with_retries(&self.executor, &self.function, |attempt| self.attempt(&value, attempt)).await
    }

    async fn attempt(&self, value: &Json, attempt: Attempt) -> Result<Answer, InvocationError> {
        let invocation = Invocation::new(self.function.clone());
        let data = vec![(self.trigger.name.clone(), WireValue::Json(value.clone()))];
        let mut metadata = BindingData::default();
        metadata.set("data", binding_data(value));
        metadata.set_system(invocation.name(), self.executor.clock.now());
        attempt.describe(&mut metadata);
        self.executor.run(&invocation, self.executor.ask(&invocation, data, metadata)).await
    }
}

/// `Metadata.data`: the data of the event, or those of all events.
fn binding_data(value: &Json) -> Option<WireValue> {
    let data = match value {
        Json::Array(events) => Json::Array(
            events.iter().map(|event| event.member("data").cloned().unwrap_or(Json::Null)).collect(),
        ),
        event => event.member("data")?.clone(),
    };
    (!data.is_null()).then_some(WireValue::Json(data))
}
