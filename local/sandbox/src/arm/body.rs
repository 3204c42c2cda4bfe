//! The parts of request bodies that all resource types share.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

/// Tags as a client writes them.
pub(super) type Tags = BTreeMap<String, String>;

/// `location` and `tags`, for types whose properties the caller cannot write. Anything else is passed over, as the
/// gateway does with read-only fields that a client sends back.
#[derive(Debug, Deserialize)]
pub(super) struct Tracked {
    pub(super) location: Option<String>,
    #[serde(default)]
    pub(super) tags: Option<Tags>,
}

/// Adds tags where there are any: most providers leave the field out otherwise.
pub(super) fn add_tags(target: &mut Value, tags: Option<&Tags>) {
    if let Some(tags) = tags {
        target["tags"] = json!(tags);
    }
}
