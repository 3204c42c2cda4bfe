//! An image or a scale set: what it names counts, and nothing is ever made of it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::state::tags::Tags;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Namer {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) location: String,
    pub(crate) tags: Option<Tags>,
    /// What else was written, such as the sku of a scale set.
    pub(crate) written: Map<String, Value>,
    /// Its properties, as they were written.
    pub(crate) properties: Map<String, Value>,
}
