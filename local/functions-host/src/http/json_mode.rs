//! HTTP functions that are not forwarded: the request travels in the JSON envelope, the answer in an output binding.

use bytes::Bytes;
use http::{Request, Response};

use super::request_object::{binding_data, request_object};
use super::response_object::response;
use super::route::RouteValues;
use crate::configuration::function_json::HttpTrigger;
use crate::invocation::retry::Attempt;
use crate::invocation::{Executor, Invocation, InvocationError, WireValue};

/// Asks the handler and turns its answer into the client's.
pub(super) async fn exchange(
    executor: &Executor,
    invocation: &Invocation,
    trigger: &HttpTrigger,
    request: &Request<Bytes>,
    route: &RouteValues,
    attempt: &Attempt,
) -> Result<Response<Bytes>, InvocationError> {
    let data = vec![(trigger.name.clone(), WireValue::Json(request_object(request, route)))];
    let mut metadata = binding_data(request, route, &trigger.name);
    metadata.set_system(invocation.name(), executor.clock.now());
    attempt.describe(&mut metadata);
    let answer = executor.ask(invocation, data, metadata).await?;
    response(&invocation.function.function, &answer)
}
