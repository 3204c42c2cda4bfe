//! Discarding, exporting, importing.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::support::{PATIENCE, TestBroker, event, two_kilobytes};

const LOCK: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_discarded_is_archived_and_can_be_imported_once() {
    let world = TestBroker::start(LOCK).await;
    world.dead("key_shared", two_kilobytes(5), "Test").await;
    let first = world.letters("key_shared").await[0].0;
    let without_why = world.run(&["discard", &format!("key_shared/{first}"), "--yes"]).await;
    assert_eq!((without_why.code, without_why.stderr.contains("--why")), (2, true));

    let one = format!("key_shared/{first}");
    let discarded = world.run(&["discard", &one, "--yes", "--why", "old", "--archive", "a.ndjson"]).await;
    assert_eq!(discarded.code, 0, "{}", discarded.stderr);
    let rest = world.run(&["discard", "--yes", "--why", "old", "--archive", "a.ndjson"]).await;
    assert_eq!(rest.code, 0, "{}", rest.stderr);
    assert!(world.letters("key_shared").await.is_empty());
    assert_eq!(std::fs::read_to_string(world.file("a.ndjson")).unwrap().lines().count(), 5);

    let import = ["import", "a.ndjson", "--yes"];
    let imported = world.run(&import).await;
    assert_eq!(imported.code, 0, "{}", imported.stderr);
    let again = world.run(&import).await;
    assert_eq!((again.code, again.stderr.contains("imported before")), (0, true), "{}", again.stderr);
    let with_its_own_log = world.run(&[&import[..], &["--log", "again.ndjson"]].concat()).await;
    assert_eq!(with_its_own_log.code, 0, "{}", with_its_own_log.stderr);
    let mut messages = world.in_queue("key_shared").await;
    assert_eq!(messages.len(), 5, "the second import was dropped by duplicate detection");
    messages.sort_by_key(|message| message.application_properties["number"].as_i64());
    for (message, original) in messages.iter().zip(two_kilobytes(5)) {
        assert_eq!((&message.body, &message.content_type), (&original.body, &original.content_type));
        assert_eq!(message.application_properties["number"], original.application_properties["number"]);
    }
}

/// The moment that matters: the messages are stored, and nobody has told.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_killed_goes_on_and_names_what_it_may_have_sent_twice() {
    let world = TestBroker::start(LOCK).await;
    let count = 200;
    world.dead("plain", two_kilobytes(count), "Test").await;
    let exported = world.run(&["export", "--entity", "plain"]).await;
    std::fs::write(world.file("a.ndjson"), exported.stdout).unwrap();
    world.broker.control().delay_next(broker::Operation::Send, 1, Duration::from_secs(3600));
    let import = ["import", "a.ndjson", "--yes", "--json", "--log", "log.ndjson"];
    let mut killed = world.spawn(&import);
    let deadline = Instant::now() + PATIENCE;
    while world.broker.counts("plain").unwrap().active == 0 {
        assert!(Instant::now() < deadline, "nothing arrives");
        sleep(Duration::from_millis(10)).await;
    }
    killed.kill().unwrap();
    killed.wait().unwrap();

    let resumed = world.run(&import).await;
    assert_eq!(
        (resumed.code, &resumed.json()["counts"]["replayed"]),
        (0, &count.into()),
        "{}",
        resumed.stderr
    );
    let replays = world.replays("plain").await;
    assert_eq!(replays.len(), count, "nothing is lost");
    let twice: Vec<&String> = replays.iter().filter(|(_, times)| **times > 1).map(|(id, _)| id).collect();
    assert!(!twice.is_empty(), "the test did something");
    let report = resumed.json();
    let named: Vec<&str> =
        report["doubtful"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert!(twice.iter().all(|id| named.contains(&id.as_str())), "{twice:?} beyond {named:?}");
    let idle = world.run(&import).await;
    assert_eq!((idle.code, world.replays("plain").await), (0, replays), "{}", idle.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_without_secrets_holds_none_and_cannot_be_sent() {
    let world = TestBroker::start(LOCK).await;
    let token = format!("e{}.b.c", "yJhbGci");
    let message = event("Renew")
        .with_application_property("accessToken", token.clone())
        .with_application_property("note", "ask admin@contoso.example");
    world.dead("marketplace_changed", vec![message], "Test").await;
    let plain = world.run(&["export"]).await;
    assert!(plain.stdout.contains(&token) && plain.code == 0);
    let redacted = world.run(&["export", "--redact"]).await;
    assert!(!redacted.stdout.contains(&token) && !redacted.stdout.contains("admin@"), "{}", redacted.stdout);
    assert!(redacted.stdout.contains("latchkey.marketplace.changed.v1"), "{}", redacted.stdout);
    std::fs::write(world.file("r.ndjson"), redacted.stdout).unwrap();
    let refused = world.run(&["import", "r.ndjson", "--yes"]).await;
    assert_eq!(
        (refused.code, world.in_queue("marketplace_changed").await.len()),
        (4, 0),
        "{}",
        refused.stderr
    );
}
