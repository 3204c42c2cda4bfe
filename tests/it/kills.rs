//! The handler process is killed with SIGKILL at awaits of every queue function, and the story ends the same.
//!
//! In `tests/matrix` a function is dropped at an await instead; this shows what a real SIGKILL does.

use std::{collections::BTreeSet, time::Duration};

use futures::{StreamExt as _, stream};
use local_world::{
    cast::{CustomerKey, OnboardingPage, OnboardingView},
    world::LocalWorld,
};
use reqwest::Method;
use sandbox::MarketplaceAction;
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use crate::key_events::Offered;
use crate::machines::Machine;
use crate::support::{
    PATIENCE, SignedUp, a_world_that_takes_kill_orders, check_again, exchanges, grant, insist, run_timer,
    sign_up_through_kills, succeeded, until, until_blocked, until_nothing_is_left,
};
use crate::windows;

/// Worlds at a time: more only makes each of them slower.
const AT_A_TIME: usize = 3;

/// At the third crash the host ends, as Microsoft's does, and the platform starts another.
const KILLS_A_HOST: usize = 2;

/// Every so-many-th await is one of the sample.
const EVERY: usize = 3;

/// No step has more awaits than these reach; a step without an end would be a fault.
const MOST_KILLS: usize = 40;

/// Every queue function of the table takes part in this story, so that one that is added is killed too.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the story now goes to the very end, a minute for each kill: run by hand with `-- --ignored killed_at`"]
async fn killed_at_awaits_of_any_function_the_story_ends_the_same() {
    let functions: Vec<&'static str> =
        latchkey_functions::table().iter().filter_map(|function| function.queue()).collect();
    let ran: Vec<BTreeSet<String>> =
        stream::iter(functions.clone()).map(kill_at_awaits).buffer_unordered(AT_A_TIME).collect().await;
    for function in functions {
        assert!(ran.iter().any(|ran| ran.contains(function)), "the story does not reach {function}");
    }
}

/// Answers which functions ran.
async fn kill_at_awaits(function: &'static str) -> BTreeSet<String> {
    let mut world = a_world_that_takes_kill_orders().await;
    let (mut played, mut ran) = (vec![], BTreeSet::new());
    for nth in (1..).step_by(EVERY) {
        world.order_kill(function, nth).unwrap();
        played.push(whole_story(&world, nth).await);
        ran.extend(world.steps().into_iter().map(|step| step.function));
        let has_fewer_awaits = world.take_kill_back().unwrap();
        if has_fewer_awaits {
            break;
        }
        assert!(played.len() < MOST_KILLS, "{function} has no end");
        if played.len() % KILLS_A_HOST == 0 {
            world = world.restart_host().await.unwrap();
        }
    }
    let kills = played.len() - 1;
    assert!(kills > 0, "{function} was not killed once");
    until_nothing_is_left(&world).await;
    assert_one_of_everything(&world, function, &played).await;
    println!("{function}: killed at {kills} awaits");
    world.stop().await;
    ran
}

