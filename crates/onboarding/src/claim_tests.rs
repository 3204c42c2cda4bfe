//! One key, one onboarding: in whatever order steps run, and whoever is killed between claim and journal.

use futures::TryStreamExt as _;
use object_store::{ObjectStoreExt as _, local::LocalFileSystem, memory::InMemory};
use uuid::Uuid;

use super::*;
use crate::{
    About, Fact, Purchase, SubscriptionStatus,
    finding::Finding,
    journal::Head,
    leaving::{SetIs, Sweep},
    test_support::{TENANT, cause, key, opened, proof, set, tenant},
};

/// A journal with so many onboardings of one customer.
async fn onboardings(store: &Arc<dyn ObjectStore>, count: u128) -> (Claims, Journal, Vec<Head>) {
    let journal = Journal::new(store.clone());
    let mut heads = vec![];
    for number in 1..=count {
        let subscription = Uuid::from_u128(number);
        let purchase = Purchase { subscription, ..opened().onboarding.purchase };
        let region: azure_ids::Region = "westeurope".parse().unwrap();
        let id = OnboardingId::of_subscription(subscription);
        let decision = Onboarding::open(id, tenant(), region, purchase, cause(&format!("open {number}")));
        heads.push(journal.append(None, decision).await.unwrap());
    }
    (Claims::new(store.clone()), journal, heads)
}

fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

fn proven(name: &str) -> Fact {
    Fact::KeyProven { proof: proof(name, TENANT) }
}

async fn append(journal: &Journal, head: &Head, fact: Fact) -> Result<Head, JournalError> {
    let origin = format!("{:?} {}", fact, head.onboarding.number());
    journal.append(Some(head), head.onboarding.decide(cause(&origin), fact).unwrap().unwrap()).await
}

fn is_claimed(taken: &Result<(), ClaimError>) -> bool {
    matches!(taken, Err(ClaimError::Claimed(_)))
}

#[tokio::test]
async fn a_key_belongs_to_whoever_proved_it_first() {
    let (claims, journal, heads) = onboardings(&memory(), 2).await;
    let [first, second] = [&heads[0], &heads[1]];
    claims.take(&journal, &key("k").without_version(), &first.onboarding).await.unwrap();
    claims.take(&journal, &key("K"), &first.onboarding).await.unwrap();
    let early = claims.take(&journal, &key("k"), &second.onboarding).await;
    assert!(is_claimed(&early), "its entry may still be appended");
    append(&journal, first, proven("k")).await.unwrap();
    assert!(is_claimed(&claims.take(&journal, &key("k"), &second.onboarding).await));
    claims.take(&journal, &key("other"), &second.onboarding).await.unwrap();
}

#[tokio::test]
async fn a_claim_ends_with_the_onboarding_or_with_its_use_of_the_key() {
    let ended = Fact::Subscription { status: SubscriptionStatus::Unsubscribed };
    let swept = |set_is| {
        let (at, set) = (cause("").now, set("latchkey"));
        let sweep = Sweep { at, set, set_is, key_held_by: None, users: vec![] };
        Fact::LeavingSwept { sweep, by_policy: false }
    };
    let refused = Fact::Found {
        about: About::Consent,
        finding: Finding::ConsentMissing { tenant: tenant() },
        token_of: None,
    };
    for moves_on in [vec![ended, swept(SetIs::NotThere)], vec![proven("other")], vec![refused]] {
        let (claims, journal, heads) = onboardings(&memory(), 2).await;
        claims.take(&journal, &key("k"), &heads[0].onboarding).await.unwrap();
        let first = append(&journal, &heads[0], proven("k")).await.unwrap();
        let mut first = first;
        for fact in moves_on {
            first = append(&journal, &first, fact).await.unwrap();
        }
        claims.take(&journal, &key("k"), &heads[1].onboarding).await.unwrap();
        assert!(
            is_claimed(&claims.take(&journal, &key("k"), &first.onboarding).await),
            "and is not taken back"
        );
        claims.release(&key("k"), first.onboarding.id(), 99).await.unwrap();
        assert!(
            is_claimed(&claims.take(&journal, &key("k"), &first.onboarding).await),
            "nor released for it"
        );
    }
}

