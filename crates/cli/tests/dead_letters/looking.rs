//! Looking changes nothing; changing asks, and is written down.

use std::time::Duration;

use serde_json::Value;

use crate::support::{PATIENCE, TestBroker, event, two_kilobytes};

/// Longer than anything here may take: what is free again was given back.
const LOCK: Duration = Duration::from_secs(300);

#[tokio::test(flavor = "multi_thread")]
async fn list_groups_and_show_tells_everything_and_neither_changes_anything() {
    let world = TestBroker::start(LOCK).await;
    world.dead("key_shared", two_kilobytes(30), "Undecodable").await;
    world.dead("marketplace_changed", vec![event("Renew\u{1b}[31m")], "DeadlineExceeded").await;
    let before = world.letters("key_shared").await;

    let listed = world.run(&["list", "--json"]).await;
    let json = listed.json();
    assert_eq!(json["total"], 31);
    let groups = json["groups"].as_array().unwrap();
    let of = |index: usize, field: &str| groups[index][field].clone();
    assert_eq!(
        (of(0, "function"), of(0, "reason"), of(0, "count")),
        ("key_shared".into(), "Undecodable".into(), 30.into())
    );
    // Whether a replay can help only the function app can tell, and none is named.
    assert_eq!((of(0, "unknown"), of(1, "unknown")), (30.into(), 1.into()));
    let text = world.run(&["list"]).await;
    assert!(
        text.stdout.contains("31 dead letters") && text.stdout.contains("marketplace_changed"),
        "{}",
        text.stdout
    );
    let some = world.run(&["list", "--json", "--function", "key_shared", "--from", "3", "--to", "5"]).await;
    assert_eq!(some.json()["total"], 3);

    let id = groups[1]["example_id"].as_str().unwrap();
    let shown = world.run(&["show", id, "--json"]).await.json();
    assert_eq!(shown["message_id"], "e1");
    assert_eq!(shown["body"]["data"]["subscription"], "0a1b2c3d-1111-4222-8333-444455556666");
    assert_eq!(shown["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert!(shown["onboarding_now"]["unknown"].as_str().unwrap().contains("--app-url"));
    let shown = world.run(&["show", "e1"]).await;
    assert_eq!(shown.code, 0);
    assert!(shown.stdout.contains("reason        DeadlineExceeded") && shown.stdout.contains("attempt = 1"));
    assert!(!shown.stdout.contains('\u{1b}'), "a message does not write on the terminal");
    assert_eq!(world.letters("key_shared").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_asked_for_and_written_down_without_the_mail_address() {
    let world = TestBroker::start(LOCK).await;
    world.dead("key_shared", two_kilobytes(3), "Test").await;
    let before = world.letters("key_shared").await;
    for command in [vec!["replay"], vec!["discard", "--why", "old"]] {
        let refused = world.run(&command).await;
        assert_eq!(refused.code, 6, "{}", refused.stderr);
        assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    }
    let dry = world.run(&["replay", "--dry-run"]).await;
    assert!(dry.stderr.contains("no function app is given"), "{}", dry.stderr);
    assert_eq!((dry.code, dry.stderr.contains("3 would be replayed")), (0, true), "{}", dry.stderr);
    assert_eq!(world.letters("key_shared").await, before);
    assert!(
        !world.file(".latchkey-ops/audit.ndjson").exists(),
        "nothing was changed, nothing is written down"
    );

    let replayed =
        world.run(&["replay", "--yes", "--why", "mended", "--limit", "2", "--outcome-wait", "0s"]).await;
    assert_eq!(replayed.code, 0, "{}", replayed.stderr);
    let audit = std::fs::read_to_string(world.file(".latchkey-ops/audit.ndjson")).unwrap();
    assert_eq!(dead_letters::audit::first_break(&audit), None);
    let lines: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["what"], &lines[1]["what"]), (&"replay begins".into(), &"replay ended".into()));
    assert_eq!(
        (&lines[1]["who"], &lines[1]["why"], &lines[1]["result"]["replayed"]),
        (&"ops".into(), &"mended".into(), &2.into())
    );
    assert_eq!(lines[0]["hash"], lines[1]["hash"]);
    assert!(!audit.contains("contoso.example"), "{audit}");
    // The plan was kept: replaying it again finds that all was done.
    let plan = kept_plan(&world, lines[0]["hash"].as_str().unwrap());
    let again =
        world.run(&["replay", "--plan", plan.to_str().unwrap(), "--yes", "--outcome-wait", "0s"]).await;
    assert_eq!((again.code, again.stderr.contains("carried out before")), (0, true), "{}", again.stderr);
    assert_eq!(world.broker.counts("key_shared").unwrap().active, 2);
}

/// The plan of this hash, among those that were kept; one that was not agreed to is kept, too.
fn kept_plan(world: &TestBroker, hash: &str) -> std::path::PathBuf {
    let kept = std::fs::read_dir(world.file(".latchkey-ops/plans")).unwrap();
    let mut paths = kept.map(|entry| entry.unwrap().path());
    paths.find(|path| std::fs::read_to_string(path).unwrap().contains(hash)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_function_app_cannot_be_asked_about_is_replayed_only_by_force() {
    /// Nobody listens there.
    const APP: &str = "http://127.0.0.1:9";
    let world = TestBroker::start(LOCK).await;
    world.dead("key_shared", two_kilobytes(2), "DeadlineExceeded").await;
    let skipped = world.run(&["replay", "--yes", "--app-url", APP, "--outcome-wait", "0s", "--json"]).await;
    assert_eq!((skipped.code, &skipped.json()["counts"]["skipped"]), (3, &2.into()), "{}", skipped.stderr);
    assert_eq!(world.broker.counts("key_shared").unwrap().active, 0);
    let replay = ["replay", "--yes", "--force", "--app-url", APP, "--outcome-wait", "0s", "--json"];
    let forced = world.run(&replay).await;
    assert_eq!((forced.code, &forced.json()["counts"]["replayed"]), (0, &2.into()), "{}", forced.stderr);
    let audit = std::fs::read_to_string(world.file(".latchkey-ops/audit.ndjson")).unwrap();
    let forced: Vec<bool> = audit.lines().map(|line| line.contains("\"forced\":true")).collect();
    assert_eq!(forced, [false, false, true, true]);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_a_run_in_order_and_the_same_command_goes_on() {
    let world = TestBroker::start(LOCK).await;
    world.dead("key_shared", two_kilobytes(60), "Test").await;
    world.plan("plan.json", &["--rate", "3"]).await;
    let replay = ["replay", "--plan", "plan.json", "--yes", "--json", "--outcome-wait", "0s"];
    let child = world.spawn(&replay);
    let deadline = std::time::Instant::now() + PATIENCE;
    while world.broker.counts("key_shared").unwrap().active < 3 {
        assert!(std::time::Instant::now() < deadline, "the run does not get on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    let stopped = crate::support::Ran::from(output);
    assert_eq!(stopped.code, 130, "{}", stopped.stderr);
    let left = stopped.json()["counts"]["left"].as_u64().unwrap();
    assert!(left > 0, "it was stopped before its end");
    // Nothing stays locked, though no lock can have ended yet: the next walk begins at once.
    let deadline = std::time::Instant::now() + PATIENCE;
    while world.broker.counts("key_shared/$deadletterqueue").unwrap().locked > 0 {
        assert!(std::time::Instant::now() < deadline, "locks were left");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let ended = world.run(&[&replay[..], &["--rate", "1000"]].concat()).await;
    assert_eq!((ended.code, &ended.json()["counts"]["replayed"]), (0, &60.into()), "{}", ended.stderr);
    assert_eq!(world.broker.counts("key_shared").unwrap().active, 60);
}
