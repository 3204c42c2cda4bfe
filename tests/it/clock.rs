//! One clock for the local world: months pass in seconds, and everything that is due in them happens at its time.

use std::time::Duration;

use local_world::step::StepOutcome;
use local_world::world::{LocalWorld, LocalWorldOptions};
use reqwest::StatusCode;
use serde_json::json;
use time::OffsetDateTime;

use crate::support::{
    a_world_with, consent_and_share, exchanges, options, plain_client, play, sign_up, until,
};

const DAY: Duration = Duration::from_secs(86_400);
/// The timer that runs all the time otherwise.
const EVERY_QUARTER_OF_AN_HOUR: (&str, &str) = ("LATCHKEY_SWEEP_SCHEDULE", "0 */15 * * * *");

/// When this function's steps began.
fn runs(world: &LocalWorld, function: &str) -> Vec<OffsetDateTime> {
    let steps = world.steps().into_iter().filter(|step| step.function == function);
    steps.map(|step| step.started_at).collect()
}

fn no_failures(world: &LocalWorld) {
    world.watched(|watched| assert_eq!(watched.failed_invocations, [], "{:?}", watched.problems));
    let bad = |outcome| matches!(outcome, StepOutcome::Refused | StepOutcome::Failed);
    let bad: Vec<_> = world.steps().into_iter().filter(|step| bad(step.outcome)).collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

#[tokio::test]
async fn in_two_days_every_timer_runs_as_often_as_in_two_days_and_each_check_at_its_time() {
    let world = a_world_with(&[EVERY_QUARTER_OF_AN_HOUR, ("LATCHKEY_CHECK_FIRST_SECONDS", "3600")]).await;
    sign_up(&world).await;
    world.settle().await.unwrap();
    let (began, asked) = (world.now(), exchanges(&world, "GET", "/api/saas/subscriptions/").len());
    world.advance(DAY * 2).await.unwrap();
    assert!(world.now() - began >= DAY * 2);

    // Every step is told with the world's time, a day later than the machine's.
    let checks = runs(&world, "check_due");
    assert!(checks.is_sorted() && checks.last().unwrap() > &(began + DAY), "{checks:?}");
    // An hour, then twice as long each time, up to six hours: seen by the sweep that follows.
    let pauses: Vec<_> =
        checks.windows(2).map(|pair| ((pair[1] - pair[0]).as_seconds_f64() / 3_600.0).round()).collect();
    assert!(pauses.starts_with(&[2.0, 4.0, 6.0, 6.0]), "{pauses:?}");
    let sweeps = world.watched(|watched| watched.invocations.get("sweep").copied().unwrap_or_default());
    assert!((192..=193).contains(&sweeps), "{sweeps}");
    for daily in ["check_subscriptions", "anchor_journal"] {
        assert_eq!(world.watched(|watched| watched.invocations.get(daily).copied()), Some(2), "{daily}");
    }
    let asked = exchanges(&world, "GET", "/api/saas/subscriptions/").len() - asked;
    assert_eq!(asked, 2, "the marketplace is asked once a day");
    no_failures(&world);
    world.stop().await;
}

/// Tokens, and what else holds for an hour, end with the moved clock for those who use them too.
#[tokio::test]
async fn a_customer_who_comes_months_later_is_served_like_the_first() {
    let world = a_world_with(&[EVERY_QUARTER_OF_AN_HOUR]).await;
    play(&world).await;
    for _ in 0..3 {
        world.jump(DAY * 30).await.unwrap();
        world.settle().await.unwrap();
    }
    let later = sign_up(&world).await;
    world.vendor().make_disk_for("disk-2", later.purchase.subscription_id).await.unwrap();
    consent_and_share(&world, &later.page, "contoso-keys-2").await;
    until(&world, &later.page, "active").await;
    no_failures(&world);
    world.stop().await;
}

#[tokio::test]
async fn a_clock_that_was_moved_goes_on_from_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let lasting = || {
        let mut options = LocalWorldOptions { dir: Some(folder.path().to_owned()), ..options() };
        let (name, value) = EVERY_QUARTER_OF_AN_HOUR;
        options.settings.insert(name.to_owned(), value.to_owned());
        options
    };
    let world = LocalWorld::start(lasting()).await.unwrap();
    let page = sign_up(&world).await.page;
    world.jump(DAY * 10).await.unwrap();
    world.settle().await.unwrap();
    let reached = world.now();
    world.stop().await;

    let world = LocalWorld::start(lasting()).await.unwrap();
    assert!(world.now() >= reached && world.now() - reached < DAY);
    assert_eq!(world.sandbox().now().date(), world.now().date());
    consent_and_share(&world, &page, "contoso-keys").await;
    until(&world, &page, "active").await;
    no_failures(&world);
    world.stop().await;
}

#[tokio::test]
async fn nobody_moves_the_clock_of_one_part_alone() {
    let world = a_world_with(&[]).await;
    let url = format!("{}/control/clock", world.sandbox().own_url());
    let body = json!({"forwardSeconds": 3600});
    let answer = plain_client().post(url).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    assert!(answer.text().await.unwrap().contains("clock +1d"));
    world.stop().await;
}
