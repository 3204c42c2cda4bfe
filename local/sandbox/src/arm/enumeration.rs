//! Enumerations in bodies: Azure reads them without regard to case and shows them in its own spelling.
//!
//! The gateway puts them into that spelling before a provider sees the body. Which fields of which types are enumerations,
//! and their values, is one table (`data/enumerations.json`), taken from Azure's REST API descriptions. A value that there
//! is not is left to the provider.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};

use super::request::ArmRequest;

/// A field that is an enumeration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Enumeration {
    #[serde(rename = "type")]
    resource_type: String,
    /// Names with dots between them; `[]` stands for every item of an array.
    field: String,
    values: Vec<String>,
}

static ENUMERATIONS: LazyLock<Vec<Enumeration>> = LazyLock::new(|| {
    serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/enumerations.json")))
        .expect("the fields are compiled in, and the tests of this module read them")
});

/// The value in Azure's spelling; none where there is no such value.
pub(super) fn read<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    known.iter().find(|known| known.eq_ignore_ascii_case(given)).copied()
}

/// The request with the enumerations of its body in Azure's spelling; none where they are so already.
pub(super) fn spelled(request: &ArmRequest, resource_type: &str) -> Option<ArmRequest> {
    let mut body: Value = serde_json::from_slice(&request.body).ok()?;
    let before = body.clone();
    for enumeration in ENUMERATIONS.iter().filter(|known| known.resource_type == resource_type) {
        let path: Vec<&str> = enumeration.field.split('.').collect();
        spell(&mut body, &path, &enumeration.values);
    }
    (body != before).then(|| request.with_body(&body))
}

fn spell(value: &mut Value, path: &[&str], known: &[String]) {
    let Some((name, rest)) = path.split_first() else {
        let found =
            value.as_str().and_then(|given| known.iter().find(|known| known.eq_ignore_ascii_case(given)));
        if let Some(found) = found {
            *value = json!(found);
        }
        return;
    };
    match name.strip_suffix("[]") {
        Some(name) => {
            let items = value.get_mut(name).and_then(Value::as_array_mut);
            items.into_iter().flatten().for_each(|item| spell(item, rest, known));
        }
        None => {
            if let Some(below) = value.get_mut(*name) {
                spell(below, rest, known);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::ResourceType;

    #[test]
    fn values_are_put_into_azures_spelling_and_others_left_alone() {
        let known = ["Attach".to_owned(), "Empty".to_owned()];
        let spelled = |mut body: Value, field: &str| {
            spell(&mut body, &field.split('.').collect::<Vec<_>>(), &known);
            body
        };
        assert_eq!(spelled(json!({ "a": { "b": "ATTACH" } }), "a.b"), json!({ "a": { "b": "Attach" } }));
        let list = json!({ "a": [{ "b": "empty" }, { "b": "other" }, 1] });
        assert_eq!(spelled(list, "a[].b"), json!({ "a": [{ "b": "Empty" }, { "b": "other" }, 1] }));
        for untouched in [json!({}), json!({ "a": "attach" }), json!({ "a": { "b": 1 } }), json!([])] {
            assert_eq!(spelled(untouched.clone(), "a.b"), untouched);
        }
    }

    #[test]
    fn every_field_is_of_a_type_that_there_is() {
        for known in ENUMERATIONS.iter() {
            assert_eq!(ResourceType::named(&known.resource_type).unwrap().name, known.resource_type);
        }
    }
}
