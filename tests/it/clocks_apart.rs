//! The handler's clock is wrong: ahead of those of the bus, of Entra, of Azure and of the marketplace, or behind.

use std::time::Duration;

use local_world::{cast::OnboardingPage, step::StepOutcome, world::LocalWorld};
use sandbox::{FaultScript, MarketplaceAction};
use serde_json::json;
use tokio::time::Instant;

use crate::support::{PATIENCE, grant, history, options, sign_up, until, until_nothing_is_left};

const OFF_SECONDS: u64 = 600;

/// What the handler schedules comes late where the bus is behind, so time has to pass.
async fn until_in_time(world: &LocalWorld, page: &OnboardingPage, state: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let view = world.customer().look(page).await.unwrap();
        if view.state == state {
            return;
        }
        assert!(Instant::now() < deadline, "{state}: {view:?} {:#?}", world.steps());
        world.advance(Duration::from_secs(OFF_SECONDS / 2)).await.unwrap();
    }
}

async fn lives_by_a_clock_that_is_off(seconds: i64) {
    let mut options = options();
    let handler = options.handler.as_mut().unwrap();
    handler.arguments.push(format!("--clock-off-seconds={seconds}"));
    let quiet = [("LATCHKEY_SWEEP_SCHEDULE", "0 * * * * *"), ("LATCHKEY_CHECK_FIRST_SECONDS", "60")];
    options.settings.extend(quiet.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let world = LocalWorld::start(options).await.unwrap();
    let signed_up = sign_up(&world).await;
    let page = &signed_up.page;
    world.customer().consent(page).await.unwrap();
    until_in_time(&world, page, "awaiting-key").await;
    let key = world.customer().make_key("contoso-keys").await.unwrap();
    grant(&world, &key).await;
    // Something has to be tried again.
    let rule = json!({
        "call": { "method": "GET", "path": "*/disks/disk-customer-1" },
        "nth": [1, 2, 3],
        "fault": { "kind": "status", "status": 503 }
    });
    world.sandbox().set_faults(FaultScript::parse(&json!({ "faults": [rule] }).to_string()).unwrap());
    world.customer().share_key(page, &key.url).await.unwrap();
    until_in_time(&world, page, "active").await;

    let subscription = signed_up.purchase.subscription_id;
    for (action, state) in
        [(MarketplaceAction::Suspend, "suspended"), (MarketplaceAction::Reinstate, "active")]
    {
        world.sandbox().send_webhook(subscription, action).await.unwrap();
        until_in_time(&world, page, state).await;
    }
    // The customer does take the key away, and gives it back.
    world.customer().enable_key(&key, false).await.unwrap();
    until_in_time(&world, page, "revoked").await;
    world.customer().enable_key(&key, true).await.unwrap();
    until_in_time(&world, page, "active").await;

    let bad = |outcome| matches!(outcome, StepOutcome::Refused | StepOutcome::Failed);
    let bad: Vec<_> = world.steps().into_iter().filter(|step| bad(step.outcome)).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    let retries = world.steps().iter().filter(|step| step.outcome == StepOutcome::Retry).count();
    assert!(retries < 40, "{retries} retries");
    for entry in history(&world, page).await {
        let code = entry["fact"]["finding"]["code"].as_str();
        assert!(matches!(code, None | Some("key-disabled")), "wrongly blamed: {entry}");
    }
    world.settle().await.unwrap();
    until(&world, page, "active").await;
    until_nothing_is_left(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn a_handler_whose_clock_is_ten_minutes_ahead_does_everything_late_at_the_most() {
    lives_by_a_clock_that_is_off(OFF_SECONDS.cast_signed()).await;
}

#[tokio::test]
async fn a_handler_whose_clock_is_ten_minutes_behind_does_everything_and_does_not_hurry() {
    lives_by_a_clock_that_is_off(-OFF_SECONDS.cast_signed()).await;
}
