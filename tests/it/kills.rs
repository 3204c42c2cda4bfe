//! The handler process is killed with SIGKILL in the middle of every step, and the story ends the same.

use futures::{StreamExt as _, stream};
use latchkey_functions::Moment;
use local_world::world::{Crash, LocalWorld};
use tokio::time::Instant;

use crate::support::{
    PATIENCE, SignedUp, a_world_that_crashes, exchanges, play_through_kills, succeeded, until_nothing_is_left,
};

/// Every function that decides something on the way from sign-up to active.
const FUNCTIONS: [&str; 7] = [
    "signup_requested",
    "customer_consented",
    "key_shared",
    "provision_requested",
    "provision_started",
    "disk_encryption_requested",
    "activation_requested",
];

/// Worlds at a time: more only makes each of them slower.
const AT_A_TIME: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_acting_before_the_journal_the_story_ends_the_same() {
    every_function_is_killed_at(Moment::Acted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_journal_before_publishing_the_story_ends_the_same() {
    every_function_is_killed_at(Moment::Journaled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_publishing_before_answering_the_story_ends_the_same() {
    every_function_is_killed_at(Moment::Published).await;
}

async fn every_function_is_killed_at(moment: Moment) {
    stream::iter(FUNCTIONS).for_each_concurrent(AT_A_TIME, |function| run(Crash { function, moment })).await;
}

async fn run(crash: Crash) {
    let world = a_world_that_crashes(crash).await;
    let signed_up = play_through_kills(&world).await;
    // The last step's kill may come after the page already says "active": the host needs a moment to start anew.
    let started_again =
        async || Ok(world.has_crashed() && world.watched(|watched| watched.handler_starts) >= 2);
    let restart =
        world.wait_until("the kill and the new start", Instant::now() + PATIENCE, started_again).await;
    restart.unwrap_or_else(|error| panic!("{crash:?}: {error:#}"));
    assert_one_of_everything(&world, &signed_up, crash).await;
    until_nothing_is_left(&world).await;
    assert_eq!(
        world.watched(|watched| watched.handler_starts),
        2,
        "{crash:?}: killed once, started once more"
    );
    world.stop().await;
}

async fn assert_one_of_everything(world: &LocalWorld, signed_up: &SignedUp, crash: Crash) {
    assert_eq!(world.vendor().disk_encryption_sets().await.unwrap().len(), 1, "{crash:?}");
    let counts = [
        ("PUT", "/diskEncryptionSets/latchkey-"),
        ("PATCH", "/disks/disk-customer-1"),
        ("POST", "/activate"),
    ]
    .map(|(method, url)| (url, succeeded(&exchanges(world, method, url))));
    assert_eq!(counts.map(|(_, count)| count), [1, 1, 1], "{crash:?} {counts:?}");
    let status = world.fulfilment().subscription_status(signed_up.purchase.subscription_id).await.unwrap();
    assert_eq!(status, "Subscribed", "{crash:?}");
}
