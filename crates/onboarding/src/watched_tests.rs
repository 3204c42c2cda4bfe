use object_store::memory::InMemory;
use time::macros::datetime;
use uuid::Uuid;

use super::*;
use crate::test_support::opened;

const NOW: OffsetDateTime = datetime!(2026-02-01 12:00 UTC);
const QUARTER: Duration = Duration::from_secs(900);

fn onboarding(number: u128) -> OnboardingId {
    OnboardingId::of_subscription(Uuid::from_u128(number))
}

/// Twelve hours minute by minute, and each minute twice: by the timer, and by a repeated run or another instance.
#[test]
fn each_onboarding_is_looked_at_once_in_each_interval_and_all_are_spread_over_it() {
    let slots = Slots::every(QUARTER);
    let mut in_minute = [0_u32; 15];
    for number in 0..1500 {
        let mut looks = BTreeSet::new();
        for minute in 0..12 * 60 {
            let at = NOW + time::Duration::minutes(minute);
            let due = slots.due(onboarding(number), at);
            let late = slots.due(onboarding(number), at + time::Duration::seconds(20));
            assert_eq!(due, late, "a timer that is late");
            assert_eq!(due, slots.due(onboarding(number), at - time::Duration::seconds(1)), "or early");
            let Some(look) = due else { continue };
            assert!(looks.insert(look), "the same number twice");
            if minute < 15 {
                in_minute[usize::try_from(minute).unwrap()] += 1;
            }
        }
        assert_eq!(looks.len(), 48);
    }
    assert!(in_minute.iter().all(|looks| (50..150).contains(looks)), "{in_minute:?}");
}

#[test]
fn a_short_interval_has_one_moment() {
    let slots = Slots::every(Duration::from_secs(5));
    let looks: BTreeSet<_> = (0..60)
        .map(|second| slots.due(onboarding(1), NOW + time::Duration::seconds(second)).unwrap())
        .collect();
    assert_eq!(looks.len(), 13, "a new number each five seconds");
}

#[test]
fn a_full_look_is_due_each_hour() {
    let due = |minutes| {
        let worked_at = Some(NOW - time::Duration::minutes(minutes));
        Seen { worked_at, ..Seen::default() }.full_look_is_due(NOW, QUARTER)
    };
    assert!(!due(0) && !due(46) && due(59) && due(60) && due(600));
    assert!(Seen::default().full_look_is_due(NOW, QUARTER), "when it never worked, or that was lost");
}

/// What docs/costs.md says of a day: 96 looks, and of these one an hour in full.
#[test]
fn a_healthy_day_has_96_looks_of_which_24_are_full() {
    let slots = Slots::every(QUARTER);
    for number in 0..200 {
        let (mut seen, mut looks, mut full) = (Seen::default(), 0, 0);
        for minute in 0..2 * 24 * 60 {
            // The message is carried out some seconds later, not always after as many.
            let now = NOW + time::Duration::minutes(minute) + time::Duration::seconds((minute * 7) % 25);
            if slots.due(onboarding(number), now).is_none() {
                continue;
            }
            let is_full = seen.full_look_is_due(now, QUARTER);
            if is_full {
                seen.worked_at = Some(now);
            }
            if minute >= 24 * 60 {
                (looks, full) = (looks + 1, full + i32::from(is_full));
            }
        }
        assert_eq!((looks, full), (96, 24));
    }
}

#[tokio::test]
async fn what_is_kept_is_read_back_and_what_cannot_be_read_is_nothing() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let watched = Watched::new(store.clone());
    assert_eq!(watched.seen(onboarding(1)).await.unwrap(), Seen::default());
    let seen = Seen {
        worked_at: Some(NOW),
        version: Some("d3781afa0b4848ab9aee9edf0848f28c".to_owned()),
        looked_at: Some(NOW),
        found: Some(Code::KeyDisabled),
        last_successes: vec![],
    };
    watched.keep(onboarding(1), &seen).await.unwrap();
    assert_eq!(watched.seen(onboarding(1)).await.unwrap(), seen);
    let bytes = store.get(&path_of(onboarding(1))).await.unwrap().bytes().await.unwrap();
    assert_eq!(
        std::str::from_utf8(&bytes).unwrap(),
        r#"{"workedAt":"2026-02-01T12:00:00Z","version":"d3781afa0b4848ab9aee9edf0848f28c","lookedAt":"2026-02-01T12:00:00Z","found":"key-disabled"}"#
    );
    for damaged in ["", "nobody", r#"{"found": "a code of a newer version"}"#] {
        store.put(&path_of(onboarding(1)), damaged.into()).await.unwrap();
        assert_eq!(watched.seen(onboarding(1)).await.unwrap(), Seen::default());
    }
}

#[tokio::test]
async fn an_onboarding_is_watched_from_its_activation_to_its_end() {
    let watched = Watched::new(Arc::new(InMemory::new()));
    let mut onboarding = opened().onboarding;
    watched.follow(&onboarding).await.unwrap();
    assert!(watched.all().await.unwrap().is_empty());

    onboarding.activated_at = Some(NOW);
    watched.follow(&onboarding).await.unwrap();
    let seen = Seen { worked_at: Some(NOW), ..Seen::default() };
    watched.keep(onboarding.id(), &seen).await.unwrap();
    watched.follow(&onboarding).await.unwrap();
    assert_eq!(watched.all().await.unwrap(), BTreeSet::from([onboarding.id()]));
    assert_eq!(watched.seen(onboarding.id()).await.unwrap(), seen, "it was watched before");

    onboarding.purchase.status = crate::SubscriptionStatus::Unsubscribed;
    watched.follow(&onboarding).await.unwrap();
    watched.follow(&onboarding).await.unwrap();
    assert!(watched.all().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_last_success_before_a_time_without_one_is_remembered() {
    let after = |hours| NOW + time::Duration::hours(hours);
    let healthy = Seen::default().works_again(after(0), None, true).works_again(after(1), None, true);
    assert_eq!((healthy.worked_at, &healthy.last_successes), (Some(after(1)), &vec![]));
    let recovered = healthy.works_again(after(9), None, false);
    assert_eq!(
        (recovered.worked_at, &recovered.last_successes),
        (Some(after(9)), &vec![LastSuccess(after(1))])
    );
    let watched = Watched::new(Arc::new(InMemory::new()));
    watched.keep(onboarding(1), &recovered).await.unwrap();
    assert_eq!(watched.seen(onboarding(1)).await.unwrap(), recovered);

    let many = (1..=200).fold(Seen::default(), |seen, hour| seen.works_again(after(hour), None, false));
    assert_eq!(many.last_successes.len(), MOST_ENDED);
    assert_eq!(many.last_successes.last(), Some(&LastSuccess(after(199))));
}

/// What bounds the looks at one vault over all instances, as `handlers/systems/looks.rs` says.
#[test]
fn five_hundred_onboardings_of_one_vault_are_never_more_than_fifty_looks_in_a_minute() {
    let slots = Slots::every(QUARTER);
    let in_minute = |minute: i64| {
        let at = NOW + time::Duration::minutes(minute);
        (0..500).filter(|number| slots.due(onboarding(*number), at).is_some()).count()
    };
    let counts: Vec<usize> = (0..15).map(in_minute).collect();
    assert_eq!(counts.iter().sum::<usize>(), 500);
    assert!(counts.iter().all(|looks| *looks <= 50), "{counts:?}");
}
