//! Long-running operations of the gateway and of the compute provider.
//!
//! A write answers 202 with two addresses. `Azure-AsyncOperation` always answers 200 and tells the state in its
//! body; `Location` (the same with `monitor=true`) answers 202 until the end and then the resource itself
//! (Microsoft Learn, "Track asynchronous Azure operations"). Both carry a signature, so a client has to follow
//! them as they are.
//!
//! Our guess: time does not end an operation here, looking does. It ends after a number of polls, or as many reads
//! of the resource, so that a client always meets "in progress" first and a test never waits.

use http::StatusCode;
use http::header::{HeaderName, LOCATION, RETRY_AFTER};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::moments;
use crate::names::arm_id;
use crate::resources::resource::Runner;
use crate::state::State;
use crate::state::arm::ArmState;
use crate::state::operation::{Operation, Outcome};

use super::error::ArmError;
use super::request::{ArmRequest, ArmResponse};

/// Begins an operation. Gives the headers that go with its 202.
pub(super) fn begin(
    cloud: &Cloud,
    state: &mut State,
    request: &ArmRequest,
    (target, location): (&str, &str),
    outcome: Outcome,
) -> Vec<(HeaderName, String)> {
    let (id, signature) = (Uuid::new_v4(), Uuid::new_v4());
    let runner = outcome.runner(target);
    let seconds = cloud.lags.retry_after_seconds.unwrap_or_else(|| outcome.seconds_until_looked_at());
    let operation = Operation {
        target: arm_id::key(target),
        signature: signature.to_string(),
        polls_left: cloud.lags.operation_polls,
        reads_left: cloud.lags.operation_polls,
        started: cloud.clock.now(),
        ended: None,
        outcome,
    };
    state.arm.operations.insert(id.to_string(), operation);
    let version = &request.api_version;
    let subscription = format!("https://management.azure.com/subscriptions/{}", request.segments[1]);
    let mut headers = vec![(RETRY_AFTER, seconds.to_string())];
    let folder = match runner {
        Runner::Disks => "DiskOperations",
        Runner::Machines => {
            headers.push((HeaderName::from_static("azure-asyncnotification"), "Enabled".to_owned()));
            "operations"
        }
        Runner::KeyVault => {
            let location = super::regions::normalised(location);
            let address = format!(
                "{subscription}/providers/Microsoft.KeyVault/locations/{location}/operationResults/{id}\
                 ?api-version={version}&p={signature}"
            );
            headers.push((LOCATION, address));
            return headers;
        }
        // The gateway's own operations have a Location alone.
        Runner::Gateway => {
            let address = format!("{subscription}/operationresults/{id}?api-version={version}&p={signature}");
            headers.push((LOCATION, address));
            return headers;
        }
    };
    let padding = padding(state.arm.long_operation_urls);
    let address = |extra: &str| {
        format!(
            "{subscription}/providers/Microsoft.Compute/locations/{}/{folder}/{id}?p={signature}{extra}\
             &api-version={version}{padding}",
            super::regions::normalised(location),
        )
    };
    headers.push((HeaderName::from_static("azure-asyncoperation"), address("")));
    headers.push((LOCATION, address("&monitor=true")));
    headers
}

/// What makes an address as long as the real ones have become: a time, a certificate and its signatures (recorded in 2025).
fn padding(wanted: bool) -> String {
    if !wanted {
        return String::new();
    }
    format!("&t={}&c=MII{}&s={}&h={}", "6".repeat(18), "A".repeat(3_200), "s".repeat(342), "h".repeat(43))
}

