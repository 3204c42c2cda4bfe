//! The history of an onboarding as evidence: anchored once a day, and verified by the operator's tool.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use local_world::world::LocalWorld;
use serde_json::Value;
use tokio::time::Instant;

use crate::support::{PATIENCE, a_world, play, run_timer, until_nothing_is_left};

async fn onboardings(world: &LocalWorld, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey-local"));
    command.arg("onboardings").args(arguments).env("LATCHKEY_URL", world.url().as_str()).stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

async fn verified(world: &LocalWorld, onboarding: &str) -> Value {
    let output = onboardings(world, &["verify", onboarding, "--json"]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_cut_off_the_end_shows_once_it_is_anchored() {
    let world = a_world().await;
    let page = play(&world).await.page;
    until_nothing_is_left(&world).await;
    let id = page.onboarding();
    let before = verified(&world, id).await;
    assert_eq!(before["anchoredUpTo"], Value::Null, "{before}");

    run_timer(&world, "anchor_journal").await.unwrap();
    let anchored = async || Ok(!verified(&world, id).await["anchoredUpTo"].is_null());
    world.wait_until("the anchor", Instant::now() + PATIENCE, anchored).await.unwrap();
    let after = verified(&world, id).await;
    assert_eq!(after["anchoredUpTo"]["entry"], after["entries"], "{after}");

    // Whoever cuts the end off changes the pointer as well, and still the anchor tells.
    let journal = world.folder().join("journal");
    let mut entries = files_in(&journal.join("journal").join(id));
    std::fs::remove_file(entries.pop().unwrap()).unwrap();
    std::fs::remove_file(journal.join("heads").join(format!("{id}.json"))).unwrap();
    let output = onboardings(&world, &["verify", id]).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("tampered with"), "{said}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_sees_every_onboarding_and_whether_its_key_works() {
    let world = a_world().await;
    let page = play(&world).await.page;
    let id = page.onboarding();
    let listed = onboardings(&world, &["list"]).await;
    assert!(String::from_utf8_lossy(&listed.stdout).contains(id), "{listed:?}");
    let shown = onboardings(&world, &["show", id]).await;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("key-proven") && shown.contains("state       active"), "{shown}");
    assert_eq!(onboardings(&world, &["check", id]).await.status.code(), Some(0));
    assert_eq!(onboardings(&world, &["check", "nobody"]).await.status.code(), Some(2));
    let nobody = onboardings(&world, &["show", "5d4c9a0e-72f3-4c1d-8b6a-0e3f51c29d87"]).await;
    let said = String::from_utf8_lossy(&nobody.stderr);
    assert!(nobody.status.code() == Some(1) && said.contains("no such onboarding"), "{said}");
    world.stop().await;
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
