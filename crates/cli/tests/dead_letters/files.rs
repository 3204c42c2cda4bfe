//! Editing, discarding, exporting, importing.

use std::time::Duration;

use serde_json::Value;

use crate::support::{World, event, two_kilobytes};

const LOCK: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_checked_and_goes_out_with_everything_else_kept() {
    let world = World::start(LOCK).await;
    world.dead("marketplace_changed", vec![event("Renwe")], "Illegal").await;
    let before = world.letters("marketplace_changed").await;
    let id = format!("marketplace_changed/{}", before[0].0);
    for (patch, code, says) in [
        (r#"{"subscription":"x"}"#, 4, "data.subscription cannot be edited"),
        (r#"{"action":null}"#, 4, "missing field `action`"),
        (r#"{"action":"Renwe"}"#, 4, "changes nothing"),
        ("nonsense", 2, "not JSON"),
    ] {
        let refused = world.run(&["edit", &id, "--patch", patch, "--yes", "--why", "typo"]).await;
        assert_eq!(refused.code, code, "{patch}: {}", refused.stderr);
        assert!(refused.stderr.contains(says), "{}", refused.stderr);
    }
    assert_eq!(world.letters("marketplace_changed").await, before);

    let patch = r#"{"action":"Renew"}"#;
    let edited =
        world.run(&["edit", &id, "--patch", patch, "--yes", "--why", "typo", "--outcome-wait", "0s"]).await;
    assert_eq!(edited.code, 0, "{}", edited.stderr);
    let sent = world.in_queue("marketplace_changed").await.remove(0);
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!((&body["data"]["action"], &body["id"]), (&"Renew".into(), &"e1".into()));
    assert_eq!(sent.application_properties["attempt"], 1_i32.into());
    assert_eq!(sent.application_properties["x-replay-original-message-id"].as_str(), Some("e1"));
    assert!(world.letters("marketplace_changed").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_discarded_is_archived_and_can_be_imported_once() {
    let world = World::start(LOCK).await;
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

    for _ in 0..2 {
        let imported = world.run(&["import", "a.ndjson", "--yes"]).await;
        assert_eq!(imported.code, 0, "{}", imported.stderr);
    }
    let mut messages = world.in_queue("key_shared").await;
    assert_eq!(messages.len(), 5, "the second import was dropped by duplicate detection");
    messages.sort_by_key(|message| message.application_properties["number"].as_i64());
    for (message, original) in messages.iter().zip(two_kilobytes(5)) {
        assert_eq!((&message.body, &message.content_type), (&original.body, &original.content_type));
        assert_eq!(message.application_properties["number"], original.application_properties["number"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_without_secrets_holds_none_and_cannot_be_sent() {
    let world = World::start(LOCK).await;
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
