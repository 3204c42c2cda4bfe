//! Tags, which any resource may carry.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Tags as a client writes them.
pub(crate) type Tags = BTreeMap<String, String>;

/// Adds tags where there are any: most providers leave the field out otherwise.
pub(crate) fn add_tags(target: &mut Value, tags: Option<&Tags>) {
    if let Some(tags) = tags {
        target["tags"] = json!(tags);
    }
}
