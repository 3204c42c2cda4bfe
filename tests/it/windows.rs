//! Disks of machines that run: planned, encrypted in a window, verified; and no machine is left down.

use std::time::Duration;

use local_world::{
    cast::{OnboardingPage, OnboardingView},
    world::LocalWorld,
};
use reqwest::StatusCode;
use sandbox::FaultScript;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::{
    machines::Machine,
    support::{
        PATIENCE, SignedUp, a_world_of, a_world_with, consent_and_share, options, plain_client, sign_up,
        until, until_nothing_is_left,
    },
};

/// Machines are expected to be down for seconds.
const QUICK: [(&str, &str); 3] = [
    ("LATCHKEY_CHECK_FIRST_SECONDS", "1"),
    ("LATCHKEY_WINDOW_MACHINE_SECONDS", "1"),
    ("LATCHKEY_WINDOW_DISK_SECONDS", "1"),
];

fn of_disks(world: &LocalWorld, page: &OnboardingPage, more: &str) -> reqwest::Url {
    world.url().join(&format!("/api/operations/onboardings/{}/disks{more}", page.onboarding())).unwrap()
}

/// The plan, when the function app answers.
async fn plan(world: &LocalWorld, page: &OnboardingPage) -> Option<Value> {
    let answer = plain_client().get(of_disks(world, page, "")).send().await.ok()?;
    if answer.status().is_success() { answer.json().await.ok() } else { None }
}

/// Sets a window of an hour that opens in a moment; nothing when the function app does not answer.
pub(crate) async fn set_soon(world: &LocalWorld, page: &OnboardingPage, at_once: u32) -> Option<Value> {
    let opens = world.now() + Duration::from_secs(30);
    set(world, page, at_once, opens, Duration::from_secs(3600)).await
}

/// Sets a window of an hour that opens now.
async fn set_now(world: &LocalWorld, page: &OnboardingPage, at_once: u32) -> Option<Value> {
    set(world, page, at_once, world.now(), Duration::from_secs(3600)).await
}

async fn set(
    world: &LocalWorld,
    page: &OnboardingPage,
    at_once: u32,
    opens: OffsetDateTime,
    lasts: Duration,
) -> Option<Value> {
    let plan = plan(world, page).await?;
    let machines: Vec<&Value> = plan["machines"].as_array()?.iter().map(|one| &one["machine"]).collect();
    if machines.is_empty() {
        // The answer before was lost.
        return plan["window"].is_object().then_some(plan.clone());
    }
    let body = json!({
        "opens": opens.format(&Rfc3339).unwrap(), "closes": (opens + lasts).format(&Rfc3339).unwrap(),
        "atOnce": at_once, "machines": machines,
    });
    let answer = plain_client().post(of_disks(world, page, "/window")).json(&body).send().await.ok()?;
    if answer.status().is_success() {
        return answer.json().await.ok();
    }
    println!("no window: {} {}", answer.status(), answer.text().await.unwrap_or_default());
    None
}

/// How far the window is.
pub(crate) async fn phase(world: &LocalWorld, page: &OnboardingPage) -> Option<String> {
    Some(plan(world, page).await?["window"]["phase"].as_str()?.to_owned())
}

async fn until_ended(world: &LocalWorld, page: &OnboardingPage) -> Vec<Value> {
    let ended = async || {
        // A plan reads every machine, and Azure limits how often that may be.
        sleep(Duration::from_secs(1)).await;
        let window = plan(world, page).await.map(|plan| plan["window"].clone());
        Ok(window.filter(|window| window["phase"] == "ended"))
    };
    let ended = world.wait_for("the window to end", Instant::now() + PATIENCE, ended).await;
    let window = ended.map(|window| window["machines"].as_array().unwrap().clone());
    if let Err(error) = &window {
        let (window, view) =
            (plan(world, page).await.map(|plan| plan["window"].clone()), look(world, page).await);
        let steps = world.steps().into_iter().map(|step| {
            format!("{} {} {:?} {:?}", step.started_at.time(), step.function, step.outcome, step.detail)
        });
        panic!("{error:#}: {window:#?}\n{view:#?}\n{:#?}", steps.collect::<Vec<_>>());
    }
    window.unwrap()
}

async fn look(world: &LocalWorld, page: &OnboardingPage) -> anyhow::Result<OnboardingView> {
    world.customer().look(page).await
}

fn name(id: &Value) -> &str {
    id.as_str().unwrap().rsplit('/').next().unwrap()
}