/// `GET` of either address. The gateway's is always a monitor.
pub(super) fn get(cloud: &Cloud, request: &ArmRequest, id: &str) -> Result<ArmResponse, ArmError> {
    let now = cloud.clock.now();
    let monitor = request.query.get("monitor").is_some_and(|value| value == "true")
        || request.segments.iter().any(|part| part.eq_ignore_ascii_case("operationresults"));
    let retry_after = cloud.lags.retry_after_seconds.unwrap_or(1).to_string();
    cloud.change(|state| {
        let signature = request.query.get("p").cloned().unwrap_or_default();
        let arm = &mut state.arm;
        let held = if arm.ended_operations.contains_key(id) {
            &mut arm.ended_operations
        } else {
            &mut arm.operations
        };
        let operation = held.get_mut(id).filter(|operation| operation.signature == signature);
        let Some(operation) = operation else {
            return Err(ArmError::new(
                StatusCode::NOT_FOUND,
                "NotFound",
                format!("The operation '{id}' was not found."),
            ));
        };
        if operation.ended.is_none() && operation.polls_left > 0 {
            operation.polls_left -= 1;
            let running = if monitor {
                ArmResponse::empty(StatusCode::ACCEPTED).with_header(LOCATION, verbatim(request))
            } else {
                ArmResponse::ok(json!({
                    "startTime": moments::with_offset(operation.started),
                    "status": "InProgress",
                    "name": id,
                }))
            };
            return Ok(running.with_header(RETRY_AFTER, retry_after));
        }
        finish(state, id, now);
        let operation = &state.arm.ended_operations[id];
        Ok(if monitor { monitored(state, operation) } else { ArmResponse::ok(ended(state, operation, id)) })
    })
}

/// Ends every operation on a resource: a second write finds the first one done.
///
/// Our guess: the real service may refuse the second write instead while the first runs.
pub(super) fn finish_all(state: &mut State, target: &str, now: OffsetDateTime) {
    for id in running(&state.arm, target) {
        finish(state, &id, now);
    }
}

/// A read of the resource itself: counts towards the end of what runs on it.
pub(super) fn look(state: &mut State, target: &str, now: OffsetDateTime) {
    for id in running(&state.arm, target) {
        let Some(operation) = state.arm.operations.get_mut(&id) else { continue };
        match operation.reads_left.checked_sub(1) {
            Some(left) => operation.reads_left = left,
            None => finish(state, &id, now),
        }
    }
}

fn running(arm: &ArmState, target: &str) -> Vec<String> {
    let target = arm_id::key(target);
    arm.operations
        .iter()
        .filter(|(_, operation)| operation.target == target)
        .map(|(id, _)| id.clone())
        .collect()
}

fn finish(state: &mut State, id: &str, now: OffsetDateTime) {
    // A group goes with what is still under way in it, which must not come to be afterwards.
    for inside in inside_group(&state.arm, id) {
        finish(state, &inside, now);
    }
    let Some(mut operation) = state.arm.operations.remove(id) else {
        return;
    };
    operation.ended.get_or_insert(now);
    let (outcome, target) = (operation.outcome.clone(), operation.target.clone());
    state.arm.ended_operations.insert(id.to_owned(), operation);
    outcome.take_effect(state, target, now);
}

/// What runs inside a group, where this is the operation that deletes the group.
fn inside_group(arm: &ArmState, id: &str) -> Vec<String> {
    let Some(Operation { target: group, outcome: Outcome::DeleteGroup, .. }) = arm.operations.get(id) else {
        return Vec::new();
    };
    let inside =
        |operation: &Operation| operation.target != *group && arm_id::covers(group, &operation.target);
    let running = arm.operations.iter().filter(|(_, operation)| inside(operation));
    running.map(|(id, _)| id.clone()).collect()
}

fn ended(state: &State, operation: &Operation, id: &str) -> Value {
    let mut shown = json!({
        "startTime": moments::with_offset(operation.started),
        "endTime": moments::with_offset(operation.ended.unwrap_or(operation.started)),
        "status": "Succeeded",
        "name": id,
    });
    if let Some(error) = operation.outcome.failure() {
        shown["status"] = json!("Failed");
        shown["error"] = error;
    } else if let Some(output) = operation.outcome.output(state) {
        shown["properties"] = json!({ "output": output });
    }
    shown
}

fn monitored(state: &State, operation: &Operation) -> ArmResponse {
    if let Some(error) = operation.outcome.failure() {
        // Our guess: the status of a failure at this address.
        return ArmResponse::new(StatusCode::BAD_REQUEST, json!({ "error": error }));
    }
    match operation.outcome.output(state) {
        Some(output) => ArmResponse::ok(output),
        None if operation.outcome.deletes() => ArmResponse::empty(StatusCode::NO_CONTENT),
        None => ArmResponse::empty(StatusCode::OK),
    }
}

/// The address that was asked, for the client to ask again.
fn verbatim(request: &ArmRequest) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&request.query).finish();
    format!("https://management.azure.com{}?{query}", request.id())
}
