//! Replaying: what goes out, what stays, and what happens when it is interrupted.

use std::{collections::BTreeMap, time::Duration};

use dead_letters::{Action, Letter, Outcome, Record, RunError, RunOptions};
use service_bus::{Message, ReceivedMessage};
use tokio_util::sync::CancellationToken;

use crate::support::{Fixture, PATIENCE, numbered, open_log, without_outcomes};

fn every(nth: i64) -> impl Fn(&Letter) -> bool {
    move |letter| letter.id.sequence % nth == 0
}

async fn in_queue(fixture: &Fixture, queue: &str) -> Vec<ReceivedMessage> {
    fixture.client.receiver(queue).peek(0, 1_000).await.unwrap()
}

#[tokio::test]
async fn what_is_planned_goes_out_and_everything_else_stays_as_it_was() {
    let fixture = Fixture::start().await;
    fixture.dead("orders", numbered(400), "Test").await;
    let before = fixture.letters("orders").await;
    let plan = fixture.plan("orders", every(20)).await;
    let report = fixture.replay(&plan, without_outcomes()).await.unwrap();
    assert_eq!((report.counts.replayed, report.planned, report.finished), (20, 20, true));
    assert!(report.is_well() && report.doubtful.is_empty());

    let others: Vec<Letter> = before.iter().filter(|letter| letter.id.sequence % 20 != 0).cloned().collect();
    assert_eq!(fixture.letters("orders").await, others, "the same in order, content and delivery count");
    assert_eq!(fixture.broker.counts("orders").unwrap().active, 20);

    let sent = in_queue(&fixture, "orders").await;
    for (message, planned) in by_id(sent).into_values().zip(by_plan(&plan)) {
        let letter = before.iter().find(|letter| letter.id == planned.id).unwrap();
        assert_eq!(message.message_id.as_deref(), Some(planned.replay_as.as_str()));
        assert_eq!(message.body, letter.message.body);
        assert_eq!(
            (&message.correlation_id, &message.subject),
            (&letter.message.correlation_id, &letter.message.subject)
        );
        let property = |name: &str| message.application_properties[name].clone();
        assert_eq!(property("x-replay-of").as_str(), Some(planned.id.to_string().as_str()));
        assert_eq!(property("x-replay-run").as_str(), Some(report.run.as_str()));
        assert_eq!(property("x-replay-original-message-id").as_str(), letter.message.message_id.as_deref());
        assert_eq!(property("x-replay-of-traceparent").as_str(), letter.traceparent());
        assert_ne!(property("traceparent").as_str(), letter.traceparent());
        assert_eq!(property("n"), letter.message.application_properties["n"]);
        assert_eq!((&message.dead_letter_reason, &message.dead_letter_error_description), (&None, &None));
    }
}

fn by_id(messages: Vec<ReceivedMessage>) -> BTreeMap<String, ReceivedMessage> {
    messages.into_iter().map(|message| (message.message_id.clone().unwrap(), message)).collect()
}

fn by_plan(plan: &dead_letters::Plan) -> Vec<dead_letters::Planned> {
    let mut planned = plan.messages.clone();
    planned.sort_by(|a, b| a.replay_as.cmp(&b.replay_as));
    planned
}

#[tokio::test]
async fn a_run_that_was_stopped_goes_on_where_it_was_and_sends_nothing_twice() {
    let fixture = Fixture::start().await;
    fixture.dead("orders", numbered(60), "Test").await;
    let plan = fixture.plan("orders", |_| true).await;
    let stop = CancellationToken::new();
    let stopper = async {
        while fixture.broker.counts("orders").unwrap().active < 10 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
        // What is left would take many seconds more: the run is over before that.
        std::future::pending().await
    };
    let slow = RunOptions { rate: Some(4.0), ..without_outcomes() };
    let report = tokio::select! {
        report = fixture.run(&plan, &Action::Replay, slow, stop.clone()) => report.unwrap(),
        () = stopper => unreachable!("it never ends"),
    };
    assert!(
        !report.finished && report.counts.left > 0 && report.counts.replayed >= 10,
        "{:?}",
        report.counts
    );
    let counts = fixture.broker.counts("orders").unwrap();
    assert_eq!(counts.active + counts.dead_letter, 60);

    let report = fixture.replay(&plan, without_outcomes()).await.unwrap();
    assert_eq!((report.counts.replayed, report.finished), (60, true));
    let counts = fixture.broker.counts("orders").unwrap();
    assert_eq!((counts.active, counts.dead_letter), (60, 0));
    // Once more: there is nothing left to do.
    let again = fixture.replay(&plan, without_outcomes()).await.unwrap();
    assert_eq!((again.counts.replayed, fixture.broker.counts("orders").unwrap().active), (60, 60));
}

