//! Lists come in pages, each with the address of the next (Azure REST API, `nextLink`).
//!
//! Our guess: how many fit on one, and what the token in the address is.

use serde_json::{Value, json};

use crate::arm::error::ArmError;
use crate::arm::request::{ArmRequest, ArmResponse};
use crate::cloud::Cloud;

/// The page of a whole list that a request asks for. `$top` may ask for a smaller one.
pub(in crate::arm) fn page(
    cloud: &Cloud,
    request: &ArmRequest,
    mut list: ArmResponse,
) -> Result<ArmResponse, ArmError> {
    let number = |name: &str| match request.query.get(name).map(|text| text.parse::<usize>()) {
        None => Ok(None),
        Some(Ok(number)) => Ok(Some(number)),
        Some(Err(_)) => {
            Err(ArmError::bad_request("InvalidParameter", format!("The value of '{name}' is invalid.")))
        }
    };
    let most = cloud.read(|state| state.arm.limits.page).max(1);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let most = number("$top")?.map_or(most, |top| top.clamp(1, most));
    let from = number("$skiptoken")?.unwrap_or(0);
    let Some(Value::Array(items)) = list.body.as_mut().and_then(|body| body.get_mut("value")) else {
        return Ok(list);
    };
    let there = items.len();
    items.truncate(from.saturating_add(most));
    items.drain(..from.min(items.len()));
    if from.saturating_add(most) < there {
        let mut query = request.query.clone();
        query.insert("$skiptoken".into(), (from + most).to_string());
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        list.body.get_or_insert_default()["nextLink"] =
            json!(format!("https://management.azure.com{}?{query}", request.id()));
    }
    Ok(list)
}
