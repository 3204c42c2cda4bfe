//! A deployment of a template, running or ended.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::state::tags::Tags;
use crate::tokens::Caller;

/// One deployment, running or ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) subscription: String,
    /// None for one into the subscription itself.
    pub(crate) group: Option<String>,
    /// Where the record of one into a subscription is kept.
    pub(crate) location: Option<String>,
    pub(crate) tags: Option<Tags>,
    /// As whom everything is written.
    pub(crate) caller: Caller,
    pub(crate) template: Template,
    pub(crate) parameters: Map<String, Value>,
    pub(crate) steps: Vec<ResourceWrite>,
    /// Resources that the template names and does not write.
    pub(crate) existing: Vec<ExistingResource>,
    pub(crate) outputs: Value,
    pub(crate) correlation: Uuid,
    /// The part of the address of its state that names this run of it.
    pub(crate) run: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) began: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) ended: Option<OffsetDateTime>,
    /// Why it failed, as its callers see it.
    pub(crate) error: Option<Value>,
}

impl Deployment {
    pub(crate) fn state(&self) -> &'static str {
        match (self.ended, &self.error) {
            (None, _) => "Running",
            (Some(_), None) => "Succeeded",
            (Some(_), Some(_)) => "Failed",
        }
    }
}

/// The parts of a template.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Template {
    pub(crate) parameters: Map<String, Value>,
    pub(crate) variables: Map<String, Value>,
    pub(crate) resources: Vec<DeclaredResource>,
    pub(crate) outputs: Map<String, Value>,
    /// Functions of its own, by namespace and name, in lower case: `__bicep.namesof`.
    pub(crate) functions: Map<String, Value>,
    /// Types of its own.
    pub(crate) definitions: Map<String, Value>,
}

/// A resource as its template declares it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DeclaredResource {
    /// The name by which the template knows it, where it has one.
    pub(crate) symbol: Option<String>,
    pub(crate) elements: Map<String, Value>,
}

/// A resource that a template names and does not write.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ExistingResource {
    pub(crate) symbol: String,
    pub(crate) id: String,
    pub(crate) api_version: String,
}

/// One turn of a loop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Turn {
    pub(crate) name: String,
    pub(crate) index: usize,
}

/// One resource to be written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ResourceWrite {
    /// Names this step in the list of the deployment's operations.
    pub(crate) operation: Uuid,
    /// The name by which the template knows it: `queues`, and `queues[3]` of a loop.
    pub(crate) symbol: Option<String>,
    /// The turn of the loop that it comes from.
    pub(crate) turn: Option<Turn>,
    pub(crate) id: String,
    pub(crate) resource_type: String,
    pub(crate) name: String,
    pub(crate) api_version: String,
    /// The resource with its expressions: they are evaluated when its turn comes.
    pub(crate) body: Map<String, Value>,
    /// The template of a nested deployment, whose expressions are not for this one to evaluate.
    pub(crate) inner_template: Option<Value>,
    /// The places of the steps that come first.
    pub(crate) after: Vec<usize>,
    pub(crate) state: WriteState,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) began: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) ended: Option<OffsetDateTime>,
}

/// How far a step is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum WriteState {
    Waiting,
    /// The address at which the service tells how far it is.
    Running(String),
    Succeeded,
    /// Status and error.
    Failed(u16, Value),
}
