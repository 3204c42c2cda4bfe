//! The history of an onboarding as evidence: anchored once a day, and verified by the operator's tool.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use local_world::world::LocalWorld;
use reqwest::Method;
use serde_json::Value;
use tokio::time::Instant;

use crate::support::{PATIENCE, a_world, a_world_with, plain_client, play, run_timer, until_nothing_is_left};

async fn onboardings(world: &LocalWorld, arguments: &[&str]) -> Output {
    let arguments: Vec<&str> = [&["onboardings"], arguments].concat();
    run(Some(world), &arguments).await
}

async fn run(world: Option<&LocalWorld>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey-local"));
    command.args(arguments).env_remove("LATCHKEY_URL").stdin(Stdio::null());
    if let Some(world) = world {
        command.env("LATCHKEY_URL", world.url().as_str());
    }
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

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_verifies_a_pack_with_the_vendors_public_key_and_nothing_else() {
    let world = a_world().await;
    let page = play(&world).await.page;
    until_nothing_is_left(&world).await;
    run_timer(&world, "anchor_journal").await.unwrap();
    let id = page.onboarding();
    let anchored = async || Ok(!verified(&world, id).await["anchoredUpTo"].is_null());
    world.wait_until("the anchor", Instant::now() + PATIENCE, anchored).await.unwrap();
    let made = onboardings(&world, &["evidence", id]).await;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let vault = world.vendor().azure().vault(Method::GET, "kv-latchkey-evidence", "/keys/evidence", None);
    let public = vault.await.unwrap().ok("reading the public key").unwrap();
    let secrets = [
        ("the customer's secret", world.sandbox().seed().customer.administrator.client_secret),
        ("the domain of an e-mail address", format!("@{}", world.sandbox().seed().customer.domain)),
        ("an operation's address", "api-version".to_owned()),
    ];
    world.stop().await;

    // From here on there is no vendor, no Azure and no network: only two files.
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("pack.json"), &made.stdout).unwrap();
    std::fs::write(at("vendor.json"), public.to_string()).unwrap();
    let text = String::from_utf8(made.stdout.clone()).unwrap();
    for (what, secret) in &secrets {
        assert!(!text.contains(secret.as_str()), "{what} is in the pack");
    }
    let pack: Value = serde_json::from_str(&text).unwrap();
    let evidence = &pack["evidence"];
    assert!(!evidence.to_string().contains("eyJ"), "a token is in the evidence");
    let chapters: std::collections::BTreeSet<&str> = evidence["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["chapter"].as_str().unwrap())
        .collect();
    for chapter in ["consent", "key", "disk-encryption-set", "disks", "purchase"] {
        assert!(chapters.contains(chapter), "{chapters:?}");
    }
    assert_eq!(evidence["present"]["stage"], "active");
    assert_eq!(evidence["healthy"].as_array().unwrap().len(), 1, "{}", evidence["healthy"]);

    let arguments = ["evidence", "verify", &at("pack.json"), "--key", &at("vendor.json")];
    let told = run(None, &arguments).await;
    let words = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.status.success() && words.contains("signed by the key that you gave"), "{words}");
    let unpinned = run(None, &arguments[..3]).await;
    let words = String::from_utf8_lossy(&unpinned.stdout).into_owned();
    assert!(
        unpinned.status.success() && words.contains("NOT compared") && words.contains("--key"),
        "{words}"
    );

    // One character of one sentence.
    std::fs::write(at("changed.json"), text.replacen("it works", "it worKs", 1)).unwrap();
    let changed = run(None, &["evidence", "verify", &at("changed.json"), "--json"]).await;
    let found: Value = serde_json::from_slice(&changed.stdout).unwrap();
    assert_eq!((changed.status.code(), &found["holds"]), (Some(3), &Value::Bool(false)), "{found}");
    assert_eq!(found["faults"][0]["code"], "entry-changed", "{found}");
    let rendered = run(None, &["evidence", "render", &at("changed.json")]).await;
    assert!(rendered.status.code() == Some(3) && rendered.stdout.is_empty(), "{rendered:?}");

    let rendered = run(None, &["evidence", "render", &at("pack.json"), "--key", &at("vendor.json")]).await;
    let html = String::from_utf8(rendered.stdout).unwrap();
    assert!(rendered.status.success() && html.contains("by the key that it was compared with"), "{html}");
    if let Some(kept) = std::env::var_os("LATCHKEY_KEEP_EVIDENCE") {
        std::fs::create_dir_all(&kept).unwrap();
        for (name, content) in [("pack.json", text), ("vendor.json", public.to_string()), ("pack.html", html)]
        {
            std::fs::write(Path::new(&kept).join(name), content).unwrap();
        }
    }
    judge(&at("pack.json"), &at("vendor.json"));
}

/// The same by a program that was written from `docs/evidence.md` alone, with others' libraries.
fn judge(pack: &str, key: &str) {
    let Ok(python) = std::env::var("LATCHKEY_PYTHON") else {
        assert_ne!(
            std::env::var("LATCHKEY_REQUIRE_JUDGES").as_deref(),
            Ok("1"),
            "LATCHKEY_PYTHON is not set"
        );
        eprintln!("SKIPPED: nobody else judged the pack: LATCHKEY_PYTHON is not set");
        return;
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/judges/evidence");
    let judged = Command::new(python).arg(folder.join("judge.py")).args([pack, key]).output().unwrap();
    let said =
        String::from_utf8_lossy(&judged.stdout).into_owned() + &String::from_utf8_lossy(&judged.stderr);
    assert!(judged.status.success(), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_of_the_vendors_own_there_is_no_pack() {
    let world = a_world_with(&[("LATCHKEY_EVIDENCE_KEY", "")]).await;
    let id = crate::support::sign_up(&world).await.page.onboarding().to_owned();
    let refused = onboardings(&world, &["evidence", &id]).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && refused.stdout.is_empty(), "{said}");
    assert!(said.contains("LATCHKEY_EVIDENCE_KEY") && said.contains("P-256"), "{said}");
    let url = world.url().join(&format!("/api/operations/onboardings/{id}/evidence")).unwrap();
    assert_eq!(plain_client().get(url).send().await.unwrap().status(), 501);
    world.stop().await;
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
