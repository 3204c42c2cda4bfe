//! The parts of request bodies that all resource types share.

use serde::Deserialize;

use crate::state::tags::Tags;

/// `location` and `tags`, for types whose properties the caller cannot write. Anything else is passed over, as the
/// gateway does with read-only fields that a client sends back.
#[derive(Debug, Deserialize)]
pub(super) struct Tracked {
    pub(super) location: Option<String>,
    #[serde(default)]
    pub(super) tags: Option<Tags>,
}
