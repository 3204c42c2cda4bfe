//! Long-running operations of the disk provider.
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
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::state::State;
use crate::world::World;

use super::disk_encryption_sets::DiskEncryptionSet;
use super::disks::Disk;
use super::error::ArmError;
use super::request::{ArmRequest, Reply};
use super::{ArmState, path};

/// One operation, running or ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Operation {
    /// The resource it works on, by key.
    target: String,
    /// A part of its address that nobody can guess.
    signature: String,
    polls_left: u32,
    reads_left: u32,
    #[serde(with = "time::serde::rfc3339")]
    started: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    ended: Option<OffsetDateTime>,
    outcome: Outcome,
}

/// What an operation does at its end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Outcome {
    WriteSet(Box<DiskEncryptionSet>),
    WriteDisk(Box<Disk>),
    DeleteSet,
    DeleteDisk,
    /// The set stays as it is, in state `Failed`.
    FailSet {
        code: String,
        message: String,
    },
}

/// Begins an operation. Gives the headers that go with its 202.
pub(super) fn begin(
    world: &World,
    state: &mut State,
    request: &ArmRequest,
    (target, location): (&str, &str),
    outcome: Outcome,
) -> Vec<(HeaderName, String)> {
    let (id, signature) = (Uuid::new_v4(), Uuid::new_v4());
    let operation = Operation {
        target: path::key(target),
        signature: signature.to_string(),
        polls_left: world.lags.operation_polls,
        reads_left: world.lags.operation_polls,
        started: world.clock.now(),
        ended: None,
        outcome,
    };
    state.arm.operations.insert(id.to_string(), operation);
    let subscription = &request.segments[1];
    let address = |extra: &str| {
        format!(
            "https://management.azure.com/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{}/DiskOperations\
             /{id}?p={signature}{extra}&api-version={}",
            super::regions::normalised(location),
            request.api_version
        )
    };
    vec![
        (HeaderName::from_static("azure-asyncoperation"), address("")),
        (LOCATION, address("&monitor=true")),
        (RETRY_AFTER, world.lags.retry_after_seconds.to_string()),
    ]
}

/// `GET` of either address.
pub(super) fn get(world: &World, request: &ArmRequest, id: &str) -> Result<Reply, ArmError> {
    let now = world.clock.now();
    let monitor = request.query.get("monitor").is_some_and(|value| value == "true");
    let retry_after = world.lags.retry_after_seconds.to_string();
    world.change(|state| {
        let signature = request.query.get("p").cloned().unwrap_or_default();
        let operation = state.arm.operations.get_mut(id).filter(|operation| operation.signature == signature);
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
                Reply::empty(StatusCode::ACCEPTED).with_header(LOCATION, verbatim(request))
            } else {
                Reply::ok(json!({
                    "startTime": text(operation.started),
                    "status": "InProgress",
                    "name": id,
                }))
            };
            return Ok(running.with_header(RETRY_AFTER, retry_after));
        }
        finish(&mut state.arm, id, now);
        let operation = &state.arm.operations[id];
        Ok(if monitor { monitored(state, operation) } else { Reply::ok(ended(state, operation, id)) })
    })
}

/// Ends every operation on a resource: a second write finds the first one done.
///
/// Our guess: the real service may refuse the second write instead while the first runs.
pub(super) fn finish_all(arm: &mut ArmState, target: &str, now: OffsetDateTime) {
    for id in running(arm, target) {
        finish(arm, &id, now);
    }
}

/// A read of the resource itself: counts towards the end of what runs on it.
pub(super) fn look(arm: &mut ArmState, target: &str, now: OffsetDateTime) {
    for id in running(arm, target) {
        let Some(operation) = arm.operations.get_mut(&id) else { continue };
        match operation.reads_left.checked_sub(1) {
            Some(left) => operation.reads_left = left,
            None => finish(arm, &id, now),
        }
    }
}

fn running(arm: &ArmState, target: &str) -> Vec<String> {
    let target = path::key(target);
    let on_target = arm.operations.iter().filter(|(_, operation)| operation.target == target);
    on_target.filter(|(_, operation)| operation.ended.is_none()).map(|(id, _)| id.clone()).collect()
}

fn finish(arm: &mut ArmState, id: &str, now: OffsetDateTime) {
    let Some(operation) = arm.operations.get_mut(id).filter(|operation| operation.ended.is_none()) else {
        return;
    };
    operation.ended = Some(now);
    let target = operation.target.clone();
    match operation.outcome.clone() {
        Outcome::WriteSet(set) => {
            arm.disk_encryption_sets.insert(target, *set);
        }
        Outcome::WriteDisk(disk) => {
            arm.disks.insert(target, *disk);
        }
        Outcome::DeleteSet => {
            arm.disk_encryption_sets.remove(&target);
        }
        Outcome::DeleteDisk => {
            arm.disks.remove(&target);
        }
        Outcome::FailSet { .. } => {
            if let Some(set) = arm.disk_encryption_sets.get_mut(&target) {
                set.provisioning_state = "Failed".into();
            }
        }
    }
}

fn ended(state: &State, operation: &Operation, id: &str) -> Value {
    let mut shown = json!({
        "startTime": text(operation.started),
        "endTime": text(operation.ended.unwrap_or(operation.started)),
        "status": "Succeeded",
        "name": id,
    });
    match &operation.outcome {
        Outcome::FailSet { code, message } => {
            shown["status"] = json!("Failed");
            shown["error"] = json!({ "code": code, "message": message });
        }
        Outcome::WriteSet(set) => shown["properties"] = json!({ "output": set.shown(state) }),
        Outcome::WriteDisk(disk) => shown["properties"] = json!({ "output": disk.shown() }),
        Outcome::DeleteSet | Outcome::DeleteDisk => {}
    }
    shown
}

fn monitored(state: &State, operation: &Operation) -> Reply {
    match &operation.outcome {
        Outcome::WriteSet(set) => Reply::ok(set.shown(state)),
        Outcome::WriteDisk(disk) => Reply::ok(disk.shown()),
        Outcome::DeleteSet | Outcome::DeleteDisk => Reply::empty(StatusCode::NO_CONTENT),
        // Our guess: the status of a failure at this address.
        Outcome::FailSet { code, message } => {
            Reply::new(StatusCode::BAD_REQUEST, json!({ "error": { "code": code, "message": message } }))
        }
    }
}

fn verbatim(request: &ArmRequest) -> String {
    let query = &request.query;
    let get = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    format!(
        "https://management.azure.com{}?p={}&monitor=true&api-version={}",
        request.id(),
        get("p"),
        get("api-version")
    )
}

fn text(moment: OffsetDateTime) -> String {
    moment.format(&Rfc3339).unwrap_or_default()
}