/// The customer shares a key while these disks are in use, until nothing but a window helps.
async fn waiting(world: &LocalWorld, signed_up: &SignedUp, disks: usize) {
    consent_and_share(world, &signed_up.page, "contoso-keys").await;
    let waits = async || {
        let view = world.customer().look(&signed_up.page).await?;
        Ok(view.blockers.iter().filter(|blocker| blocker.code == "disk-attached").count() == disks)
    };
    world.wait_until("disks to wait for a window", Instant::now() + PATIENCE, waits).await.unwrap();
}

async fn make_disk(world: &LocalWorld, name: &str, signed_up: &SignedUp) -> String {
    world.vendor().make_disk_for(name, signed_up.purchase.subscription_id).await.unwrap()
}

async fn is_encrypted(world: &LocalWorld, disk: &str) -> bool {
    let read = world.vendor().disk(disk).await.unwrap();
    read.encryption.as_deref() == Some("EncryptionAtRestWithCustomerKey")
}

/// One that runs with two disks, one with one, one that is deallocated, and one that another customer uses too. The
/// operator plans and applies with the tool.
#[tokio::test]
async fn in_a_window_each_machine_is_stopped_its_disks_are_encrypted_and_it_runs_again() {
    let world = a_world_with(&QUICK).await;
    let signed_up = sign_up(&world).await;
    let disk = async |name: &str| make_disk(&world, name, &signed_up).await;
    let [two_a, two_b, one, off, shared] = [
        disk("two-a").await,
        disk("two-b").await,
        disk("one").await,
        disk("off").await,
        disk("shared").await,
    ];
    let others = world.vendor().make_disk_for("of-another", Uuid::from_u128(7)).await.unwrap();
    let m_two = Machine::make(&world, "m-two", &[&two_a, &two_b]).await;
    let m_one = Machine::make(&world, "m-one", &[&one]).await;
    let m_off = Machine::make(&world, "m-off", &[&off]).await;
    let m_shared = Machine::make(&world, "m-shared", &[&shared, &others]).await;
    m_off.switch(&world, "deallocate").await;
    m_off.until(&world, "deallocated").await;
    waiting(&world, &signed_up, 4).await;
    let page = &signed_up.page;
    let without_a_window = async || Ok(is_encrypted(&world, &off).await);
    let what = "the disk of a machine that is deallocated";
    world.wait_until(what, Instant::now() + PATIENCE, without_a_window).await.unwrap();

    let shown = plan(&world, page).await.unwrap();
    let machines: Vec<&str> =
        shown["machines"].as_array().unwrap().iter().map(|one| name(&one["machine"])).collect();
    assert_eq!(machines, ["m-one", "m-two"], "the fewest disks first");
    let not = shown["disks"].as_array().unwrap().iter().find(|disk| disk["becomes"] == "not").unwrap();
    assert_eq!(name(&not["disk"]), "shared");
    assert_eq!(not["why"], "machine-shared: m-shared also uses of-another, which is another customer's");

    // Whoever saw another plan sets no window.
    let stale = json!({
        "opens": "2026-01-01T00:00:00Z", "closes": "2100-01-01T00:00:00Z", "atOnce": 1, "machines": [m_one.id()],
    });
    let refused = plain_client().post(of_disks(&world, page, "/window")).json(&stale).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "longer than a week");

    apply_with_the_tool(&world, page).await;
    let report = until_ended(&world, page).await;
    assert!(report.iter().all(|machine| machine["progress"] == "done"), "{report:?}");
    for disk in [&two_a, &two_b, &one] {
        assert!(is_encrypted(&world, disk).await, "{disk}");
    }
    assert!(!is_encrypted(&world, &shared).await);
    let powers = [&m_two, &m_one, &m_off, &m_shared];
    let mut are = vec![];
    for machine in powers {
        are.push((machine.power(&world).await, machine.times_asked(&world, "deallocate") > 0));
    }
    let are: Vec<(&str, bool)> = are.iter().map(|(power, asked)| (power.as_str(), *asked)).collect();
    assert_eq!(are, [("running", true), ("running", true), ("deallocated", false), ("running", false)]);
    assert_eq!(m_off.times_asked(&world, "start"), 0, "it did not run before");
    assert_eq!(Machine::most_down(&world), 1);
    until_nothing_is_left(&world).await;
    world.stop().await;
}

