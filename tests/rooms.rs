//! Who may depend on whom, read from `cargo metadata`: what is deployed or installed never reaches what runs locally, what
//! stands for Azure shares nothing with what talks to it, and what knows no domain cannot learn of one.
//!
//! Normal and build dependencies count, over any number of steps. What a package's tests use is their own matter.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use serde_json::Value;

/// The function app, and the operator's tool.
const LEAVES_THIS_MACHINE: [&str; 2] = ["latchkey-functions", "latchkey-cli"];

/// What stands for a system of Azure, and the only packages of ours that it may know.
///
/// The functions host uses `service-bus` as Microsoft's host uses Microsoft's SDK; the broker does not know it.
const STANDS_FOR_AZURE: [(&str, &[&str]); 3] =
    [("sandbox", &[]), ("broker", &[]), ("functions-host", &["service-bus"])];

/// What knows no domain, and the only packages of ours that it may know.
const KNOWS_NO_DOMAIN: [(&str, &[&str]); 6] = [
    ("custom-handler", &[]),
    ("service-bus", &[]),
    ("dead-letters", &["service-bus"]),
    ("azure-ids", &[]),
    ("evidence", &[]),
    ("azure-clients", &["azure-ids"]),
];

#[test]
fn nothing_that_is_deployed_or_installed_can_reach_the_local_world() {
    let workspace = Workspace::read();
    let local = workspace.below("local");
    assert!(local.contains("sandbox") && local.contains("local-world"), "{local:?}");
    for package in LEAVES_THIS_MACHINE {
        let reached = workspace.reached_from(package);
        let wrong: Vec<_> = reached.intersection(&local).collect();
        assert!(wrong.is_empty(), "{package} can reach {wrong:?}");
    }
}

#[test]
fn what_stands_for_azure_shares_nothing_with_what_talks_to_it() {
    let workspace = Workspace::read();
    // A package that comes to local/ either stands for Azure or is the world that puts everything together.
    let mut local: BTreeSet<String> = STANDS_FOR_AZURE.map(|(package, _)| package.to_owned()).into();
    local.insert("local-world".to_owned());
    assert_eq!(workspace.below("local"), local, "a new package in local/ has to be listed in this test");
    workspace.assert_each_knows_at_most(&STANDS_FOR_AZURE);
}

#[test]
fn what_knows_no_domain_reaches_none() {
    Workspace::read().assert_each_knows_at_most(&KNOWS_NO_DOMAIN);
}

#[test]
fn what_is_decided_about_onboardings_knows_no_network() {
    Workspace::read().assert_each_knows_at_most(&[("onboarding", &["azure-ids"])]);
}

/// Otherwise whoever runs the tests and then the demo builds nearly everything twice: `.ci/run`, and every newcomer.
#[test]
fn cargo_latchkey_is_built_with_what_the_tests_are_built_with() {
    let for_tests = features(&["--workspace", "--edges", "normal,build,dev"]);
    let for_running = features(&["--package", "local-world", "--edges", "normal,build"]);
    assert!(for_running.iter().any(|one| one.starts_with("tokio ")), "{for_running:#?}");
    let anew: Vec<_> = for_running.difference(&for_tests).collect();
    assert!(
        anew.is_empty(),
        "name these features in local/world/Cargo.toml as the tests have them: {anew:#?}"
    );
}

/// Every package that is built, with its features.
fn features(of: &[&str]) -> BTreeSet<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--locked", "--offline", "--prefix", "none", "--format", "{p} [{f}]"]).args(of);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter(|line| !line.is_empty())
        .map(|line| line.trim_end_matches(" (*)").to_owned())
        .collect()
}

/// The packages of the workspace.
struct Workspace {
    /// Where each lies, below the workspace's root.
    folders: BTreeMap<String, String>,
    /// What each depends on directly, among themselves.
    dependencies: BTreeMap<String, BTreeSet<String>>,
}

impl Workspace {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["metadata", "--format-version", "1", "--locked", "--offline", "--no-deps"]);
        let output = cargo.current_dir(&root).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();

        let packages = metadata["packages"].as_array().unwrap();
        let (mut folders, mut dependencies) = (BTreeMap::new(), BTreeMap::new());
        for package in packages {
            let name = package["name"].as_str().unwrap().to_owned();
            let manifest = Path::new(package["manifest_path"].as_str().unwrap());
            let folder = manifest.parent().unwrap().strip_prefix(&root).unwrap();
            folders.insert(name.clone(), folder.display().to_string());
            let all = package["dependencies"].as_array().unwrap();
            // A package of ours is known by its path; `kind` is null for a normal dependency, else "build" or "dev".
            let ours = all.iter().filter(|one| one["path"].is_string() && one["kind"] != "dev");
            dependencies.insert(name, ours.map(|one| one["name"].as_str().unwrap().to_owned()).collect());
        }
        Self { folders, dependencies }
    }

    /// The packages in a folder.
    fn below(&self, folder: &str) -> BTreeSet<String> {
        let lies_there = |place: &str| Path::new(place).starts_with(folder);
        self.folders.iter().filter(|(_, place)| lies_there(place)).map(|(name, _)| name.clone()).collect()
    }

    /// The packages of ours that this one depends on, over any number of steps.
    fn reached_from(&self, package: &str) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut next = vec![package.to_owned()];
        while let Some(name) = next.pop() {
            let direct = self.dependencies.get(&name).unwrap_or_else(|| panic!("there is no package {name}"));
            next.extend(direct.iter().filter(|found| reached.insert((*found).clone())).cloned());
        }
        reached
    }

    fn assert_each_knows_at_most(&self, rules: &[(&str, &[&str])]) {
        for (package, may_know) in rules {
            let known = self.reached_from(package);
            let wrong: Vec<_> = known.iter().filter(|name| !may_know.contains(&name.as_str())).collect();
            assert!(wrong.is_empty(), "{package} can reach {wrong:?}");
        }
    }
}
