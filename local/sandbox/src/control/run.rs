//! The run itself: its clock, its faults, its traffic.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State as RouterState;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::cloud::SharedCloud;
use crate::faults::{FaultScript, FaultSummary};
use crate::traffic::recorder::{Recorder, Seen};
use crate::{arm, evidence};

use super::ControlError;
use super::reply::{Body, JsonText};

/// Beyond this the dates of tokens and keys leave the years of four digits sooner or later.
const FURTHEST_SECONDS: u64 = 10 * 366 * 86_400;

#[derive(Serialize)]
pub(super) struct Now {
    #[serde(with = "time::serde::rfc3339")]
    now: OffsetDateTime,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Forward {
    forward_seconds: u64,
}

pub(super) async fn clock(RouterState(cloud): RouterState<SharedCloud>) -> Json<Now> {
    Json(Now { now: cloud.clock.now() })
}

/// Time only moves forward: nothing that has expired comes back to life.
pub(super) async fn move_clock(
    RouterState(cloud): RouterState<SharedCloud>,
    Body(Forward { forward_seconds }): Body<Forward>,
) -> Result<Json<Now>, ControlError> {
    if !(1..=FURTHEST_SECONDS).contains(&forward_seconds) {
        let problem = format!("a whole number of seconds from 1 to {FURTHEST_SECONDS} (ten years)");
        return Err(ControlError::at("forwardSeconds", problem));
    }
    if cloud.clock.is_shared() {
        let problem = "this clock is that of a whole local world: type  clock +1d  where the world runs";
        return Err(ControlError::conflict(problem));
    }
    arm::advance_clock(&cloud, Duration::from_secs(forward_seconds));
    Ok(Json(Now { now: cloud.clock.now() }))
}

pub(super) async fn faults(RouterState(cloud): RouterState<SharedCloud>) -> Json<FaultSummary> {
    Json(cloud.faults.summary())
}

pub(super) async fn set_faults(
    RouterState(cloud): RouterState<SharedCloud>,
    JsonText(text): JsonText,
) -> Result<Json<FaultSummary>, ControlError> {
    let script = FaultScript::parse(&text).map_err(|error| ControlError::at(error.path, error.problem))?;
    cloud.faults.set(script);
    Ok(Json(cloud.faults.summary()))
}

pub(super) async fn clear_faults(RouterState(cloud): RouterState<SharedCloud>) -> Json<FaultSummary> {
    let ended = cloud.faults.summary();
    cloud.faults.clear();
    Json(ended)
}

pub(super) async fn traffic(RouterState(recorder): RouterState<Arc<Recorder>>) -> Json<Vec<Seen>> {
    Json(recorder.seen())
}

pub(super) async fn har(RouterState(recorder): RouterState<Arc<Recorder>>) -> Json<Value> {
    Json(recorder.har())
}

pub(super) async fn evidence() -> Json<Value> {
    Json(json!({ "behaviours": evidence::behaviours() }))
}
