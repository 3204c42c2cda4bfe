//! What is too much: `GET` and `PUT /control/limits`.

use axum::Json;
use axum::extract::State as RouterState;

use crate::cloud::SharedCloud;
use crate::state::limits::Limits;

use super::ControlError;
use super::reply::Body;

pub(super) async fn show(RouterState(cloud): RouterState<SharedCloud>) -> Json<Limits> {
    Json(cloud.read(|state| state.arm.limits.clone()))
}

/// What the body does not name is as in Azure again.
pub(super) async fn set(
    RouterState(cloud): RouterState<SharedCloud>,
    Body(mut limits): Body<Limits>,
) -> Result<Json<Limits>, ControlError> {
    let usual = Limits::default();
    if let Some(unknown) = limits.compute.keys().find(|group| !usual.compute.contains_key(*group)) {
        let known: Vec<&str> = usual.compute.keys().map(String::as_str).collect();
        let problem = format!("there is no such group of operations; there are: {}", known.join(", "));
        return Err(ControlError::at(format!("compute.{unknown}"), problem));
    }
    for (group, windows) in usual.compute {
        limits.compute.entry(group).or_insert(windows);
    }
    cloud.change(|state| state.arm.limits = limits.clone());
    Ok(Json(limits))
}