async fn apply_with_the_tool(world: &LocalWorld, page: &OnboardingPage) {
    let folder = tempfile::tempdir().unwrap();
    let now = world.now();
    let time = |at: time::OffsetDateTime| at.format(&Rfc3339).unwrap();
    let window = format!("{}/{}", time(now), time(now + Duration::from_secs(3600)));
    let run = async |more: &[&str]| {
        tokio::process::Command::new(env!("CARGO_BIN_EXE_latchkey-local"))
            .args(["disks", "apply", page.onboarding(), "--window", &window])
            .args(["--app-url", world.url().as_str()])
            .args(more)
            .env("LATCHKEY_OPS_DIR", folder.path())
            .stdin(std::process::Stdio::null())
            .output()
            .await
            .unwrap()
    };
    let unconfirmed = run(&[]).await;
    assert_eq!(unconfirmed.status.code(), Some(6), "nobody agreed");
    let shown = String::from_utf8(unconfirmed.stderr).unwrap();
    for words in ["m-one", "m-two", "machine-shared: m-shared", "Stop these 2 virtual machines"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(plan(world, page).await.unwrap()["window"].is_null());
    let applied = run(&["--yes"]).await;
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    assert!(String::from_utf8(applied.stdout).unwrap().contains("The window is set"));
}

/// Azure does not change the disks while the window lasts.
#[tokio::test]
async fn a_window_that_ends_half_way_leaves_no_machine_down_and_says_what_is_left() {
    let world = a_world_with(&QUICK).await;
    let signed_up = sign_up(&world).await;
    let disk = make_disk(&world, "d1", &signed_up).await;
    let machine = Machine::make(&world, "m", &[&disk]).await;
    waiting(&world, &signed_up, 1).await;
    let rule = json!({
        "call": { "method": "PATCH", "host": "management.azure.com", "path": "*/disks/d1" },
        "fault": { "kind": "status", "status": 503 }
    });
    world.sandbox().set_faults(FaultScript::parse(&json!({ "faults": [rule] }).to_string()).unwrap());
    let page = &signed_up.page;
    set(&world, page, 1, world.now(), Duration::from_secs(10)).await.unwrap();
    machine.until(&world, "deallocated").await;
    let report = until_ended(&world, page).await;
    assert_eq!(
        (&report[0]["progress"], &report[0]["why"]),
        (&json!("left-out"), &json!("the window was over"))
    );
    assert_eq!(machine.power(&world).await, "running");
    assert!(!is_encrypted(&world, &disk).await);
    let view = until(&world, page, "encrypting").await;
    assert!(view.blockers.iter().any(|blocker| blocker.code == "disk-attached" && blocker.owner == "vendor"));

    // Azure has recovered. Another window does the rest.
    world.sandbox().set_faults(FaultScript::parse(&json!({ "faults": [] }).to_string()).unwrap());
    set_now(&world, page, 1).await.unwrap();
    until(&world, page, "active").await;
    assert!(is_encrypted(&world, &disk).await);
    machine.until(&world, "running").await;
    until_nothing_is_left(&world).await;
    world.stop().await;
}

/// The subscription ends while a machine is down: that is no reason to leave it down.
#[tokio::test]
async fn a_machine_runs_again_although_the_subscription_has_ended() {
    let world = a_world_with(&QUICK).await;
    let signed_up = sign_up(&world).await;
    let disk = make_disk(&world, "d1", &signed_up).await;
    let machine = Machine::make(&world, "m", &[&disk]).await;
    waiting(&world, &signed_up, 1).await;
    let rule = json!({
        "call": { "method": "PATCH", "host": "management.azure.com", "path": "*/disks/d1" },
        "fault": { "kind": "status", "status": 503 }
    });
    world.sandbox().set_faults(FaultScript::parse(&json!({ "faults": [rule] }).to_string()).unwrap());
    set_now(&world, &signed_up.page, 1).await.unwrap();
    machine.until(&world, "deallocated").await;
    let unsubscribe = sandbox::MarketplaceAction::Unsubscribe;
    world.sandbox().send_webhook(signed_up.purchase.subscription_id, unsubscribe).await.unwrap();
    machine.until(&world, "running").await;
    world.stop().await;
}

/// Azure ends the deallocation between the look at the machine and the look at the operation: that is not somebody who
/// started the machine again.
#[tokio::test]
async fn a_machine_that_is_down_one_look_later_is_not_left_down() {
    let mut slow = options();
    slow.lags.operation_polls = 5;
    let [_, of_machine, of_disk] = QUICK;
    slow.settings.extend([of_machine, of_disk].map(|(name, value)| (name.to_owned(), value.to_owned())));
    let world = a_world_of(slow).await;
    let signed_up = sign_up(&world).await;
    let disk = make_disk(&world, "d1", &signed_up).await;
    let machine = Machine::make(&world, "m", &[&disk]).await;
    waiting(&world, &signed_up, 1).await;
    let rule = json!({
        "call": { "method": "GET", "host": "management.azure.com", "path": "*/operations/*" },
        "nth": [1],
        "fault": { "kind": "slow", "milliseconds": 500 }
    });
    world.sandbox().set_faults(FaultScript::parse(&json!({ "faults": [rule] }).to_string()).unwrap());
    set_now(&world, &signed_up.page, 1).await.unwrap();
    let is_asked = async || Ok(world.sandbox().fault_summary().faults[0].fired == 1);
    world.wait_until("a look at the operation", Instant::now() + PATIENCE, is_asked).await.unwrap();
    // As soon as it can be: it is waited for the answer meanwhile.
    for _ in 0..10 {
        machine.power(&world).await;
    }
    until_ended(&world, &signed_up.page).await;
    assert_eq!(machine.power(&world).await, "running");
    assert!(is_encrypted(&world, &disk).await);
    world.stop().await;
}

/// Forty machines with 120 disks in one window (or `LATCHKEY_WINDOW_MACHINES` of three disks each), of which one does not
/// start again. Run by hand: it prints its figures.
#[tokio::test]
#[ignore = "minutes; run by hand, for its figures"]
async fn forty_machines_with_120_disks_in_one_window() {
    const AT_ONCE: u32 = 4;
    let many = std::env::var("LATCHKEY_WINDOW_MACHINES").map_or(40, |many| many.parse().unwrap());
    let world = a_world_with(&QUICK).await;
    let signed_up = sign_up(&world).await;
    let mut machines = vec![];
    for nth in 0..many {
        let mut disks = vec![];
        for disk in ["os", "a", "b"] {
            disks.push(make_disk(&world, &format!("d-{nth:02}-{disk}"), &signed_up).await);
        }
        let names: Vec<&str> = disks.iter().map(String::as_str).collect();
        machines.push((Machine::make(&world, &format!("m-{nth:02}"), &names).await, disks.clone()));
    }
    let began = Instant::now();
    waiting(&world, &signed_up, 3 * many).await;
    println!("{} disks found attached: {:?}", 3 * many, began.elapsed());
    let rule = json!({
        "call": { "method": "POST", "host": "management.azure.com", "path": "*/virtualMachines/m-07/start" },
        "fault": { "kind": "status", "status": 409 }
    });
    world.sandbox().set_faults(FaultScript::parse(&json!({ "faults": [rule] }).to_string()).unwrap());
    let page = &signed_up.page;
    let calls = |method: &str, path: &str| crate::support::exchanges(&world, method, path).len();
    let before = calls("GET", "/providers/Microsoft.Compute/");
    let began = Instant::now();
    set_now(&world, page, AT_ONCE).await.unwrap();
    let others = async || {
        let plan = plan(&world, page).await;
        let machines = plan.as_ref().and_then(|plan| plan["window"]["machines"].as_array().cloned());
        let done = machines.iter().flatten().filter(|machine| machine["progress"] == "done").count();
        Ok(done == many - 1)
    };
    let deadline = Instant::now() + Duration::from_secs(900);
    if let Err(error) = world.wait_until("all machines but one to run again", deadline, others).await {
        panic!("{error:#}: {:#?}", plan(&world, page).await);
    }
    let took = began.elapsed();
    let view = world.customer().look(page).await.unwrap();
    assert_eq!(view.blocker.as_ref().map(|blocker| blocker.code.as_str()), Some("machine-not-started"));
    assert!(Machine::most_down(&world) <= usize::try_from(AT_ONCE).unwrap());
    for (machine, disks) in &machines {
        let expected = if machine.id().ends_with("m-07") { "deallocated" } else { "running" };
        assert_eq!(machine.power(&world).await, expected, "{}", machine.id());
        for disk in disks {
            assert!(is_encrypted(&world, disk).await, "{disk}");
        }
    }
    let reads = calls("GET", "/providers/Microsoft.Compute/") - before;
    println!(
        "{many} machines, {} disks, {AT_ONCE} at a time, one that does not start: {took:?}; at most {} down; \
         {} PATCH, {} deallocate, {} start, {reads} GET",
        3 * many,
        Machine::most_down(&world),
        calls("PATCH", "/disks/d-"),
        calls("POST", "/deallocate"),
        calls("POST", "/start"),
    );
    // The vendor mends what kept it from starting.
    world.sandbox().set_faults(FaultScript::parse(&json!({ "faults": [] }).to_string()).unwrap());
    machines[7].0.until(&world, "running").await;
    let report = until_ended(&world, page).await;
    assert!(report.iter().all(|machine| machine["progress"] == "done"), "{report:?}");
    until(&world, page, "active").await;
    world.stop().await;
}
