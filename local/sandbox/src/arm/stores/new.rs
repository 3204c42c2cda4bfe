//! A disk or snapshot as it is made when nothing else is said.

use serde_json::Value;
use uuid::Uuid;

use crate::arm::request::Target;
use crate::cloud::Cloud;
use crate::state::resources::store::{Common, Encryption};

impl Common {
    /// An empty one under the platform's key.
    pub(super) fn new(
        cloud: &Cloud,
        target: &Target,
        location: String,
        creation_data: Value,
        size_gb: u32,
    ) -> Self {
        Self {
            id: target.id.clone(),
            name: target.name.clone(),
            location,
            tags: None,
            sku: "Standard_LRS".into(),
            size_gb,
            os_type: None,
            creation_data,
            encryption: Encryption::platform(),
            unique_id: Uuid::new_v4(),
            time_created: cloud.clock.now(),
            provisioning_state: "Succeeded".into(),
        }
    }
}
