//! A step that died is looked at, its cause mended, and the tool brings the onboarding to its end.

use std::process::{Command, Output, Stdio};

use local_world::world::LocalWorld;
use sandbox::{FaultScript, Sandbox};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{PATIENCE, a_world_with, sign_up, until, until_nothing_is_left};

async fn dead_letters(world: &LocalWorld, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey-local"));
    command
        .arg("dead-letters")
        .args(arguments)
        .env("LATCHKEY_SERVICE_BUS_CONNECTION_STRING", world.broker().connection_string())
        .env("LATCHKEY_URL", world.url().as_str())
        .env("LATCHKEY_OPS_DIR", world.folder().join("ops"))
        .stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// From now on every call to a vault is answered 503.
pub(crate) fn vaults_are_unavailable(sandbox: &Sandbox) {
    let rule =
        json!({ "call": { "host": "*.vault.azure.net" }, "fault": { "kind": "status", "status": 503 } });
    sandbox.set_faults(FaultScript::parse(&json!({ "faults": [rule] }).to_string()).unwrap());
}

pub(crate) fn vaults_are_available(sandbox: &Sandbox) {
    sandbox.set_faults(FaultScript::parse(&json!({ "faults": [] }).to_string()).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_mended_replayed_and_the_onboarding_becomes_active() {
    let world =
        a_world_with(&[("LATCHKEY_RETRY_DEADLINE_SECONDS", "12"), ("LATCHKEY_SPREADING_SECONDS", "11")])
            .await;
    let page = sign_up(&world).await.page;
    world.customer().consent(&page).await.unwrap();
    until(&world, &page, "awaiting-key").await;
    let key = world.customer().make_key("contoso-keys").await.unwrap();
    vaults_are_unavailable(world.sandbox());
    world.customer().share_key(&page, &key.url).await.unwrap();
    let refused = async || Ok(world.broker().counts("key_shared").unwrap().dead_letter == 1);
    world.wait_until("the dead letter", Instant::now() + PATIENCE, refused).await.unwrap();

    let listed = json(&dead_letters(&world, &["list", "--json", "--each"]).await);
    let letter = &listed["letters"][0];
    assert_eq!((&listed["total"], &letter["reason"]), (&1.into(), &"DeadlineExceeded".into()), "{listed}");
    let shown = json(&dead_letters(&world, &["show", letter["id"].as_str().unwrap(), "--json"]).await);
    assert_eq!(shown["onboarding"], page.onboarding());
    assert_eq!(shown["onboarding_now"]["blocker"]["code"], "step-refused", "{shown}");
    assert_eq!(listed["groups"][0]["unknown"], 1, "{listed}");
    vaults_are_available(world.sandbox());
    let checked = json(&dead_letters(&world, &["list", "--json", "--check"]).await);
    assert_eq!(
        (&checked["groups"][0]["unknown"], &checked["groups"][0]["replayable"]),
        (&0.into(), &0.into()),
        "{checked}"
    );
    assert_eq!(shown["body"]["data"]["key"], key.url);
    let of_tenant = ["list", "--json", "--tenant", &world.sandbox().seed().customer.tenant_id.to_string()];
    assert_eq!(json(&dead_letters(&world, &of_tenant).await)["total"], 1, "the app knows whose it is");

    // Nothing was mended: the app tries the key, and the letter stays.
    let replay = ["replay", "--yes", "--json"];
    let skipped = dead_letters(&world, &replay).await;
    let why = json(&skipped)["messages"][0][1]["why"].to_string();
    assert_eq!((skipped.status.code(), why.contains("grant-missing")), (Some(3), true), "{why}");
    assert_eq!(world.broker().counts("key_shared").unwrap().dead_letter, 1);

    let principal = world.customer().service_principal(world.vendor().estate().application_id).await.unwrap();
    world.customer().grant(&key, principal).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    let report = loop {
        // A grant takes a moment to spread; until then the check says no.
        let replayed = dead_letters(&world, &replay).await;
        if replayed.status.code() == Some(0) {
            break json(&replayed);
        }
        let text = String::from_utf8_lossy(&replayed.stderr).into_owned();
        assert!(replayed.status.code() == Some(3) && Instant::now() < deadline, "{text}");
    };
    assert_eq!(report["counts"]["succeeded"], 1, "{report}");
    until(&world, &page, "active").await;
    until_nothing_is_left(&world).await;
    world.stop().await;
}

/// Its first deadline is long past. Without one of its own the replay would die of its first failure.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_retried_for_a_whole_deadline_again() {
    let world =
        a_world_with(&[("LATCHKEY_RETRY_DEADLINE_SECONDS", "8"), ("LATCHKEY_SPREADING_SECONDS", "7")]).await;
    let page = sign_up(&world).await.page;
    world.customer().consent(&page).await.unwrap();
    until(&world, &page, "awaiting-key").await;
    let key = world.customer().make_key("contoso-keys").await.unwrap();
    vaults_are_unavailable(world.sandbox());
    world.customer().share_key(&page, &key.url).await.unwrap();
    let died = async || Ok(world.broker().counts("key_shared").unwrap().dead_letter == 1);
    world.wait_until("the dead letter", Instant::now() + PATIENCE, died).await.unwrap();
    let letter = async || {
        let listed = json(&dead_letters(&world, &["list", "--json", "--each"]).await);
        let id = listed["letters"][0]["id"].as_str().unwrap().to_owned();
        json(&dead_letters(&world, &["show", &id, "--json"]).await)
    };
    let first = letter().await;

    // Nothing was mended: it has to die again, but of a deadline of its own.
    let replay = ["replay", "--yes", "--json", "--force", "--outcome-wait", "0s"];
    let replayed = dead_letters(&world, &replay).await;
    assert_eq!(json(&replayed)["counts"]["replayed"], 1, "{}", String::from_utf8_lossy(&replayed.stderr));
    world.wait_until("the dead letter again", Instant::now() + PATIENCE, died).await.unwrap();
    let again = letter().await;
    assert_eq!(again["reason"], "DeadlineExceeded");
    let attempt = |shown: &Value| shown["body"]["attempt"].as_u64().unwrap();
    assert!(attempt(&again) > attempt(&first), "it was put off at least once: {first} {again}");

    // And while that lasts, it is retried until it works.
    assert_eq!(dead_letters(&world, &replay).await.status.code(), Some(0));
    let principal = world.customer().service_principal(world.vendor().estate().application_id).await.unwrap();
    world.customer().grant(&key, principal).await.unwrap();
    vaults_are_available(world.sandbox());
    until(&world, &page, "active").await;
    until_nothing_is_left(&world).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_a_key_says_what_is_wrong_and_changes_nothing() {
    let world = a_world_with(&[("LATCHKEY_CHECK_FIRST_SECONDS", "3600")]).await;
    let page = sign_up(&world).await.page;
    world.customer().consent(&page).await.unwrap();
    until(&world, &page, "awaiting-key").await;
    let before = crate::support::history(&world, &page).await.len();
    let check = async |onboarding: &str, body: &str| {
        let path = format!("/api/operations/onboardings/{onboarding}/check");
        let request = crate::support::plain_client().post(world.url().join(&path).unwrap());
        let answer = request.header("accept", "application/json").body(body.to_owned()).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let id = page.onboarding();
    let (status, answer) = check(id, "").await;
    assert_eq!((status, &answer["code"]), (200, &"key-not-shared".into()), "there is no key yet: {answer}");
    assert_eq!(check(id, "nonsense").await.0, 400);
    assert_eq!(check(id, r#"{"key":"https://evil.example/keys/k"}"#).await.0, 400);
    assert_eq!(check("6f0a2c5e-1111-4222-8333-444455556666", "").await.0, 404);
    let key = world.customer().make_key("contoso-keys").await.unwrap();
    let body = format!(r#"{{"key":"{}"}}"#, key.url);
    let (status, answer) = check(id, &body).await;
    assert_eq!(
        (status, &answer["works"], &answer["code"]),
        (200, &false.into(), &"grant-missing".into()),
        "{answer}"
    );
    let principal = world.customer().service_principal(world.vendor().estate().application_id).await.unwrap();
    world.customer().grant(&key, principal).await.unwrap();
    let works = async || Ok(check(id, &body).await.1["works"] == true);
    world.wait_until("the grant to have spread", Instant::now() + PATIENCE, works).await.unwrap();
    assert_eq!(crate::support::history(&world, &page).await.len(), before);
    world.stop().await;
}
