use super::*;
use crate::message::tests::of_session;

const NOBODY: Uuid = Uuid::nil();

fn sessionful() -> Options {
    let queues = vec![QueueOptions { requires_session: true, ..options() }];
    Options { queues, ..Options::default() }
}

fn store() -> Store {
    Store::new(&sessionful(), true)
}

fn put(store: &mut Store, session: &str, id: &str) {
    store.send(&queue(), of_session(session, id), at(0)).unwrap();
}

fn accept(store: &mut Store, wanted: Option<&str>, now: i64) -> Result<Option<String>, StoreError> {
    let accepted = store.accept_session(&queue(), wanted, NOBODY, at(now))?;
    Ok(accepted.map(|(id, _)| id.to_string()))
}

fn receive(store: &mut Store, session: &str, now: i64) -> Option<(String, Uuid)> {
    let delivery = store.lock_next(&queue(), Some(session), at(now)).unwrap()?;
    Some((text_of(&delivery.encoded), delivery.token))
}

#[test]
fn a_session_is_one_receivers_and_its_messages_come_in_order() {
    let mut store = store();
    for (session, id) in [("a", "a1"), ("b", "b1"), ("a", "a2")] {
        put(&mut store, session, id);
    }
    assert_eq!(accept(&mut store, None, 0), Ok(Some("a".to_owned())));
    let refused = accept(&mut store, Some("a"), 0).unwrap_err();
    assert!(matches!(refused, StoreError::SessionCannotBeLocked(_)), "{refused}");
    assert_eq!(accept(&mut store, None, 0), Ok(Some("b".to_owned())));
    assert_eq!(accept(&mut store, None, 0), Ok(None), "no other session has messages");
    let received: Vec<String> =
        std::iter::from_fn(|| receive(&mut store, "a", 0)).map(|(id, _)| id).collect();
    assert_eq!(received, ["a1", "a2"]);
    assert_eq!(accept(&mut store, Some("empty"), 0), Ok(Some("empty".to_owned())), "it may be empty");
}

#[test]
fn a_message_without_a_session_is_refused_and_so_is_a_receiver_without_one() {
    let mut store = store();
    let sent = store.send(&queue(), a_message("a", "a"), at(0));
    assert_eq!(sent, Err(StoreError::SessionIdMissing));
    assert_eq!(store.check_receiver(&queue(), false), Err(StoreError::SessionRequired));
    assert_eq!(store.check_receiver(&queue().dead_letters(), false), Ok(()));
    assert_eq!(store.check_receiver(&queue().dead_letters(), true), Err(StoreError::NoSessionsHere));
    put(&mut store, "", "the empty id is one");
    assert_eq!(accept(&mut store, None, 0), Ok(Some(String::new())));
}

#[test]
fn a_given_up_session_costs_no_attempt_and_a_lost_one_does() {
    let mut store = store();
    put(&mut store, "a", "a1");
    accept(&mut store, Some("a"), 0).unwrap();
    let (_, token) = receive(&mut store, "a", 0).unwrap();
    store.release_session(&queue(), "a", NOBODY, at(0));
    assert_eq!(counts(&store), Counts { active: 1, ..Counts::default() });
    let settled = store.settle(&queue(), token, Settlement::Complete, at(0));
    assert_eq!(settled, Err(StoreError::SessionLockLost));

    accept(&mut store, Some("a"), 0).unwrap();
    receive(&mut store, "a", 0).unwrap();
    assert_eq!(store.next_deadline(), Some(at(MINUTE)));
    store.advance(at(MINUTE));
    let attempts: Vec<u32> =
        store.entity(&queue()).unwrap().messages().map(|stored| stored.delivery_count).collect();
    assert_eq!(attempts, [1]);
    assert_eq!(accept(&mut store, None, MINUTE), Ok(Some("a".to_owned())));
}

#[test]
fn a_session_lost_too_often_leaves_its_message_among_the_dead_letters() {
    let mut store = store();
    put(&mut store, "a", "a1");
    for round in 0..3 {
        accept(&mut store, Some("a"), round * MINUTE).unwrap();
        receive(&mut store, "a", round * MINUTE).unwrap();
        store.advance(at((round + 1) * MINUTE));
    }
    assert_eq!(counts(&store), Counts { dead_letter: 1, ..Counts::default() });
}

#[test]
fn only_the_holder_gives_a_session_up_and_a_renewed_lock_lasts() {
    let mut store = store();
    put(&mut store, "a", "a1");
    let other = Uuid::from_u128(7);
    store.accept_session(&queue(), Some("a"), other, at(0)).unwrap();
    let (_, token) = receive(&mut store, "a", 0).unwrap();
    store.release_session(&queue(), "a", NOBODY, at(0));
    assert!(store.holds_session(&queue(), "a", other, at(0)));
    assert_eq!(store.renew_session(&queue(), "a", at(50_000)), Ok(at(50_000 + MINUTE)));
    store.advance(at(MINUTE));
    store.settle(&queue(), token, Settlement::Complete, at(MINUTE)).unwrap();
    assert_eq!(store.renew(&queue(), token, at(MINUTE)), Err(StoreError::LockIsTheSessions));
    store.advance(at(50_000 + MINUTE));
    assert!(!store.holds_session(&queue(), "a", other, at(50_000 + MINUTE)));
    let renewed = store.renew_session(&queue(), "a", at(50_000 + MINUTE));
    assert_eq!(renewed, Err(StoreError::SessionLockLost));
}