#[tokio::test]
async fn what_a_killed_run_may_have_sent_goes_out_under_the_same_id_and_is_dropped() {
    let fixture = Fixture::start().await;
    fixture.dead("brief", numbered(10), "Test").await;
    let plan = fixture.plan("brief", |_| true).await;
    // A run sent three: of the first it knew, of the second it did not, the third was only about to be sent. Then it
    // was killed, with locks on everything.
    let first = fixture.replay(&plan, without_outcomes()).await.unwrap();
    assert_eq!(first.counts.replayed, 10);
    let sent = in_queue(&fixture, "brief").await;
    std::fs::remove_file(fixture.log()).unwrap();
    let again = Fixture::start().await;
    again.dead("brief", numbered(10), "Test").await;
    let plan = again.plan("brief", |_| true).await;
    for message in sent.iter().take(2) {
        again.client.sender("brief").send(message.to_message()).await.unwrap();
    }
    let of = |message: &ReceivedMessage| {
        message.application_properties["x-replay-of"].as_str().unwrap().parse().unwrap()
    };
    let (log, _) = open_log(&again.log(), &plan, &Action::Replay);
    log.write(&Record::Started {
        plan: plan.hash().to_owned(),
        action: "replay".to_owned(),
        at: time::OffsetDateTime::UNIX_EPOCH,
    })
    .await
    .unwrap();
    for message in sent.iter().take(3) {
        log.write(&Record::Sending { id: of(message) }).await.unwrap();
    }
    log.write(&Record::Sent { id: of(&sent[0]) }).await.unwrap();
    drop(log);
    let mut walk = again.client.receiver("brief/$deadletterqueue").walk();
    for _ in 0..10 {
        walk.next(PATIENCE).await.unwrap().unwrap();
    }
    drop(walk);

    let report = again.replay(&plan, without_outcomes()).await.unwrap();
    assert_eq!((report.counts.replayed, report.finished), (10, true));
    let mut doubtful = vec![of(&sent[1]), of(&sent[2])];
    doubtful.sort();
    assert_eq!(report.doubtful, doubtful);
    let counts = again.broker.counts("brief").unwrap();
    assert_eq!((counts.active, counts.dead_letter), (10, 0), "the copy was dropped, nothing is missing");
}

