//! What a body has to say.

use serde_json::Value;

use crate::arm::error::ArmError;

use super::body::PropertiesBody;
use super::store::Store;

/// The creation data, without which nothing is made.
pub(super) fn creation_data<S: Store>(properties: &PropertiesBody) -> Result<Value, ArmError> {
    properties.creation_data.clone().ok_or_else(|| missing::<S>("creationData"))
}

/// `InvalidParameter`, in the disk provider's words for something left out.
pub(super) fn missing<S: Store>(property: &str) -> ArmError {
    let target = format!("{}.{property}", S::WORD);
    let message = format!("Required parameter '{target}' is missing (null).");
    ArmError::invalid_parameter(target, message)
}