#[test]
fn deferred_messages_are_fetched_within_their_session() {
    let mut store = store();
    put(&mut store, "a", "a1");
    accept(&mut store, Some("a"), 0).unwrap();
    let (_, token) = receive(&mut store, "a", 0).unwrap();
    store.settle(&queue(), token, Settlement::Defer(Properties::new()), at(0)).unwrap();
    let fetch = |store: &mut Store, session| {
        store.receive_deferred(&queue(), session, &[1], true, at(0)).map(|found| found.len())
    };
    assert_eq!(fetch(&mut store, None), Err(StoreError::SessionRequired));
    assert_eq!(fetch(&mut store, Some("b")), Err(StoreError::SessionLockLost));
    accept(&mut store, Some("b"), 0).unwrap();
    assert_eq!(fetch(&mut store, Some("b")), Err(StoreError::MessageNotFound(1)));
    assert_eq!(fetch(&mut store, Some("a")), Ok(1));
    store.release_session(&queue(), "a", NOBODY, at(0));
    assert_eq!(counts(&store), Counts { deferred: 1, ..Counts::default() }, "deferred again, not active");
}

#[test]
fn a_peek_shows_one_session_or_all() {
    let mut store = store();
    for (session, id) in [("a", "a1"), ("b", "b1"), ("a", "a2")] {
        put(&mut store, session, id);
    }
    let peek = |store: &mut Store, session| -> Vec<String> {
        let peeked = store.peek(&queue(), session, 0, 2, 10_000).unwrap();
        peeked.iter().map(|encoded| text_of(encoded)).collect()
    };
    assert_eq!(peek(&mut store, Some("a")), ["a1", "a2"]);
    assert_eq!(peek(&mut store, None), ["a1", "b1"]);
}

#[test]
fn the_state_of_a_session_is_its_holders_to_set_and_is_there_after_a_restart() {
    let mut store = store();
    let set = |store: &mut Store, id, state: Option<&'static [u8]>| {
        store.set_session_state(&queue(), id, state.map(Into::into), at(5))
    };
    assert_eq!(set(&mut store, "a", Some(b"x")), Err(StoreError::SessionLockLost), "nobody holds it");
    for id in ["a", "b"] {
        accept(&mut store, Some(id), 0).unwrap();
        set(&mut store, id, Some(b"half way")).unwrap();
    }
    set(&mut store, "b", None).unwrap();
    assert_eq!(store.session_ids(&queue(), at(4)), Ok(vec!["a".to_owned()]));
    assert_eq!(store.session_ids(&queue(), at(5)), Ok(Vec::new()));
    put(&mut store, "c", "c1");
    let all = store.session_ids(&queue(), at(i64::MAX));
    assert_eq!(all, Ok(vec!["a".to_owned(), "c".to_owned()]), "of one there is only the state");

    for records in [store.take_records(), store.snapshot()] {
        let mut again = self::store();
        let mut unclaimed = Unclaimed::default();
        for record in read_records(&records).unwrap() {
            again.repeat(record, &mut unclaimed);
        }
        assert_eq!(accept(&mut again, None, 10), Ok(Some("c".to_owned())), "no lock is on record");
        accept(&mut again, Some("a"), 10).unwrap();
        assert_eq!(again.session_state(&queue(), "a", at(10)), Ok(Some(b"half way".as_slice().into())));
        accept(&mut again, Some("b"), 10).unwrap();
        assert_eq!(again.session_state(&queue(), "b", at(10)), Ok(None));

        let mut without_sessions = store_with(options());
        for record in read_records(&records).unwrap() {
            without_sessions.repeat(record, &mut unclaimed);
        }
        let left: Vec<_> = unclaimed.holding().map(|(_, messages, sessions)| (messages, sessions)).collect();
        assert_eq!(left, [(0, 1)], "a state that nobody could read is noticed");
    }
}

#[test]
fn messages_without_a_session_are_not_lost_when_their_queue_gets_sessions() {
    let mut before = store_with(options());
    send(&mut before, "old", 0);
    let mut after = store();
    for record in read_records(&before.take_records()).unwrap() {
        after.repeat(record, &mut Unclaimed::default());
    }
    assert_eq!(accept(&mut after, None, 0), Ok(Some(String::new())));
    assert_eq!(receive(&mut after, "", 0).unwrap().0, "old");
}