/// No kill is needed: an acknowledgement that comes too late leaves a send in doubt, and it goes out again.
#[tokio::test]
async fn what_goes_out_twice_within_one_run_is_named_in_its_report() {
    let fixture = Fixture::start().await;
    fixture.dead("plain", numbered(5), "Test").await;
    let fixture = fixture.with_impatient_client(Duration::from_secs(2));
    let plan = fixture.plan("plain", |_| true).await;
    fixture.broker.control().delay_next(broker::Operation::Send, 1, Duration::from_secs(8));
    let report = fixture.replay(&plan, without_outcomes()).await.unwrap();
    assert_eq!((report.counts.replayed, report.finished), (5, true));

    let mut times = BTreeMap::<String, usize>::new();
    for message in in_queue(&fixture, "plain").await {
        *times
            .entry(message.application_properties["x-replay-of"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    assert_eq!(times.len(), 5, "nothing is lost");
    let twice: Vec<&String> = times.iter().filter(|(_, times)| **times > 1).map(|(id, _)| id).collect();
    assert!(!twice.is_empty(), "the test did something");
    let named: Vec<String> = report.doubtful.iter().map(ToString::to_string).collect();
    assert!(twice.iter().all(|id| named.contains(id)), "{twice:?} beyond {named:?}");
}

/// Letters that share a transfer share its outcome: when its acknowledgement is lost, each of them is in doubt.
#[tokio::test]
async fn a_batch_in_doubt_names_all_its_letters() {
    let fixture = Fixture::start().await;
    fixture.dead("plain", numbered(120), "Test").await;
    let fixture = fixture.with_impatient_client(Duration::from_secs(2));
    let plan = fixture.plan("plain", |_| true).await;
    let control = fixture.broker.control();
    // The first letter goes alone; what has gathered meanwhile goes together.
    control.delay_next(broker::Operation::Send, 1, Duration::ZERO);
    control.delay_next(broker::Operation::Send, 1, Duration::from_secs(8));
    let report = fixture.replay(&plan, without_outcomes()).await.unwrap();
    assert_eq!((report.counts.replayed, report.finished), (120, true));

    let mut times = BTreeMap::<String, usize>::new();
    for message in in_queue(&fixture, "plain").await {
        *times
            .entry(message.application_properties["x-replay-of"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    assert_eq!(times.len(), 120, "nothing is lost");
    let twice: Vec<&String> = times.iter().filter(|(_, times)| **times > 1).map(|(id, _)| id).collect();
    assert!(twice.len() > 1, "several letters shared the transfer: {twice:?}");
    let named: Vec<String> = report.doubtful.iter().map(ToString::to_string).collect();
    assert!(twice.iter().all(|id| named.contains(id)), "{twice:?} beyond {named:?}");
}

/// As a partitioned queue with duplicate detection does with every batch.
#[tokio::test]
async fn a_batch_that_is_refused_goes_letter_by_letter_and_is_not_in_doubt() {
    let fixture = Fixture::start().await;
    fixture.dead("plain", numbered(120), "Test").await;
    let plan = fixture.plan("plain", |_| true).await;
    let control = fixture.broker.control();
    control.delay_next(broker::Operation::Send, 1, Duration::ZERO);
    control.fail_next(broker::Operation::Send, 1, broker::Failure::QuotaExceeded);
    let report = fixture.replay(&plan, without_outcomes()).await.unwrap();
    assert_eq!((report.counts.replayed, report.finished), (120, true));
    assert_eq!(report.doubtful, [], "a refusal leaves no doubt");
    let replayed = in_queue(&fixture, "plain").await;
    assert_eq!(replayed.len(), 120, "nothing is lost, nothing twice");
    let log = std::fs::read_to_string(fixture.log()).unwrap();
    let count = |record: &str| log.lines().filter(|line| line.contains(record)).count();
    assert!(count("\"refused\"") > 1, "several letters shared the transfer");
    assert_eq!(count("\"sending\""), 120 + count("\"refused\""));
}

#[tokio::test]
async fn outcomes_are_told_apart() {
    let fixture = Fixture::start().await;
    let event = |n: usize| format!(r#"{{"specversion":"1.0","id":"e{n}","type":"t","data":{{}}}}"#);
    let messages = (0..4).map(|n| Message::new(event(n)).with_message_id(format!("m{n}"))).collect();
    fixture.dead("orders", messages, "Test").await;
    let plan = fixture.plan("orders", |_| true).await;
    let receiver = fixture.client.receiver("orders");
    let sender = fixture.client.sender("orders");
    let consumer = async {
        // The four, and what the third puts itself off as; that one may come before the fourth or after it.
        let mut left = 5;
        while left > 0 {
            for message in receiver.receive(left, PATIENCE).await.unwrap() {
                left -= 1;
                let (token, body) = (message.lock_token, String::from_utf8(message.body.to_vec()).unwrap());
                let is = |event: &str| body.contains(&format!("\"{event}\""));
                if is("e0") {
                    // It fails again.
                    receiver.dead_letter(token, "Again", "x").await.unwrap();
                    continue;
                }
                if message.message_id.as_deref() == Some("e2:2") {
                    receiver.dead_letter(token, "Later", "x").await.unwrap();
                    continue;
                }
                if is("e1") {
                    // It puts itself off, under an id and with properties of its own.
                    let later = time::OffsetDateTime::now_utc() + Duration::from_secs(600);
                    let retry = Message::new(body).with_message_id("e1:2");
                    sender.schedule(retry, later).await.unwrap();
                } else if is("e2") {
                    // It puts itself off, and that dies.
                    sender.send(Message::new(body).with_message_id("e2:2")).await.unwrap();
                }
                receiver.complete(token).await.unwrap();
            }
        }
    };
    // The one that is put off is waited for until the end.
    let ordered =
        RunOptions { outcome_wait: Duration::from_secs(10), concurrency: 1, ..RunOptions::default() };
    let (report, ()) = tokio::join!(fixture.replay(&plan, ordered), consumer);
    let report = report.unwrap();
    let outcomes_by_id: Vec<String> = report
        .messages
        .iter()
        .map(|(_, outcome)| match outcome {
            Outcome::DeadAgain { reason, .. } => reason.clone(),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(outcomes_by_id, ["Again", "Waiting", "Later", "Succeeded"]);
    assert!(!report.is_well());
}

/// Receives everything for as long as the other future runs, and lets it die again.
async fn while_everything_dies_again<T>(fixture: &Fixture, running: impl Future<Output = T>) -> T {
    let receiver = fixture.client.receiver("orders");
    let killer = async {
        loop {
            for message in receiver.receive(50, Duration::from_secs(1)).await.unwrap() {
                receiver.dead_letter(message.lock_token, "Again", "x").await.unwrap();
            }
        }
    };
    tokio::select! {
        result = running => result,
        () = killer => unreachable!("it never ends"),
    }
}

#[tokio::test]
async fn the_canary_keeps_the_others_back_when_it_dies_again() {
    let fixture = Fixture::start().await;
    fixture.dead("orders", numbered(30), "Test").await;
    let before = fixture.letters("orders").await;
    let plan = fixture.plan("orders", |_| true).await;
    let options = RunOptions { canary: Some(2), outcome_wait: PATIENCE, ..RunOptions::default() };
    let report = while_everything_dies_again(&fixture, fixture.replay(&plan, options)).await.unwrap();
    assert_eq!((report.counts.dead_again, report.counts.skipped, report.finished), (2, 28, true));
    assert_eq!(fixture.letters("orders").await[..28], before[2..]);
}

#[tokio::test]
async fn too_many_failures_stop_the_run() {
    let fixture = Fixture::start().await;
    fixture.dead("orders", numbered(200), "Test").await;
    let plan = fixture.plan("orders", |_| true).await;
    let options = RunOptions {
        rate: Some(5.0),
        stop_on_failure: Some(0.5),
        outcome_wait: PATIENCE,
        ..RunOptions::default()
    };
    let report = while_everything_dies_again(&fixture, fixture.replay(&plan, options)).await.unwrap();
    assert!(report.counts.dead_again > 0 && report.counts.skipped > 100, "{:?}", report.counts);
    assert_eq!(report.counts.dead_again + report.counts.skipped, 200, "{:?}", report.counts);
}

#[tokio::test]
async fn a_stale_plan_is_refused_and_nothing_changes() {
    let fixture = Fixture::start().await;
    fixture.dead("orders", numbered(5), "Test").await;
    let plan = fixture.plan("orders", |_| true).await;
    let dead = fixture.client.receiver("orders/$deadletterqueue");
    let one = dead.receive(1, PATIENCE).await.unwrap().remove(0);
    dead.complete(one.lock_token).await.unwrap();
    let error = fixture.replay(&plan, without_outcomes()).await.unwrap_err();
    assert!(matches!(error, RunError::Stale { planned: 5, gone: 1, changed: 0 }), "{error}");
    assert_eq!(fixture.broker.counts("orders").unwrap().active, 0);
    let anyway = RunOptions { accept_gone: true, ..without_outcomes() };
    let report = fixture.replay(&plan, anyway).await.unwrap();
    assert_eq!((report.counts.gone, report.counts.replayed), (1, 4));
}

#[tokio::test]
async fn discarded_letters_are_archived_first_and_can_be_read_back() {
    let fixture = Fixture::start().await;
    fixture.dead("orders", numbered(12), "Test").await;
    let before = fixture.letters("orders").await;
    let plan = fixture.plan("orders", every(3)).await;
    let archive = fixture.folder.path().join("archive.ndjson");
    let action = Action::Discard { archive: archive.clone() };
    let report = fixture.run(&plan, &action, without_outcomes(), CancellationToken::new()).await.unwrap();
    assert_eq!((report.counts.discarded, report.finished), (4, true));
    assert_eq!(fixture.letters("orders").await.len(), 8);

    let text = std::fs::read_to_string(archive).unwrap();
    let archived = dead_letters::archive::Archived::read_all(&text).unwrap();
    for archived in &archived {
        let letter = archived.to_letter().unwrap();
        let original = before.iter().find(|before| before.id == letter.id).unwrap();
        let without_reason = |letter: &Letter| letter.message.to_message();
        assert_eq!(without_reason(&letter), without_reason(original));
        assert_eq!((letter.reason(), letter.description()), (original.reason(), original.description()));
    }
    assert_eq!(archived.len(), 4);
}
