//! Linked access: whoever writes a resource must also be allowed to use every other one that its body names by id.
//!
//! The gateway finds out before a provider is asked. In which fields of which types ids stand, and what the caller must be
//! allowed to do with what they name, is one table (`data/linked_access.json`). What is no id at all is left to the provider.
//!
//! Our guess: the actions for images, disk accesses, storage accounts, source vaults, and most of what only a template of
//! Latchkey's deploys, for which no refusal is quoted.

use std::sync::LazyLock;

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::authorization::allowed;
use crate::cloud::Cloud;
use crate::roles::Action;
use crate::state::State;
use crate::tokens::Caller;

use super::error::ArmError;
use super::request::ArmRequest;

/// A field that holds ids.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Field {
    #[serde(rename = "type")]
    resource_type: String,
    /// Names with dots between them. `[]` stands for every item of an array, `{}` for the names in an object.
    field: String,
    /// What the caller must be allowed to do with what the id names.
    action: String,
}

static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
    serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/linked_access.json")))
        .expect("the fields are compiled in, and the tests of this module read them")
});

/// Refuses a write whose body names a resource that its caller may not use. `own` is the action that is asked for, and on
/// what.
pub(super) fn authorize(
    cloud: &Cloud,
    request: &ArmRequest,
    resource_type: &str,
    own: (&str, &str),
) -> Result<(), ArmError> {
    // A body that is no JSON names nothing; its provider refuses it.
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else { return Ok(()) };
    let now = cloud.clock.now();
    let of_the_type = FIELDS.iter().filter(|field| field.resource_type == resource_type);
    for field in of_the_type {
        for id in ids(&body, &field.field) {
            cloud.read(|state| authorize_one(state, &request.caller, own, (&field.action, id), now))?;
        }
    }
    Ok(())
}

fn authorize_one(
    state: &State,
    caller: &Caller,
    (action, own): (&str, &str),
    (linked_action, linked): (&str, &str),
    now: OffsetDateTime,
) -> Result<(), ArmError> {
    let refused = |words| Err(ArmError::new(StatusCode::FORBIDDEN, "LinkedAuthorizationFailed", words));
    let subscription = linked.split('/').nth(2).unwrap_or_default();
    let tenant = Uuid::parse_str(subscription).ok().and_then(|id| state.directory.tenant_of_subscription(id));
    if tenant.is_some_and(|tenant| tenant.tenant_id != caller.tenant) {
        return refused(format!(
            "The client has permission to perform action '{linked_action}' on scope '{own}', however the current tenant \
             '{}' is not authorized to access linked subscription '{subscription}'.",
            caller.tenant
        ));
    }
    if allowed(&state.arm, caller.object_id, Action::Control(linked_action), linked, now) {
        return Ok(());
    }
    refused(format!(
        "The client '{}' with object id '{}' has permission to perform action '{action}' on scope '{own}'; however, it does \
         not have permission to perform action(s) '{linked_action}' on the linked scope(s) '{linked}' (respectively) or the \
         linked scope(s) are invalid.",
        caller.application_id, caller.object_id
    ))
}

/// The ids that stand in a field.
fn ids<'a>(body: &'a Value, field: &str) -> Vec<&'a str> {
    let mut reached = vec![body];
    for name in field.split('.') {
        let (name, items, names) = match (name.strip_suffix("[]"), name.strip_suffix("{}")) {
            (Some(name), _) => (name, true, false),
            (None, Some(name)) => (name, false, true),
            (None, None) => (name, false, false),
        };
        let below = reached.into_iter().filter_map(|value| value.get(name));
        if names {
            // Names are the last that a path can hold.
            let objects = below.filter_map(Value::as_object);
            return objects
                .flat_map(|object| object.keys())
                .map(String::as_str)
                .filter(|id| is_id(id))
                .collect();
        }
        reached = match items {
            true => below.filter_map(Value::as_array).flatten().collect(),
            false => below.collect(),
        };
    }
    reached.into_iter().filter_map(Value::as_str).filter(|id| is_id(id)).collect()
}

fn is_id(text: &str) -> bool {
    text.get(.."/subscriptions/".len()).is_some_and(|start| start.eq_ignore_ascii_case("/subscriptions/"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resources::ResourceType;
    use crate::resources::described::DescribedType;

    #[test]
    fn ids_are_found_in_fields_in_arrays_and_as_names() {
        let id = |name: &str| format!("/subscriptions/s/{name}");
        let body = json!({
            "a": { "b": id("1"), "no": "nonsense" },
            "list": [{ "x": { "id": id("2") } }, { "x": {} }, { "x": { "id": "/Subscriptions/s/3" } }],
            "names": { id("4"): {}, "nonsense": {} },
        });
        let found = |field: &str| ids(&body, field);
        assert_eq!(found("a.b"), [id("1")]);
        assert_eq!(found("list[].x.id"), [id("2"), "/Subscriptions/s/3".into()]);
        assert_eq!(found("names{}"), [id("4")]);
        for nothing in ["a.no", "a.c", "list.x", "a.b.c", "a[].b"] {
            assert!(found(nothing).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn every_field_is_of_a_type_that_there_is() {
        for field in FIELDS.iter() {
            let simulated = ResourceType::named(&field.resource_type).map(|known| known.name);
            let described = || DescribedType::named(&field.resource_type).map(|known| known.name.as_str());
            assert_eq!(simulated.or_else(described), Some(field.resource_type.as_str()));
        }
    }
}
