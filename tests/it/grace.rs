//! The grace ladder through the front door: what follows a revocation, what stops it, and how it is undone.

use std::time::Duration;

use local_world::{
    cast::{CustomerKey, OnboardingPage},
    world::LocalWorld,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    machines::Machine,
    support::{
        PATIENCE, SignedUp, exchanges, grant, history, options, plain_client, sign_up, until, until_blocked,
        until_nothing_is_left,
    },
    watch::announced,
};

/// Looks every ten seconds, so that on a busy machine a look is confirmed before another takes its place; a ladder that goes
/// as far as it can, quickly.
const QUICK: [(&str, &str); 8] = [
    ("LATCHKEY_WATCH_SECONDS", "10"),
    ("LATCHKEY_WATCH_SCHEDULE", "* * * * * *"),
    ("LATCHKEY_CHECK_FIRST_SECONDS", "1"),
    ("LATCHKEY_SPREADING_SECONDS", "0"),
    ("LATCHKEY_GRACE_POLICY", "deallocate"),
    ("LATCHKEY_GRACE_SUSPEND_AFTER_SECONDS", "3"),
    ("LATCHKEY_GRACE_DEALLOCATE_AFTER_SECONDS", "6"),
    ("LATCHKEY_GRACE_NOTICE_SECONDS", "2"),
];

/// A world in which machines run on for an hour after their key was lost, as in Azure, with these settings besides.
async fn a_world_with(settings: &[(&str, &str)]) -> LocalWorld {
    let mut options = options();
    options.lags.key_loss = Duration::from_secs(3600);
    options.settings.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    LocalWorld::start(options).await.unwrap()
}

/// The disks of the customer, their owner's key and page.
struct Active {
    page: OnboardingPage,
    key: CustomerKey,
    disks: Vec<String>,
}

async fn active(world: &LocalWorld, disks: usize) -> Active {
    let SignedUp { page, purchase } = sign_up(world).await;
    let mut made = vec![];
    for nth in 1..=disks {
        let name = format!("disk-customer-{nth}");
        made.push(world.vendor().make_disk_for(&name, purchase.subscription_id).await.unwrap());
    }
    world.customer().consent(&page).await.unwrap();
    until(world, &page, "awaiting-key").await;
    let key = world.customer().make_key("contoso-keys").await.unwrap();
    grant(world, &key).await;
    world.customer().share_key(&page, &key.url).await.unwrap();
    until(world, &page, "active").await;
    Active { page, key, disks: made }
}

impl Active {
    async fn enable(&self, world: &LocalWorld, enabled: bool) {
        let path = format!("/keys/{}", self.key.url.split('/').rev().nth(1).unwrap());
        let body = json!({ "attributes": { "enabled": enabled } });
        let changed =
            world.customer().azure().vault(Method::PATCH, &self.key.vault, &path, Some(&body)).await;
        changed.unwrap().ok("changing the key").unwrap();
    }

    /// The operator's call about this onboarding.
    async fn operate(&self, world: &LocalWorld, what: &str, body: &Value) -> (u16, Value) {
        let path = format!("/api/operations/onboardings/{}/{what}", self.page.onboarding());
        let asked = plain_client().post(world.url().join(&path).unwrap()).json(body).send().await.unwrap();
        (asked.status().as_u16(), asked.json().await.unwrap())
    }

    /// The facts of the ladder so far, in order.
    async fn ladder(&self, world: &LocalWorld) -> Vec<String> {
        let entries = history(world, &self.page).await;
        let of = |entry: &Value| {
            let fact = &entry["fact"];
            let text = |name: &str| fact[name].as_str().unwrap_or_default().to_owned();
            match text("fact").as_str() {
                "rung-announced" | "rung-taken" => Some(format!("{} {}", text("fact"), text("rung"))),
                "machine" => {
                    Some(format!("{} {}", text("machine").rsplit('/').next().unwrap(), text("learnt")))
                }
                "frozen" | "unfrozen" => Some(text("fact")),
                _ => None,
            }
        };
        entries.iter().filter_map(of).collect()
    }

    async fn until_ladder_says(&self, world: &LocalWorld, fact: &str) {
        let says = async || Ok(self.ladder(world).await.iter().any(|said| said == fact));
        if let Err(error) = world.wait_until(fact, Instant::now() + PATIENCE, says).await {
            panic!("{error:#}: {:#?}\nsteps: {:#?}", self.ladder(world).await, world.steps());
        }
    }
}

