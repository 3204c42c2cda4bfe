//! Resources of which no more is simulated than that they are there: which types these are, and how they are shown.
//!
//! One table has them (`data/described_types.json`): what a template of Latchkey's deploys and nothing here acts on. Shapes:
//! Azure's REST API descriptions of each type. Our guess: that each is there at once, where some take minutes in Azure.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::moments;
use crate::names::arm_id;
use crate::names::regions;
use crate::state::arm::ArmState;
use crate::state::resources::described::Described;
use crate::state::tags::add_tags;

use super::ResourceType;

/// A row of the table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DescribedType {
    #[serde(rename = "type")]
    pub(crate) name: String,
    /// Versions as Microsoft publishes them, the newest first.
    pub(crate) versions: Vec<String>,
    pub(crate) place: Place,
    /// The names that one can have, where not any will do.
    #[serde(default)]
    pub(crate) names: Vec<String>,
    /// Fields, with dots between their names, that have one of these values.
    #[serde(default)]
    pub(crate) one_of: Map<String, Value>,
    /// Fields that have to be written when it is made.
    #[serde(default)]
    pub(crate) required: Vec<String>,
    /// Fields that stay as they were first written.
    #[serde(default)]
    pub(crate) fixed: Vec<String>,
    /// Fields that are never shown.
    #[serde(default)]
    hidden: Vec<String>,
    /// Whether it is only shown to whoever asks for it by `POST {id}/list`.
    #[serde(default)]
    pub(crate) listed_by_post: bool,
    /// What is so where nothing else was written.
    #[serde(default)]
    unless_written: Value,
    /// What the service says, whatever was written. `{name}` and the like stand for what is the resource's own.
    #[serde(default)]
    always: Value,
}

/// Where one of a type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Place {
    /// In a group, in one of Azure's regions.
    Region,
    /// In a group, in a region or in none: `global`.
    Anywhere,
    /// Where its parent is.
    Parent,
    /// On any other resource.
    #[serde(rename = "any resource")]
    AnyResource,
}

/// Every type of these.
pub(crate) static DESCRIBED_TYPES: LazyLock<Vec<DescribedType>> = LazyLock::new(|| {
    serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/described_types.json")))
        .expect("the types are compiled in, and the tests of this module read them")
});

impl DescribedType {
    /// The type with this name, in whatever case.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        DESCRIBED_TYPES.iter().find(|known| known.name.eq_ignore_ascii_case(name))
    }

    /// Whether one is listed among the resources of its group: what stands below another one, or on it, is not.
    pub(crate) fn is_listed(&self) -> bool {
        self.name.split('/').count() == 2 && self.place != Place::AnyResource
    }

    /// Every one within a scope, as `GET` answers it.
    pub(crate) fn list(&self, arm: &ArmState, scope: &str) -> Vec<Value> {
        let of_the_type = arm.described.values().filter(|held| held.resource_type == self.name);
        of_the_type.filter(|held| arm_id::covers(scope, &held.id)).map(|held| self.shown(held)).collect()
    }

    /// The whole resource, as `GET` answers it.
    pub(crate) fn shown(&self, held: &Described) -> Value {
        let mut shown = own(held, &self.unless_written);
        overlay(&mut shown, &Value::Object(held.written.clone()));
        overlay(&mut shown, &own(held, &self.always));
        for field in &self.hidden {
            remove(&mut shown, field);
        }
        shown["id"] = json!(held.id);
        shown["name"] = json!(held.name);
        shown["type"] = json!(self.name);
        if let Some(location) = &held.location {
            shown["location"] = json!(location);
        }
        add_tags(&mut shown, held.tags.as_ref());
        shown
    }
}

/// Whether there is a resource with this id, of whatever type.
pub(crate) fn is_there(arm: &ArmState, id: &str) -> bool {
    arm.described.contains_key(&arm_id::key(id))
        || ResourceType::of_id(id).is_some_and(|known| known.location(arm, id).is_some())
}

/// The value with what stands for the resource's own filled in.
fn own(held: &Described, value: &Value) -> Value {
    match value {
        Value::String(text) => filled(held, text),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), own(held, value))).collect::<Value>()
        }
        Value::Array(items) => items.iter().map(|item| own(held, item)).collect(),
        Value::Null => json!({}),
        plain => plain.clone(),
    }
}

