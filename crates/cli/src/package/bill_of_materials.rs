//! What the executable is made of, as CycloneDX 1.6: every crate with its version, licence and checksum.
//!
//! Asked from cargo: what is linked into the executable on Linux, without what only builds or tests it.

use std::{collections::BTreeSet, path::Path};

use anyhow::Context as _;
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};
use serde_json::{Value, json};
use uuid::Uuid;

/// The document, and how many components it lists.
#[derive(Debug)]
pub(super) struct Bill {
    pub(super) document: Value,
    pub(super) components: usize,
}

/// The package whose executable is deployed.
const DEPLOYED: &str = "latchkey-functions";

/// The bill of what this manifest builds.
///
/// # Errors
/// When cargo does not answer, or the manifest is another project's.
pub(super) fn of(manifest: &Path) -> anyhow::Result<Bill> {
    let metadata = MetadataCommand::new()
        .manifest_path(manifest)
        .other_options(
            ["--locked", "--filter-platform", "x86_64-unknown-linux-gnu"].map(str::to_owned).to_vec(),
        )
        .exec()
        .with_context(|| format!("asking cargo what {} builds", manifest.display()))?;
    let deployed = metadata
        .packages
        .iter()
        .find(|package| package.name.as_str() == DEPLOYED)
        .with_context(|| format!("{} does not build {DEPLOYED}", manifest.display()))?;
    let linked = linked(&metadata, &deployed.id)?;
    let mut packages: Vec<&Package> =
        metadata.packages.iter().filter(|package| linked.contains(&package.id)).collect();
    packages.sort_by_key(|package| (package.name.to_string(), package.version.clone()));
    let components: Vec<Value> = packages.iter().map(|package| component(package, "library")).collect();
    let count = components.len();
    let mut document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": component(deployed, "application") },
        "components": components,
    });
    // The same content has the same number.
    let number = Uuid::new_v5(&Uuid::NAMESPACE_URL, document.to_string().as_bytes());
    document["serialNumber"] = json!(format!("urn:uuid:{number}"));
    Ok(Bill { document, components: count })
}

/// What is linked into it, itself left out.
fn linked(metadata: &Metadata, root: &PackageId) -> anyhow::Result<BTreeSet<PackageId>> {
    let resolve = metadata.resolve.as_ref().context("cargo resolved no dependencies")?;
    let mut seen = BTreeSet::new();
    let mut open = vec![root.clone()];
    while let Some(id) = open.pop() {
        let node = resolve.nodes.iter().find(|node| node.id == id).context("a dependency is not resolved")?;
        for dependency in &node.deps {
            let is_linked = dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
            if is_linked && seen.insert(dependency.pkg.clone()) {
                open.push(dependency.pkg.clone());
            }
        }
    }
    Ok(seen)
}

fn component(package: &Package, kind: &str) -> Value {
    let (name, version) = (package.name.as_str(), package.version.to_string());
    let purl = format!("pkg:cargo/{name}@{version}");
    let mut component =
        json!({ "type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl });
    if let Some(licence) = &package.license {
        // Cargo's older manner of writing "or".
        component["licenses"] = json!([{ "expression": licence.replace('/', " OR ") }]);
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lists_what_is_linked_and_not_what_only_tests() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
        let bill = of(&manifest).unwrap();
        let names: BTreeSet<&str> = bill.document["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|component| component["name"].as_str().unwrap())
            .collect();
        assert!(names.contains("axum") && names.contains("onboarding"), "{names:?}");
        for other in ["sandbox", "proptest", "latchkey-functions", "windows-sys"] {
            assert!(!names.contains(other), "{other}");
        }
        assert_eq!(bill.document, of(&manifest).unwrap().document);
    }
}