/// Three machines: one that runs, one that had been stopped before, one that another customer uses too.
#[tokio::test]
async fn of_three_machines_the_ladder_stops_the_one_that_it_may_and_a_recovery_starts_that_one() {
    let world = a_world_with(&QUICK).await;
    let active = active(&world, 3).await;
    let others = world.vendor().make_disk_for("disk-of-another", Uuid::from_u128(7)).await.unwrap();
    let running = Machine::make(&world, "m-running", &[&active.disks[0]]).await;
    let stopped = Machine::make(&world, "m-stopped", &[&active.disks[1]]).await;
    let shared = Machine::make(&world, "m-shared", &[&active.disks[2], &others]).await;
    stopped.switch(&world, "deallocate").await;
    stopped.until(&world, "deallocated").await;

    active.enable(&world, false).await;
    until(&world, &active.page, "revoked").await;
    active.until_ladder_says(&world, "m-running stopped").await;
    active.until_ladder_says(&world, "m-stopped left-alone").await;
    active.until_ladder_says(&world, "m-shared failed").await;
    let said = active.ladder(&world).await;
    let rungs: Vec<&String> = said.iter().filter(|said| said.starts_with("rung")).collect();
    let expected = ["announced suspend", "taken suspend", "announced deallocate", "taken deallocate"];
    assert_eq!(rungs, expected.map(|rung| format!("rung-{rung}")).iter().collect::<Vec<_>>());
    assert_eq!(running.power(&world).await, "deallocated");
    assert_eq!(shared.power(&world).await, "running", "another customer uses it too");
    let asked = |action| [&running, &stopped, &shared].map(|machine| machine.times_asked(&world, action) > 0);
    assert_eq!(asked("deallocate"), [true, false, false]);
    let view = until(&world, &active.page, "revoked").await;
    let blocker = view.blockers.iter().find(|blocker| blocker.code == "machine-shared").unwrap();
    assert_eq!(blocker.owner, "vendor");
    let html = plain_client().get(active.page.url().clone()).header("accept", "text/html");
    let html = html.send().await.unwrap().text().await.unwrap();
    for words in ["The vendor suspended the service on", "the vendor began to stop the virtual machines"] {
        assert!(html.contains(words), "{words}: {html}");
    }

    active.enable(&world, true).await;
    let view = until(&world, &active.page, "active").await;
    assert!(view.blockers.is_empty(), "{:?}", view.blockers);
    active.until_ladder_says(&world, "m-running started").await;
    assert_eq!(running.power(&world).await, "running");
    assert_eq!(stopped.power(&world).await, "deallocated", "the ladder had not stopped it");
    assert_eq!(asked("start"), [true, false, false]);
    until_nothing_is_left(&world).await;
    assert_announced(&world, &active.page).await;
    world.stop().await;
}

/// What the vendor's own systems read on the topic, in order: a rung has its name, and its time until it is taken.
async fn assert_announced(world: &LocalWorld, page: &OnboardingPage) {
    let told = announced(world).await;
    let kinds: Vec<String> = told
        .iter()
        .map(|event| {
            let kind = event["type"].as_str().unwrap().strip_prefix("latchkey.onboarding.").unwrap();
            let rung = event["data"]["rung"].as_str().unwrap_or_default();
            format!("{} {rung}", kind.strip_suffix(".v1").unwrap()).trim().to_owned()
        })
        .collect();
    let expected = [
        "activated",
        "revoked",
        "rung-announced suspend",
        "rung-taken suspend",
        "rung-announced deallocate",
        "rung-taken deallocate",
        "recovered",
        "rung-withdrawn suspend",
        "rung-withdrawn deallocate",
    ];
    assert_eq!(kinds, expected);
    for event in &told {
        assert_eq!((&event["specversion"], &event["subject"]), (&json!("1.0"), &json!(page.onboarding())));
        let is_announced = event["type"].as_str().unwrap().contains("rung-announced");
        assert!(!is_announced || event["data"]["due"].is_string(), "{event}");
        assert!(event["data"].get("drill").is_none(), "{event}");
    }
}

#[tokio::test]
async fn a_machine_that_somebody_switched_meanwhile_is_left_alone() {
    let world = a_world_with(&QUICK).await;
    let active = active(&world, 1).await;
    let machine = Machine::make(&world, "m", &[&active.disks[0]]).await;
    active.enable(&world, false).await;
    active.until_ladder_says(&world, "m stopped").await;
    // The ladder and the key are as they were; the machine is shut down in another way than the ladder does it.
    machine.switch(&world, "powerOff").await;
    machine.until(&world, "stopped").await;
    active.enable(&world, true).await;
    active.until_ladder_says(&world, "m left-alone").await;
    assert_eq!((machine.power(&world).await.as_str(), machine.times_asked(&world, "start")), ("stopped", 0));
    world.stop().await;
}