/// From the purchase to an active subscription, with all that queue functions are for: a grant that comes late and is
/// found by a check, a suspension and a reinstatement, the daily look at the subscription, a key that is taken away, with
/// all rungs of the grace ladder, and comes back, and an event of its vault; and the end, with everything undone. Answers
/// whether it came to that.
async fn whole_story(world: &LocalWorld, nth: u32) -> (SignedUp, bool) {
    let signed_up = sign_up_through_kills(world).await;
    let subscription = signed_up.purchase.subscription_id;
    let disk = world.vendor().make_disk_for(&format!("disk-{nth}"), subscription).await.unwrap();
    let page = &signed_up.page;
    insist(world, "the consent", async || world.customer().consent(page).await.map(drop)).await;
    until(world, page, "awaiting-key").await;
    let key = world.customer().make_key(&format!("contoso-{nth}")).await.unwrap();
    insist(world, "the key", async || world.customer().share_key(page, &key.url).await).await;
    until_blocked(world, page, "grant-missing").await;
    grant(world, &key).await;
    check_again(world, page).await;
    until(world, page, "active").await;
    if !world.is_kill_pending() {
        // What comes after is another function's story.
        return (signed_up, false);
    }
    webhook(world, page, subscription, MarketplaceAction::Suspend, "suspended").await;
    webhook(world, page, subscription, MarketplaceAction::Reinstate, "active").await;
    let checked = steps_of(world, "subscription_check_due");
    // A run of the timer that a kill ends is not made up for before tomorrow.
    let again = async || {
        if steps_of(world, "subscription_check_due") == checked {
            let _ = run_timer(world, "check_subscriptions").await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(steps_of(world, "subscription_check_due") > checked)
    };
    world.wait_until("the subscription to be checked", Instant::now() + PATIENCE, again).await.unwrap();
    // A disk that is tagged later, of a machine that runs: it is encrypted in a window.
    let later = encrypt_in_a_window(world, page, subscription, nth).await;
    // A key that is disabled, which two looks have to see, and that is enabled again; a machine stops and starts with it.
    let machine = Machine::make(world, &format!("m-{nth}"), &[&disk]).await;
    enable(world, &key, false).await;
    insist(world, "a look", async || world.customer().check_again(page).await).await;
    until(world, page, "revoked").await;
    machine.until(world, "deallocated").await;
    enable(world, &key, true).await;
    insist(world, "a look", async || world.customer().check_again(page).await).await;
    until(world, page, "active").await;
    // Event Grid delivers again what was not taken.
    let offered = async || Ok(Offered::on(page).await.ok());
    let offered = world.wait_for("the page", Instant::now() + PATIENCE, offered).await.unwrap();
    let looked = steps_of(world, "key_events");
    let told = async || Ok(offered.tell(&key.vault, 1).await.is_ok_and(|status| status == 200));
    world.wait_until("the event to be taken", Instant::now() + PATIENCE, told).await.unwrap();
    let again = async || Ok(steps_of(world, "key_events") > looked);
    world.wait_until("a look at the key", Instant::now() + PATIENCE, again).await.unwrap();
    machine.until(world, "running").await;
    let key = replace_key(world, page, nth).await;
    leave(world, &signed_up, &key, &[machine, later]).await;
    (signed_up, true)
}

/// The customer leaves, and takes our access away once nothing uses the key.
async fn leave(world: &LocalWorld, signed_up: &SignedUp, key: &CustomerKey, machines: &[Machine]) {
    let page = &signed_up.page;
    for machine in machines {
        machine.switch(world, "deallocate").await;
        machine.until(world, "deallocated").await;
    }
    webhook(world, page, signed_up.purchase.subscription_id, MarketplaceAction::Unsubscribe, "leaving").await;
    until_blocked(world, page, "access-remains").await;
    let principal = world.customer().service_principal(world.vendor().estate().application_id).await.unwrap();
    world.customer().take_back(key, principal).await.unwrap();
    check_again(world, page).await;
    until(world, page, "ended").await;
}

async fn encrypt_in_a_window(
    world: &LocalWorld,
    page: &OnboardingPage,
    subscription: Uuid,
    nth: u32,
) -> Machine {
    let disk = world.vendor().make_disk_for(&format!("disk-later-{nth}"), subscription).await.unwrap();
    let machine = Machine::make(world, &format!("m-later-{nth}"), &[&disk]).await;
    let window = async || Ok(windows::set_now(world, page, 1).await.is_some());
    world.wait_until("the window to be set", Instant::now() + PATIENCE, window).await.unwrap();
    let done = async || {
        let disk = world.vendor().disk(&disk).await?;
        let is_encrypted = disk.encryption.as_deref() == Some("EncryptionAtRestWithCustomerKey");
        Ok(is_encrypted && machine.power(world).await == "running")
    };
    world.wait_until("the machine to run again", Instant::now() + PATIENCE, done).await.unwrap();
    until(world, page, "active").await;
    let over = async || Ok(windows::phase(world, page).await.is_some_and(|phase| phase == "ended"));
    world.wait_until("the window to end", Instant::now() + PATIENCE, over).await.unwrap();
    machine
}

/// The customer moves to another key.
async fn replace_key(world: &LocalWorld, page: &OnboardingPage, nth: u32) -> CustomerKey {
    let customer = world.customer();
    let other = customer.make_key(&format!("contoso-{nth}-b")).await.unwrap();
    grant(world, &other).await;
    insist(world, "the other key", async || customer.share_key(page, &other.url).await).await;
    let works = async || {
        let view = customer.look(page).await;
        Ok(view.is_ok_and(|view| view.candidate_key.is_some_and(|candidate| candidate.works)))
    };
    world.wait_until("the other key to work", Instant::now() + PATIENCE, works).await.unwrap();
    let replaced = async || {
        let is_used = |view: OnboardingView| view.key.as_deref() == Some(other.url.as_str());
        if customer.look(page).await.is_ok_and(is_used) {
            return Ok(true);
        }
        // Asked again it is one change.
        let _ = customer.replace_key(page, &other.url).await;
        Ok(false)
    };
    world.wait_until("the other key to be in use", Instant::now() + PATIENCE, replaced).await.unwrap();
    other
}

fn steps_of(world: &LocalWorld, function: &str) -> usize {
    world.steps().iter().filter(|step| step.function == function).count()
}

async fn enable(world: &LocalWorld, key: &CustomerKey, enabled: bool) {
    let path = format!("/keys/{}", key.url.split('/').rev().nth(1).unwrap());
    let body = serde_json::json!({ "attributes": { "enabled": enabled } });
    let changed = world.customer().azure().vault(Method::PATCH, &key.vault, &path, Some(&body)).await;
    changed.unwrap().ok("changing the key").unwrap();
}

/// The marketplace repeats a webhook that was not taken.
async fn webhook(
    world: &LocalWorld,
    page: &OnboardingPage,
    subscription: Uuid,
    action: MarketplaceAction,
    becomes: &str,
) {
    let operation = world.sandbox().begin_action(subscription, action).unwrap();
    let deliver =
        async || Ok(world.sandbox().deliver_webhook(operation).await.is_ok_and(|status| status == 200));
    world.wait_until("the webhook to be taken", Instant::now() + PATIENCE, deliver).await.unwrap();
    until(world, page, becomes).await;
}

/// Read from whoever knows: Azure Resource Manager and the marketplace. An exchange that was on its way during a kill may
/// have had its effect and no record, so the records show that nothing was done twice, and the ends that it was done.
async fn assert_one_of_everything(world: &LocalWorld, function: &str, played: &[(SignedUp, bool)]) {
    let sets = world.vendor().disk_encryption_sets().await.unwrap();
    let stayed = played.iter().filter(|(_, has_left)| !has_left).count();
    assert_eq!(sets.len(), stayed, "{function}: a set for each onboarding that stayed");
    let puts = exchanges(world, "PUT", "/diskEncryptionSets/latchkey-");
    let patches = exchanges(world, "PATCH", "/disks/disk-");
    let activations = exchanges(world, "POST", "/activate");
    let successes = |exchanges: &[Value], text: &str| {
        let about = |entry: &&Value| entry["request"]["url"].as_str().is_some_and(|url| url.contains(text));
        succeeded(&exchanges.iter().filter(about).cloned().collect::<Vec<_>>())
    };
    for (signed_up, has_left) in played {
        let (onboarding, subscription) = (signed_up.page.onboarding(), signed_up.purchase.subscription_id);
        let activated = successes(&activations, &subscription.to_string());
        let made = successes(&puts, onboarding);
        assert!(
            made <= 1 && activated <= 1,
            "{function}: {onboarding}: {made} sets, {activated} activations"
        );
        let status = world.fulfilment().subscription_status(subscription).await.unwrap();
        let expected = if *has_left { "Unsubscribed" } else { "Subscribed" };
        assert_eq!(status, expected, "{function}: {onboarding}");
        let view = world.customer().look(&signed_up.page).await.unwrap();
        assert!(!view.disks.is_empty(), "{function}: {onboarding}");
        for disk in &view.disks {
            let patched = successes(&patches, &format!("/disks/{}?", disk.name));
            // Under the set, and of one that has left: back.
            let most = if *has_left { 2 } else { 1 };
            assert!(patched <= most, "{function}: {} was changed {patched} times", disk.name);
            let read = world.vendor().disk_named(&disk.name).await.unwrap();
            match view.disk_encryption_set.as_deref() {
                Some(set) => assert!(read.is_under_set(set), "{function}: {read:?}"),
                None => assert!(*has_left && read.disk_encryption_set.is_none(), "{function}: {read:?}"),
            }
        }
    }
}