fn filled(held: &Described, text: &str) -> Value {
    match text {
        "{created seconds}" => return json!(held.created_at.unix_timestamp()),
        "{updated seconds}" => return json!(held.updated_at.unix_timestamp()),
        _ => {}
    }
    let parent = held.id.rsplit('/').nth(2).unwrap_or_default();
    let location = held.location.as_deref().map(regions::normalised).unwrap_or_default();
    let known = [
        ("{name}", held.name.as_str()),
        ("{parent}", parent),
        ("{location}", &location),
        ("{guid}", &held.unique.to_string()),
        ("{octet}", &held.unique.as_bytes()[0].to_string()),
        ("{created}", &moments::zulu(held.created_at)),
        ("{updated}", &moments::zulu(held.updated_at)),
    ];
    json!(known.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value)))
}

/// Puts one value over another; of two objects each member over its own.
fn overlay(below: &mut Value, above: &Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (name, value) in above {
                overlay(below.entry(name).or_insert(json!({})), value);
            }
        }
        (below, above) => *below = above.clone(),
    }
}

/// The value of a field: names with dots between them.
pub(crate) fn field<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, name| value.get(name))
}

/// Gives a field this value, and makes the objects that it is in where they are missing.
pub(crate) fn set_field(value: &mut Value, path: &str, to: Value) {
    let place = path.split('.').fold(value, |place, name| {
        if !place.is_object() {
            *place = json!({});
        }
        &mut place[name]
    });
    *place = to;
}

fn remove(value: &mut Value, path: &str) {
    match path.split_once('.') {
        Some((name, rest)) => value.get_mut(name).into_iter().for_each(|below| remove(below, rest)),
        None => drop(value.as_object_mut().map(|members| members.remove(path))),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;

    fn held(resource_type: &str, id: &str, written: Value) -> Described {
        Described {
            id: id.to_owned(),
            resource_type: resource_type.to_owned(),
            name: id.rsplit('/').next().unwrap().to_owned(),
            location: None,
            tags: None,
            written: written.as_object().unwrap().clone(),
            unique: Uuid::from_u128(7),
            created_at: datetime!(2026-01-01 00:00 UTC),
            updated_at: datetime!(2026-02-01 00:00 UTC),
        }
    }

    #[test]
    fn every_row_is_a_type_of_its_own_with_its_newest_version_first() {
        for (number, known) in DESCRIBED_TYPES.iter().enumerate() {
            let first = DESCRIBED_TYPES.iter().position(|other| other.name.eq_ignore_ascii_case(&known.name));
            assert_eq!(first, Some(number), "{} is there twice", known.name);
            assert!(ResourceType::named(&known.name).is_none(), "{} is simulated", known.name);
            assert!(!known.versions.is_empty(), "{}", known.name);
            assert!(known.versions.is_sorted_by(|newer, older| newer > older), "{}", known.name);
            let parent = known.name.rsplit_once('/').map(|(parent, _)| parent).unwrap();
            let is_below = known.name.split('/').count() > 2;
            let has_parent =
                !is_below || DescribedType::named(parent).is_some() || ResourceType::named(parent).is_some();
            assert!(has_parent, "{} has no parent", known.name);
        }
    }

    #[test]
    fn what_was_written_lies_over_what_is_usual_and_under_what_the_service_says() {
        let queue = DescribedType::named("microsoft.servicebus/NAMESPACES/queues").unwrap();
        let written = json!({ "properties": { "maxDeliveryCount": 3, "createdAt": "never", "other": [1] } });
        let shown = queue.shown(&held(&queue.name, "/x/namespaces/bus/queues/q", written));
        assert_eq!(shown["properties"]["maxDeliveryCount"], 3);
        assert_eq!(shown["properties"]["lockDuration"], "PT1M");
        assert_eq!(shown["properties"]["other"], json!([1]));
        assert_eq!(shown["properties"]["createdAt"], "2026-01-01T00:00:00Z");
        assert_eq!(shown["type"], "Microsoft.ServiceBus/namespaces/queues");
    }

    #[test]
    fn a_secret_is_shown_without_its_value() {
        let secret = DescribedType::named("Microsoft.KeyVault/vaults/secrets").unwrap();
        let written = json!({ "properties": { "value": "hush", "contentType": "text" } });
        let shown = secret.shown(&held(&secret.name, "/x/vaults/kv/secrets/s", written));
        let attributes = json!({ "enabled": true, "created": 1_767_225_600, "updated": 1_769_904_000 });
        assert_eq!(
            shown["properties"],
            json!({
                "contentType": "text",
                "attributes": attributes,
                "secretUri": "https://kv.vault.azure.net/secrets/s",
            })
        );
    }
}