#[tokio::test]
async fn a_freeze_stops_the_ladder_and_lifting_it_announces_again() {
    let slow =
        [("LATCHKEY_GRACE_SUSPEND_AFTER_SECONDS", "8"), ("LATCHKEY_GRACE_DEALLOCATE_AFTER_SECONDS", "9")];
    let slow = slow.into_iter().chain([("LATCHKEY_GRACE_NOTICE_SECONDS", "8")]);
    let settings: Vec<_> = QUICK.into_iter().chain(slow).collect();
    let world = a_world_with(&settings).await;
    let active = active(&world, 1).await;
    active.enable(&world, false).await;
    active.until_ladder_says(&world, "rung-announced suspend").await;
    let (status, answer) = active.operate(&world, "freeze", &json!({"reason": "the wrong customer"})).await;
    assert_eq!((status, &answer["grace"]["frozen"]), (200, &json!(true)), "{answer}");
    let (again, _) = active.operate(&world, "freeze", &json!({})).await;
    assert_eq!(again, 200, "it is so already");
    let html = plain_client().get(active.page.url().clone()).header("accept", "text/html");
    let html = html.send().await.unwrap().text().await.unwrap();
    assert!(html.contains("The vendor has paused the automatic steps"), "{html}");
    assert!(!html.contains("wrong customer"), "the reason is the vendor's");

    // Longer than the rung was away.
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(active.ladder(&world).await, ["rung-announced suspend", "frozen"]);
    assert_eq!(active.operate(&world, "unfreeze", &json!({})).await.0, 200);
    active.until_ladder_says(&world, "rung-taken suspend").await;
    let said = active.ladder(&world).await;
    let expected =
        ["rung-announced suspend", "frozen", "unfrozen", "rung-announced suspend", "rung-taken suspend"];
    assert_eq!(said[..5], expected);
    let folder = tempfile::tempdir().unwrap();
    let command = tokio::process::Command::new(env!("CARGO_BIN_EXE_latchkey-local"))
        .args(["onboardings", "freeze", "--all", "--yes", "--json", "--app-url", world.url().as_str()])
        .env("LATCHKEY_OPS_DIR", folder.path())
        .output();
    let output = command.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result, json!({"frozen": [active.page.onboarding()], "failed": []}));
    assert_eq!(active.ladder(&world).await.iter().filter(|said| *said == "frozen").count(), 2);
    world.stop().await;
}

#[tokio::test]
async fn a_rehearsal_runs_the_whole_ladder_asks_the_vault_nothing_and_is_reported() {
    let world = a_world_with(&QUICK).await;
    let active = active(&world, 1).await;
    let machine = Machine::make(&world, "m", &[&active.disks[0]]).await;
    let drill = json!({"lastsSeconds": 60, "paceSeconds": 3});
    let (refused, answer) = active.operate(&world, "drill", &drill).await;
    assert_eq!(refused, 409, "{answer}");
    assert!(answer["title"].as_str().unwrap().contains("not marked as a test"), "{answer}");
    assert_eq!(active.operate(&world, "mark-test", &json!({})).await.0, 200);
    let folder = tempfile::tempdir().unwrap();
    let command = tokio::spawn(
        tokio::process::Command::new(env!("CARGO_BIN_EXE_latchkey-local"))
            .args([
                "drill",
                "revoke",
                "--onboarding",
                active.page.onboarding(),
                "--lasts",
                "60",
                "--pace",
                "3",
            ])
            .args(["--yes", "--json", "--app-url", world.url().as_str()])
            .env("LATCHKEY_OPS_DIR", folder.path())
            .output(),
    );

    let view = until_blocked(&world, &active.page, "key-disabled").await;
    assert_eq!(view.state, "revoked");
    let asked = || exchanges(&world, "GET", "contoso-keys.vault.azure.net/keys/").len();
    let before = asked();
    active.until_ladder_says(&world, "m stopped").await;
    assert_eq!(machine.power(&world).await, "deallocated");
    assert_eq!(asked(), before, "the customer's vault was left alone");
    active.until_ladder_says(&world, "m started").await;
    until(&world, &active.page, "active").await;
    assert!(asked() > before, "the end of it was found by a look at the key");
    let entries = history(&world, &active.page).await;
    assert!(entries.last().unwrap()["state"]["grace"]["drill"].is_null(), "it is over");

    let output = command.await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let events = report["events"].as_array().unwrap().iter();
    let happened: Vec<&str> = events.map(|event| event["happened"].as_str().unwrap()).collect();
    let expected =
        ["drill-started", "found: key-disabled", "taken: suspend", "taken: deallocate", "machine m: stopped"];
    let mut left = happened.iter();
    assert!(expected.iter().all(|event| left.any(|happened| happened == event)), "{happened:?}");
    assert_eq!(happened.last(), Some(&"machine m: started"), "{happened:?}");
    let audit = std::fs::read_to_string(folder.path().join("audit.ndjson")).unwrap();
    let audit: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&audit[0]["what"], &audit[1]["what"]), (&json!("drill begins"), &json!("drill ended")));
    assert_eq!(audit[1]["result"], report);
    let told = announced(&world).await;
    let of_drill: Vec<&Value> = told.iter().filter(|event| event["data"]["drill"] == true).collect();
    assert_eq!(of_drill.len(), told.len() - 1, "all but the activation: {told:?}");
    world.stop().await;
}