#[tokio::test]
async fn what_is_released_may_be_taken_and_a_claim_for_a_later_entry_stays() {
    let (claims, journal, heads) = onboardings(&memory(), 2).await;
    let [first, second] = [&heads[0], &heads[1]];
    claims.take(&journal, &key("k"), &first.onboarding).await.unwrap();
    claims.release(&key("k"), first.onboarding.id(), 1).await.unwrap();
    assert!(is_claimed(&claims.take(&journal, &key("k"), &second.onboarding).await), "it is for entry 2");
    claims.release(&key("k"), first.onboarding.id(), 2).await.unwrap();
    claims.take(&journal, &key("k"), &second.onboarding).await.unwrap();
}

/// The security property: whoever was overtaken cannot append any more.
#[tokio::test]
async fn a_step_that_was_killed_after_its_claim_cannot_use_a_key_that_another_took_over() {
    let (claims, journal, heads) = onboardings(&memory(), 2).await;
    let [first, second] = [&heads[0], &heads[1]];
    claims.take(&journal, &key("k"), &first.onboarding).await.unwrap();
    let moved_on = append(&journal, first, proven("other")).await.unwrap();
    claims.take(&journal, &key("k"), &second.onboarding).await.unwrap();
    append(&journal, second, proven("k")).await.unwrap();
    let late = append(&journal, first, proven("k")).await;
    assert!(matches!(late, Err(JournalError::Lost { .. })), "{late:?}");
    assert!(is_claimed(&claims.take(&journal, &key("k"), &moved_on.onboarding).await));
}

/// With files, whose calls run in threads: all go for one key, at first a free one and then a stale claim.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_all_that_race_for_one_key_one_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    let (claims, journal, mut heads) = onboardings(&store, 8).await;
    for round in 0..6 {
        let racing = heads.clone().into_iter().map(|head| {
            let (claims, journal) = (claims.clone(), journal.clone());
            tokio::spawn(async move {
                let taken = claims.take(&journal, &key("k"), &head.onboarding).await;
                assert!(taken.is_ok() || is_claimed(&taken), "{taken:?}");
                taken.is_ok()
            })
        });
        let results = futures::future::join_all(racing).await;
        let winners: Vec<usize> =
            (0..results.len()).filter(|place| *results[*place].as_ref().unwrap()).collect();
        assert_eq!(winners.len(), 1, "round {round}: {winners:?}");
        // Uses the key, and then another: the claim is stale.
        let won = append(&journal, &heads[winners[0]], proven("k")).await.unwrap();
        heads[winners[0]] = append(&journal, &won, proven(&format!("other{round}"))).await.unwrap();
    }
}

/// The operator ends what the journals cannot tell any more, and never what a journal says is in use.
#[tokio::test]
async fn the_operator_releases_only_what_its_holder_does_not_use_or_can_never_tell() {
    let store = memory();
    let (claims, journal, heads) = onboardings(&store, 2).await;
    let first = &heads[0];
    assert_eq!(claims.release_by_operator(&journal, &key("k"), "free").await.unwrap(), None);
    claims.take(&journal, &key("k"), &first.onboarding).await.unwrap();
    let early = claims.release_by_operator(&journal, &key("k"), "early").await;
    assert!(matches!(early, Err(ReleaseError::InUse(_))), "its entry may still be appended: {early:?}");
    append(&journal, first, proven("k")).await.unwrap();
    assert_eq!(claims.holder(&journal, &key("k")).await.unwrap(), Some(first.onboarding.id()));
    let used = claims.release_by_operator(&journal, &key("k"), "used").await;
    assert!(matches!(used, Err(ReleaseError::InUse(id)) if id == first.onboarding.id()), "{used:?}");

    // The entries are cut off: nobody can tell any more what that onboarding uses.
    let id = first.onboarding.id();
    let listed: Vec<_> = store.list(Some(&Path::from(format!("journal/{id}")))).try_collect().await.unwrap();
    for object in listed {
        store.put(&object.location, b"{".to_vec().into()).await.unwrap();
    }
    let released = claims.release_by_operator(&journal, &key("k"), "its journal is lost").await.unwrap();
    assert_eq!(released, Some(id));
    claims.take(&journal, &key("k"), &heads[1].onboarding).await.unwrap();
}
