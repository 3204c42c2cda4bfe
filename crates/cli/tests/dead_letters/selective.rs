//! The proofs: a few out of many, everything else untouched, through kills.

use std::{collections::BTreeMap, path::Path, time::Duration};

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::support::{PATIENCE, Ran, TestBroker, size, two_kilobytes};

const LOCK: Duration = Duration::from_secs(60);

/// What a queue's default lock lasts is what the walk has.
#[tokio::test(flavor = "multi_thread")]
async fn one_percent_is_replayed_within_a_lock_and_the_others_are_untouched() {
    let world = TestBroker::start(LOCK).await;
    let count = size();
    let began = Instant::now();
    world.dead("key_shared", two_kilobytes(count), "Test").await;
    let before = world.letters("key_shared").await;
    println!("{count} dead letters made and read in {:?}", began.elapsed());

    let began = Instant::now();
    let plan = world.plan("plan.json", &["--entity", "key_shared", "--text", "pick-me"]).await;
    let planned = plan["messages"].as_array().unwrap().len();
    println!("{planned} of {count} planned in {:?}", began.elapsed());
    assert_eq!(planned, count / 100);

    let began = Instant::now();
    let replayed =
        world.run(&["replay", "--plan", "plan.json", "--yes", "--outcome-wait", "0s", "--json"]).await;
    let took = began.elapsed();
    println!("{planned} of {count} replayed, the others given back, in {took:?}");
    assert_eq!(replayed.code, 0, "{}", replayed.stderr);
    assert_eq!(replayed.json()["counts"]["replayed"], planned);
    // Locks are renewed where that is too short, so a slow machine fails no test: the bound is for what is released.
    assert!(cfg!(debug_assertions) || took < LOCK, "one walk has to fit into one lock: {took:?}");

    assert_untouched(&world, "key_shared", &before, &plan).await;
    assert_eq!(world.broker.counts("key_shared").unwrap().active, planned);
    let locked = world.client.receiver("key_shared/$deadletterqueue").receive(1, PATIENCE).await.unwrap();
    assert_eq!(locked[0].sequence_number, before[0].0, "the first of the others is free at once");
}

async fn assert_untouched(world: &TestBroker, queue: &str, before: &[(i64, u32, String)], plan: &Value) {
    let planned: Vec<i64> =
        ids(plan).iter().map(|id| id.rsplit_once('/').unwrap().1.parse().unwrap()).collect();
    let planned: std::collections::BTreeSet<i64> = planned.into_iter().collect();
    let others: Vec<_> =
        before.iter().filter(|(sequence, ..)| !planned.contains(sequence)).cloned().collect();
    assert!(world.letters(queue).await == others, "the others changed: order, delivery counts or content");
}

fn ids(plan: &Value) -> Vec<String> {
    plan["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|planned| planned["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_kills_lose_nothing_and_duplicate_detection_catches_what_was_sent_twice() {
    let replays = killed_three_times("key_shared", &[]).await;
    assert!(replays.values().all(|times| *times == 1), "something was replayed twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_duplicate_detection_only_what_the_report_names_is_there_twice() {
    // What is there twice is compared with the report inside.
    killed_three_times("plain", &["--duplicate-detection", "off"]).await;
}

/// Replays one percent through three kills at random moments; answers how often each message came in.
async fn killed_three_times(queue: &str, planning: &[&str]) -> BTreeMap<String, usize> {
    let count = size();
    // What a killed run has locked comes free when its locks end: that is what most of the time is spent on.
    let lock = if count > 10_000 { Duration::from_secs(30) } else { Duration::from_secs(3) };
    let world = TestBroker::start(lock).await;
    world.dead(queue, two_kilobytes(count), "Test").await;
    let before = world.letters(queue).await;
    let filters = [&["--entity", queue, "--text", "pick-me"], planning].concat();
    let plan = world.plan("plan.json", &filters).await;
    let planned = ids(&plan).len();

    let log = world.file("run.ndjson");
    let replay =
        ["replay", "--plan", "plan.json", "--yes", "--outcome-wait", "0s", "--json", "--log", "run.ndjson"];
    let began = Instant::now();
    for kill in 1..=3 {
        let mut child = world.spawn(&replay);
        // Somewhere in its part of the work, at whatever moment of it.
        let records = 3 * planned * kill / 4 - usize::try_from(random(planned as u64 / 4)).unwrap();
        wait_for_records(&log, records.max(2), &mut child).await;
        sleep(Duration::from_micros(random(3_000))).await;
        child.kill().unwrap();
        child.wait().unwrap();
        println!(
            "kill {kill}: {} records in the log, {:?} since the start",
            records_in(&log),
            began.elapsed()
        );
    }
    let replayed = world.run(&replay).await;
    println!("{planned} of {count} replayed through three kills in {:?}", began.elapsed());
    assert_accounted(&replayed, planned);
    assert_untouched(&world, queue, &before, &plan).await;

    let replays = world.replays(queue).await;
    let missing: Vec<String> = ids(&plan).into_iter().filter(|id| !replays.contains_key(id)).collect();
    assert!(missing.is_empty() && replays.len() == planned, "lost: {missing:?}");
    let report = replayed.json();
    let doubtful: Vec<&str> =
        report["doubtful"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let twice: Vec<&String> = replays.iter().filter(|(_, times)| **times > 1).map(|(id, _)| id).collect();
    println!("{} may have been sent twice, {} are there twice", doubtful.len(), twice.len());
    assert!(twice.iter().all(|id| doubtful.contains(&id.as_str())), "{twice:?} beyond {doubtful:?}");
    replays
}

fn assert_accounted(replayed: &Ran, planned: usize) {
    assert_eq!(replayed.code, 0, "{}", replayed.stderr);
    let report = replayed.json();
    assert_eq!((&report["planned"], &report["counts"]["replayed"]), (&planned.into(), &planned.into()));
    assert_eq!((&report["finished"], report["messages"].as_array().unwrap().len()), (&true.into(), planned));
}

fn records_in(log: &Path) -> usize {
    std::fs::read(log).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count())
}

async fn wait_for_records(log: &Path, records: usize, child: &mut std::process::Child) {
    let deadline = Instant::now() + PATIENCE;
    while records_in(log) < records {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        assert!(Instant::now() < deadline, "the run does not get on");
        sleep(Duration::from_millis(1)).await;
    }
}

/// A number below `below`, another one each time.
fn random(below: u64) -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0_u8) % below.max(1)
}
