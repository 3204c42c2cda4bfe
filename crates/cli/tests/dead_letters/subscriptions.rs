//! Dead letters of a topic's subscription: nothing can be sent to it alone, so somebody has to say where a replay goes.

use std::time::Duration;

use serde_json::Value;

use crate::support::{PATIENCE, TestBroker, event, two_kilobytes};

const AUDIT: &str = "events/Subscriptions/audit";
const BILLING: &str = "events/Subscriptions/billing";

/// So many died in `audit`; `billing` has received its copies and is empty.
async fn a_world_with_dead_letters(count: usize) -> TestBroker {
    let world = TestBroker::start(Duration::from_secs(60)).await;
    let mut messages = two_kilobytes(count - 1);
    messages.push(event("Renwe"));
    world.client.sender("events").send_batch(messages).await.unwrap();
    world.die(AUDIT, count, "Test").await;
    let billing = world.client.receiver(BILLING);
    let mut left = count;
    while left > 0 {
        for message in billing.receive(left, PATIENCE).await.unwrap() {
            billing.complete(message.lock_token).await.unwrap();
            left -= 1;
        }
    }
    world
}

fn numbers(letters: &[(i64, u32, String)]) -> Vec<i64> {
    letters.iter().map(|(sequence, ..)| *sequence).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_listed_shown_and_exported() {
    let world = a_world_with_dead_letters(4).await;
    let before = world.letters(AUDIT).await;
    let listed = world.run(&["list", "--entity", AUDIT, "--each", "--json"]).await.json();
    let ids: Vec<&str> =
        listed["letters"].as_array().unwrap().iter().map(|letter| letter["id"].as_str().unwrap()).collect();
    let expected: Vec<String> = numbers(&before).iter().map(|number| format!("{AUDIT}/{number}")).collect();
    assert_eq!(ids, expected);
    let shown = world.run(&["show", ids[3], "--json"]).await.json();
    assert_eq!((&shown["message_id"], &shown["function"]), (&"e1".into(), &AUDIT.into()), "{shown}");
    let exported = world.run(&["export", "--entity", AUDIT]).await;
    assert_eq!((exported.code, exported.stdout.lines().count()), (0, 4), "{}", exported.stderr);
    assert_eq!(world.letters(AUDIT).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_has_to_say_where_to_and_to_the_topic_it_reaches_every_subscription() {
    let world = a_world_with_dead_letters(7).await;
    let before = world.letters(AUDIT).await;
    let unsaid = world.run(&["plan", "--entity", AUDIT]).await;
    assert_eq!((unsaid.code, unsaid.stderr.contains("--target")), (2, true), "{}", unsaid.stderr);

    let filters = ["--entity", AUDIT, "--from", "3", "--to", "5", "--target", "events"];
    let plan = world.plan("plan.json", &filters).await;
    assert_eq!(plan["targets"][AUDIT]["duplicate_detection"], "unknown", "{plan}");
    let replayed =
        world.run(&["replay", "--plan", "plan.json", "--yes", "--json", "--outcome-wait", "1s"]).await;
    // Nobody has received them, and that is seen where they came from.
    let counts = replayed.json()["counts"].clone();
    assert_eq!((replayed.code, &counts["waiting"]), (3, &3.into()), "{counts} {}", replayed.stderr);
    for subscription in [AUDIT, BILLING] {
        let origins: Vec<String> = world.replays(subscription).await.into_keys().collect();
        let expected: Vec<String> = (3..=5).map(|number| format!("{AUDIT}/{number}")).collect();
        assert_eq!(origins, expected, "{subscription}");
    }
    let others: Vec<_> =
        before.iter().filter(|(sequence, ..)| !(3..=5).contains(sequence)).cloned().collect();
    assert_eq!(world.letters(AUDIT).await, others);

    // One of them dies again, where it came from.
    world.die(AUDIT, 1, "Again").await;
    let told = world.run(&["replay", "--plan", "plan.json", "--yes", "--json", "--outcome-wait", "1s"]).await;
    let again = told.json()["messages"].as_array().unwrap().iter().find_map(|message| {
        (message[1]["fate"] == "dead_again").then(|| message[1]["again"].as_str().unwrap().to_owned())
    });
    assert!(again.is_some_and(|again| again.starts_with(AUDIT)), "{}", told.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_replayed_into_a_queue_is_looked_for_there() {
    let world = a_world_with_dead_letters(3).await;
    // The same event died there before, of its own.
    world.dead("plain", vec![event("Renwe")], "Old").await;
    let replay = |target| {
        let [entity, yes] = ["--entity", "--yes"];
        ["replay", entity, AUDIT, "--target", target, yes, "--json", "--outcome-wait", "1s"]
    };
    let replayed = world.run(&replay("plain")).await;
    let report = replayed.json();
    assert_eq!((replayed.code, &report["counts"]["waiting"]), (3, &3.into()), "{report}");
    assert_eq!(world.in_queue("plain").await.len(), 3);
    assert!(world.letters(AUDIT).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_to_another_topic_is_nobodys_to_look_for() {
    let world = a_world_with_dead_letters(4).await;
    let replay = ["replay", "--entity", AUDIT, "--target", "news", "--yes", "--json", "--outcome-wait", "1s"];
    let canary = world.run(&[&replay[..], &["--canary", "1"]].concat()).await;
    let counts = canary.json()["counts"].clone();
    assert_eq!(
        (canary.code, &counts["replayed"], &counts["skipped"]),
        (3, &1.into(), &3.into()),
        "a canary that nobody sees proves nothing: {counts} {}",
        canary.stderr
    );
    let rest = world.run(&replay).await;
    assert_eq!((rest.code, &rest.json()["counts"]["replayed"]), (0, &3.into()), "{}", rest.stderr);
    assert!(world.letters(AUDIT).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_discarded_and_brought_back() {
    let world = a_world_with_dead_letters(4).await;
    let numbers = numbers(&world.letters(AUDIT).await);
    let one = format!("{AUDIT}/{}", numbers[0]);
    for arguments in [vec![one.as_str()], vec!["--entity", AUDIT]] {
        let discard = [&["discard"], &arguments[..], &["--yes", "--why", "old", "--archive", "a.ndjson"]];
        let discarded = world.run(&discard.concat()).await;
        assert_eq!(discarded.code, 0, "{}", discarded.stderr);
    }
    assert!(world.letters(AUDIT).await.is_empty());
    let unsaid = world.run(&["import", "a.ndjson", "--yes"]).await;
    assert_eq!((unsaid.code, unsaid.stderr.contains("--target")), (2, true), "{}", unsaid.stderr);
    let imported = world.run(&["import", "a.ndjson", "--yes", "--target", "plain", "--json"]).await;
    let report: Value = imported.json();
    assert_eq!((imported.code, &report["counts"]["replayed"]), (0, &4.into()), "{}", imported.stderr);
    assert_eq!(world.in_queue("plain").await.len(), 4);
}
