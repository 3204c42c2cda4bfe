//! What Microsoft's deployment engine predicts of `infra/`: the bodies that the tests of these checks begin with.

use serde_json::Value as Json;

/// The token of the deployment that is predicted.
pub(super) const TOKEN: &str = "sgrbgq6qpq54e";

/// Every resource of a type.
pub(super) fn of_type(kind: &str) -> Vec<Json> {
    let snapshot: Json =
        serde_json::from_str(include_str!("../../../../../infra/snapshots/default.snapshot.json")).unwrap();
    let all = snapshot["predictedResources"].as_array().unwrap().iter();
    let found: Vec<Json> = all.filter(|one| one["type"] == kind).cloned().collect();
    assert!(!found.is_empty(), "{kind}");
    found
}

/// The same, as a list of Resource Manager's has them: by the last part of their names.
pub(super) fn listed(kind: &str) -> Json {
    let short = |mut one: Json| {
        let name = one["name"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        one["name"] = Json::from(name);
        one
    };
    of_type(kind).into_iter().map(short).collect()
}
