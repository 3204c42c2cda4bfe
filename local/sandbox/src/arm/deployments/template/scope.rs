//! What the functions of a template can see.

use serde_json::Value;

use crate::arm::error::ArmError;
use crate::state::resources::deployment::Turn;

use super::expression::Expression;

/// Where a deployment happens.
#[derive(Debug, Clone)]
pub(in crate::arm::deployments) struct Surroundings {
    /// What `resourceGroup()`, `subscription()`, `tenant()` and `deployment()` give.
    /// Into a subscription there is no group.
    pub(in crate::arm::deployments) resource_group: Option<Value>,
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
    /// A value with every expression in it evaluated, in a turn of a loop where one is given.
    fn value_in(&self, turn: Option<Turn>, value: &Value) -> Result<Value, ArmError>;
    /// How many loops it is in.
    fn turns(&self) -> usize;
    /// In which turn of a loop this is: of the one with this name, or of the one that is gone through.
    fn turn(&self, of: Option<&str>) -> Option<usize>;
    /// Calls a function that the template defines.
    fn call_own(&self, function: &str, values: Vec<Value>) -> Result<Value, ArmError>;
    fn surroundings(&self) -> &Surroundings;
}
