//! Bad input: a clear message, an exit code that says which kind, and nothing changed.

use std::time::Duration;

use service_bus::Message;

use crate::support::{TestBroker, bare, run, two_kilobytes};

const LOCK: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn wrong_entities_connections_and_permissions_are_told_apart() {
    let world = TestBroker::start(LOCK).await;
    world.dead("key_shared", two_kilobytes(3), "Test").await;
    let before = world.letters("key_shared").await;
    let string = world.broker.connection_string();
    let wrong_key = string.replacen("SharedAccessKey=", "SharedAccessKey=AAAA", 1);
    let nobody =
        "Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true";
    let table: [(&[&str], i32, &str); 9] = [
        (&["--connection-string", &string, "--entity", "nowhere"], 5, "does not exist"),
        (&["--connection-string", &wrong_key, "--entity", "key_shared"], 5, "not authorized"),
        (&["--connection-string", "Endpoint=sb://x", "--entity", "q"], 2, "SharedAccessKey"),
        (&["--connection-string", "nonsense"], 2, "connection string"),
        (&["--connection-string", nobody, "--entity", "q"], 1, "cannot connect to 127.0.0.1:9"),
        (&["--namespace", "https://contoso.example/"], 2, "expected a host"),
        (&["--connection-string", &string, "--entity", "q/$deadletterqueue"], 2, "name the entity itself"),
        (&["--connection-string", &string, "--older-than", "soon"], 2, "expected a number with a unit"),
        (&[], 2, "which Service Bus?"),
    ];
    for (arguments, code, says) in table {
        for command in
            [&["list"][..], &["plan"], &["replay", "--yes"], &["discard", "--yes", "--why", "x"], &["export"]]
        {
            let mut bare = bare(&[command, arguments].concat());
            bare.env_remove("LATCHKEY_SERVICE_BUS_CONNECTION_STRING").current_dir(world.folder.path());
            let ran = run(bare).await;
            assert_eq!(ran.code, code, "{command:?} {arguments:?}: {}", ran.stderr);
            assert!(ran.stderr.contains(says), "{command:?} {arguments:?}: {}", ran.stderr);
            assert!(!ran.stderr.contains("AAAA") && !ran.stderr.contains(&string), "{}", ran.stderr);
        }
    }
    assert_eq!(world.letters("key_shared").await, before);
    assert!(!world.file(".latchkey-ops").exists(), "nothing was done, nothing is written down");
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_that_are_damaged_foreign_or_stale_are_refused() {
    let world = TestBroker::start(LOCK).await;
    world.dead("key_shared", two_kilobytes(4), "Test").await;
    let plan = world.plan("plan.json", &[]).await;
    let text = std::fs::read_to_string(world.file("plan.json")).unwrap();
    let before = world.letters("key_shared").await;
    let refuse = async |name: &str, content: String, says: &str| {
        std::fs::write(world.file(name), content).unwrap();
        let refused = world.run(&["replay", "--plan", name, "--yes"]).await;
        assert_eq!(refused.code, 4, "{name}: {}", refused.stderr);
        assert!(refused.stderr.contains(says), "{name}: {}", refused.stderr);
    };
    for cut in [10, text.len() / 2, text.len() - 3] {
        refuse("cut.json", text[..cut].to_owned(), "cut short").await;
    }
    refuse("other.json", "{\"format\":\"something/1\"}".to_owned(), "no plan").await;
    let first = plan["messages"][0]["replay_as"].as_str().unwrap();
    refuse("changed.json", text.replacen(first, "another", 1), "changed after it was made").await;
    refuse("fewer.json", without_a_message(&text), "changed after it was made").await;

    let elsewhere = dead_letters::Plan::new(
        "contoso.servicebus.windows.net",
        time::OffsetDateTime::UNIX_EPOCH,
        dead_letters::Filter::default(),
        None,
        std::collections::BTreeMap::new(),
    );
    refuse("foreign.json", elsewhere.sealed().to_text(), "contoso.servicebus.windows.net").await;
    assert_eq!(world.letters("key_shared").await, before);

    let discarded = world.run(&["discard", "--to", &before[0].0.to_string(), "--yes", "--why", "x"]).await;
    assert_eq!(discarded.code, 0, "{}", discarded.stderr);
    refuse("plan.json", text.clone(), "stale").await;
    assert_eq!(
        (world.letters("key_shared").await, world.in_queue("key_shared").await.len()),
        (before[1..].to_vec(), 0)
    );
    let missing = world.run(&["replay", "--plan", "nowhere.json", "--yes"]).await;
    assert_eq!((missing.code, missing.stderr.contains("nowhere.json")), (1, true), "{}", missing.stderr);
    let both = world.run(&["replay", "--plan", "plan.json", "--text", "x", "--yes"]).await;
    assert_eq!(both.code, 2, "{}", both.stderr);
}

fn without_a_message(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let first = lines.iter().position(|line| line.starts_with("    {")).unwrap();
    lines.remove(first);
    lines.join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_json_is_shown_and_replayed_as_it_is() {
    let world = TestBroker::start(LOCK).await;
    let body = &b"not json \xff\x00"[..];
    world.dead("key_shared", vec![Message::new(body).with_message_id("m")], "Undecodable").await;
    let id = format!("key_shared/{}", world.letters("key_shared").await[0].0);
    let shown = world.run(&["show", &id]).await;
    assert_eq!((shown.code, shown.stdout.contains("not json")), (0, true));
    for (what, says) in
        [("key_shared/999", "no dead letter key_shared/999"), ("nobody", "no dead letter has")]
    {
        let missing = world.run(&["show", what]).await;
        assert_eq!((missing.code, missing.stderr.contains(says)), (4, true), "{}", missing.stderr);
    }
    std::fs::write(world.file("bad.ndjson"), "{\"format\":\"x\"}\n").unwrap();
    let imported = world.run(&["import", "bad.ndjson", "--yes"]).await;
    assert_eq!((imported.code, imported.stderr.contains("line 1")), (4, true), "{}", imported.stderr);
    let replayed = world.run(&["replay", "--yes", "--outcome-wait", "0s"]).await;
    assert_eq!(replayed.code, 0, "{}", replayed.stderr);
    assert_eq!(world.in_queue("key_shared").await[0].body, body);
}
