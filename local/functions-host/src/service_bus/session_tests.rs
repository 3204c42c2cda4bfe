//! Sessions: order, how many at once, what becomes of messages, and when a session is given back.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::configuration::service_bus_options::ServiceBusOptions;
use crate::service_bus::scripted::{
    Fixture, PATIENCE, Script, Sessions, delivery, fixture_of, options, script,
};

const SESSIONS: &str = r#","isSessionsEnabled":true"#;

async fn fixture(
    sessions: &[Arc<Script>],
    trigger: &str,
    options: ServiceBusOptions,
) -> (Fixture, Arc<Sessions>) {
    let source = Sessions::of(sessions.iter().cloned());
    let fixture = fixture_of(script([]), Some(Arc::new(source.clone())), trigger, options).await;
    (fixture, source)
}

fn session(deliveries: impl IntoIterator<Item = Delivery>) -> Arc<Script> {
    Arc::new(script(deliveries))
}

async fn until_closed(session: &Script) -> Vec<String> {
    let waiting = async {
        while session.done().last().is_none_or(|last| last != "close") {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{:?}", session.done()));
    session.done()
}

#[tokio::test]
async fn messages_of_a_session_come_one_after_the_other_and_the_idle_session_is_given_back() {
    let first = session([delivery(1, "slow"), delivery(2, "fails"), delivery(3, "fine")]);
    let second = session([delivery(4, "fine")]);
    let (fixture, _) = fixture(&[first.clone(), second.clone()], SESSIONS, options(1)).await;
    assert_eq!(until_closed(&first).await, ["complete 1", "abandon 2", "complete 3", "close"]);
    assert_eq!(until_closed(&second).await, ["complete 4", "close"]);
    fixture.stop.cancel();
    timeout(PATIENCE, fixture.listener).await.unwrap().unwrap();
}

#[tokio::test]
async fn no_more_sessions_are_held_at_once_than_allowed() {
    let sessions: Vec<_> = (1..=5).map(|number| session([delivery(number, "slow")])).collect();
    let limited = ServiceBusOptions { max_concurrent_sessions: 2, ..options(16) };
    let (fixture, source) = fixture(&sessions, SESSIONS, limited).await;
    for session in &sessions {
        until_closed(session).await;
    }
    assert_eq!(*source.held.lock().unwrap(), (0, 2));
    assert_eq!(fixture.asked.running.lock().unwrap().1, 2);
}

#[tokio::test]
async fn several_calls_a_session_are_made_where_it_is_said() {
    let session = session((1..=4).map(|number| delivery(number, "slow")));
    let several = ServiceBusOptions { max_concurrent_calls_per_session: 2, ..options(16) };
    let (fixture, _) = fixture(std::slice::from_ref(&session), SESSIONS, several).await;
    assert_eq!(until_closed(&session).await.len(), 5);
    assert_eq!(fixture.asked.running.lock().unwrap().1, 2);
}

#[tokio::test]
async fn the_lock_of_a_session_is_renewed_while_it_is_held() {
    let mut slow = script([delivery(1, "slow")]);
    slow.lock_duration = Duration::from_millis(600);
    let slow = Arc::new(slow);
    let (_world, _) = fixture(std::slice::from_ref(&slow), SESSIONS, options(1)).await;
    let done = until_closed(&slow).await;
    assert!(done.contains(&"renew 0".to_owned()) && done.contains(&"complete 1".to_owned()), "{done:?}");
}

#[tokio::test]
async fn a_lost_session_is_reported_and_the_next_one_is_taken() {
    let mut lost = script([]);
    lost.failing = Mutex::new(vec!["receive"]);
    let (lost, next) = (Arc::new(lost), session([delivery(1, "fine")]));
    let only_one = ServiceBusOptions { max_concurrent_sessions: 1, ..options(1) };
    let (mut fixture, _) = fixture(&[lost.clone(), next.clone()], SESSIONS, only_one).await;
    assert_eq!(until_closed(&lost).await, ["close"]);
    let line = fixture.line("Action=Receive").await;
    assert!(line.ends_with("the session is lost"), "{line}");
    assert_eq!(until_closed(&next).await, ["complete 1", "close"]);
}

#[tokio::test]
async fn batches_of_a_session_are_taken_one_session_at_a_time() {
    let first = session([delivery(1, "slow"), delivery(2, "b")]);
    let second = session([delivery(3, "fails"), delivery(4, "d")]);
    let trigger = format!(r#"{SESSIONS},"cardinality":"many","dataType":"string""#);
    let (_world, source) = fixture(&[first.clone(), second.clone()], &trigger, options(1)).await;
    assert_eq!(until_closed(&first).await, ["complete 1", "complete 2", "close"]);
    assert_eq!(until_closed(&second).await, ["abandon 3", "abandon 4", "close"]);
    assert_eq!(source.held.lock().unwrap().1, 1);
}

#[tokio::test]
async fn a_stopping_host_gives_its_sessions_back() {
    let patient = ServiceBusOptions { session_idle_timeout: Duration::from_secs(3600), ..options(1) };
    let slow = session([delivery(1, "slow"), delivery(2, "never handed out")]);
    let (fixture, source) = fixture(std::slice::from_ref(&slow), SESSIONS, patient).await;
    fixture.until_asked(1).await;
    fixture.stop.cancel();
    timeout(PATIENCE, fixture.listener).await.unwrap().unwrap();
    assert_eq!(slow.done(), ["complete 1", "close"]);
    assert_eq!(source.held.lock().unwrap().0, 0);
}
