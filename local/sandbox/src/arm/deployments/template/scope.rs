//! What the functions of a template can see.

use serde_json::Value;

use crate::arm::error::ArmError;

use super::expression::Expression;

/// Where a deployment happens.
#[derive(Debug, Clone)]
pub(in crate::arm::deployments) struct Surroundings {
    /// What `resourceGroup()`, `subscription()`, `tenant()` and `deployment()` give.
    pub(in crate::arm::deployments) resource_group: Value,
    pub(in crate::arm::deployments) subscription: Value,
    pub(in crate::arm::deployments) tenant: Value,
    pub(in crate::arm::deployments) deployment: Value,
}

/// What the functions ask of whoever evaluates their arguments.
pub(super) trait Evaluate {
    fn evaluate(&self, expression: &Expression) -> Result<Value, ArmError>;
    fn parameter(&self, name: &str) -> Result<Value, ArmError>;
    fn variable(&self, name: &str) -> Result<Value, ArmError>;
    /// A resource, by id or by name: the whole of it or its properties.
    fn reference(&self, resource: &str, whole: bool) -> Result<Value, ArmError>;
    fn surroundings(&self) -> &Surroundings;
}
