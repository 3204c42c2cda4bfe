//! A resource group.

use serde::{Deserialize, Serialize};

use crate::state::tags::Tags;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ResourceGroup {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) location: String,
    pub(crate) tags: Option<Tags>,
}
