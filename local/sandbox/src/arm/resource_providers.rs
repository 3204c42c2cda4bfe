//! Microsoft.Resources: the resource providers of a subscription, with their types and the API versions of these.
//!
//! Clients that work with any type, such as the generic resources of Microsoft's .NET SDK, ask here which version to use.
//! The types are those that are registered here; a namespace that the sandbox does not have is answered as one that nobody
//! has. Our guess: regions in their programmatic names, where the service shows display names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use http::StatusCode;
use serde_json::{Value, json};

use crate::names::regions::REGIONS;
use crate::resources::described::DESCRIBED_TYPES;

use super::api_version::{DISK_VERSIONS, Versions};
use super::error::ArmError;
use super::request::ArmResponse;
use super::resource::PROVIDERS;

/// Stable versions as Azure's REST API descriptions name them, the newest first. The sandbox takes more: any date from the
/// first on that a type had.
static PUBLISHED: LazyLock<BTreeMap<String, Vec<String>>> = LazyLock::new(|| {
    serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/api_versions.json")))
        .expect("the versions are compiled in, and the tests of this module read them")
});

/// `GET /subscriptions/{s}/providers`.
pub(super) fn list(subscription: &str) -> ArmResponse {
    let namespaces: BTreeSet<&str> = types().into_keys().filter_map(namespace_of).collect();
    ArmResponse::list(namespaces.into_iter().map(|namespace| shown(subscription, namespace)).collect())
}

/// `GET /subscriptions/{s}/providers/{namespace}`.
pub(super) fn get(subscription: &str, namespace: &str) -> Result<ArmResponse, ArmError> {
    let known = types().into_keys().filter_map(namespace_of);
    let known = known.into_iter().find(|known| known.eq_ignore_ascii_case(namespace)).ok_or_else(|| {
        ArmError::new(
            StatusCode::NOT_FOUND,
            "InvalidResourceNamespace",
            format!("The resource namespace '{namespace}' is invalid."),
        )
    })?;
    Ok(ArmResponse::ok(shown(subscription, known)))
}

/// Every type with its versions, the newest first.
fn types() -> BTreeMap<&'static str, Vec<&'static str>> {
    let published = PUBLISHED
        .iter()
        .map(|(name, versions)| (name.as_str(), versions.iter().map(String::as_str).collect::<Vec<_>>()));
    let of_disks = PROVIDERS.iter().filter(|registered| matches!(registered.versions, Versions::Disks)).map(
        |registered| {
            (registered.resource_type.name, DISK_VERSIONS.iter().rev().map(String::as_str).collect())
        },
    );
    let described = DESCRIBED_TYPES
        .iter()
        .map(|known| (known.name.as_str(), known.versions.iter().map(String::as_str).collect::<Vec<_>>()));
    published.chain(of_disks).chain(described).collect()
}

fn namespace_of(name: &str) -> Option<&str> {
    name.split('/').next()
}

fn shown(subscription: &str, namespace: &str) -> Value {
    let of_the_namespace = types().into_iter().filter_map(|(name, versions)| {
        let (own, kind) = name.split_once('/')?;
        (own == namespace).then(|| {
            json!({
                "resourceType": kind,
                "locations": *REGIONS,
                "apiVersions": versions,
                "defaultApiVersion": versions.first(),
                "capabilities": "SupportsTags, SupportsLocation",
            })
        })
    });
    json!({
        "id": format!("/subscriptions/{subscription}/providers/{namespace}"),
        "namespace": namespace,
        "resourceTypes": of_the_namespace.collect::<Vec<_>>(),
        "registrationState": "Registered",
        "registrationPolicy": "RegistrationRequired",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::api_version;

    #[test]
    fn every_registered_type_has_versions_and_takes_them() {
        let types = types();
        for registered in PROVIDERS {
            let name = registered.resource_type.name;
            let versions = types.get(name).unwrap_or_else(|| panic!("{name} has no versions"));
            assert!(versions.is_sorted_by(|newer, older| newer > older), "{name}: {versions:?}");
            for version in versions {
                assert!(
                    api_version::check(Some(version), registered.versions, name).is_ok(),
                    "{name} {version}"
                );
            }
        }
    }
}
