//! Changes the data of the event that a dead letter carries, within limits.
//!
//! A patch is a JSON merge patch (RFC 7396) on the event's `data`. What an onboarding is bound to is not editable:
//! the envelope, and in the data tenants, ids and the addresses of keys and resources. Whoever wants those different
//! wants another event, which only its origin can send.

use serde_json::Value as Json;

/// Why an edit is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The body is no CloudEvent with an object for its data.
    #[error("only the data of a CloudEvent in JSON can be edited; this body is something else")]
    NotAnEvent,
    /// The patch is no object.
    #[error("a patch is a JSON object of fields of the event's data, as in {{\"action\":\"Renew\"}}")]
    NotAPatch,
    /// The field is bound.
    #[error(
        "data.{0} cannot be edited: tenants, ids and the addresses of keys and resources are bound to the onboarding"
    )]
    Bound(String),
    /// The result is no event that its function takes.
    #[error("the edited event is not valid: {0}")]
    Invalid(String),
    /// The patch changes nothing.
    #[error("the patch changes nothing")]
    NoChange,
}

/// Names, or ends of names, of fields that are bound.
const BOUND: [&str; 12] = [
    "tenant",
    "subscription",
    "operation",
    "onboarding",
    "subject",
    "key",
    "keyurl",
    "vault",
    "set",
    "disk",
    "id",
    "url",
];

/// The body with its data patched. `validate` says what is wrong with an event of the kind, by its schema.
///
/// # Errors
/// See [`EditError`].
pub fn edited(
    body: &[u8],
    patch: &Json,
    validate: impl FnOnce(&Json) -> Result<(), String>,
) -> Result<String, EditError> {
    let mut event: Json = serde_json::from_slice(body).map_err(|_| EditError::NotAnEvent)?;
    if event["specversion"] != "1.0" || !event["data"].is_object() {
        return Err(EditError::NotAnEvent);
    }
    let Json::Object(fields) = patch else { return Err(EditError::NotAPatch) };
    let before = event["data"].clone();
    check_bound(&before, patch, "")?;
    merge(&mut event["data"], &Json::Object(fields.clone()));
    if event["data"] == before {
        return Err(EditError::NoChange);
    }
    validate(&event).map_err(EditError::Invalid)?;
    Ok(event.to_string())
}

fn check_bound(data: &Json, patch: &Json, path: &str) -> Result<(), EditError> {
    let Json::Object(fields) = patch else { return Ok(()) };
    for (name, value) in fields {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let lower = name.to_ascii_lowercase();
        let is_bound_name = BOUND.iter().any(|bound| lower == *bound)
            || ["tenant", "Tenant", "Id", "_id", "Url", "Uri"].iter().any(|end| name.ends_with(end));
        // Also by its looks: an id or an address that goes by another name.
        let was_bound = data.get(name).and_then(Json::as_str).is_some_and(is_id_or_address);
        if is_bound_name || was_bound {
            return Err(EditError::Bound(path));
        }
        check_bound(data.get(name).unwrap_or(&Json::Null), value, &path)?;
    }
    Ok(())
}

fn is_id_or_address(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok() || text.contains("://") || text.starts_with("/subscriptions/")
}

fn merge(target: &mut Json, patch: &Json) {
    let Json::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Json::Object(serde_json::Map::new());
    }
    let Json::Object(into) = target else { return };
    for (name, value) in fields {
        if value.is_null() {
            into.remove(name);
        } else {
            merge(into.entry(name.clone()).or_insert(Json::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(data: Json) -> Vec<u8> {
        json!({"specversion": "1.0", "id": "e", "type": "t", "data": data}).to_string().into_bytes()
    }

    fn edit(data: Json, patch: Json) -> Result<Json, EditError> {
        edited(&body(data), &patch, |_| Ok(()))
            .map(|text| serde_json::from_str::<Json>(&text).unwrap()["data"].take())
    }

    #[test]
    fn a_patch_changes_adds_and_removes_fields_of_the_data() {
        let data = json!({"action": "Renew", "note": {"a": 1, "b": 2}, "old": true});
        let patched = edit(data, json!({"action": "Suspend", "note": {"b": null, "c": 3}, "old": null}));
        assert_eq!(patched, Ok(json!({"action": "Suspend", "note": {"a": 1, "c": 3}})));
    }

    #[test]
    fn what_is_bound_cannot_be_edited() {
        let guid = "0a1b2c3d-1111-2222-3333-444455556666";
        for (data, patch, path) in [
            (json!({"tenant": guid}), json!({"tenant": "x"}), "tenant"),
            (json!({}), json!({"customerTenant": "x"}), "customerTenant"),
            (json!({}), json!({"subscription": "x"}), "subscription"),
            (json!({"key": "https://a.vault.azure.net/keys/k"}), json!({"key": "x"}), "key"),
            (json!({"where": "https://a.vault.azure.net/keys/k"}), json!({"where": "x"}), "where"),
            (json!({"a": {"which": guid}}), json!({"a": {"which": null}}), "a.which"),
        ] {
            assert_eq!(edit(data, patch), Err(EditError::Bound(path.to_owned())));
        }
    }

    #[test]
    fn what_is_no_event_no_patch_no_change_or_not_valid_is_refused() {
        assert_eq!(edited(b"not json", &json!({}), |_| Ok(())), Err(EditError::NotAnEvent));
        assert_eq!(edited(b"{}", &json!({}), |_| Ok(())), Err(EditError::NotAnEvent));
        assert_eq!(edit(json!({}), json!([])), Err(EditError::NotAPatch));
        assert_eq!(edit(json!({"a": 1}), json!({"a": 1})), Err(EditError::NoChange));
        let invalid = edited(&body(json!({"a": 1})), &json!({"a": 2}), |_| Err("data.a: no".to_owned()));
        assert_eq!(invalid, Err(EditError::Invalid("data.a: no".to_owned())));
    }
}
