//! A message that is lost leaves nothing standing.

use std::{path::Path, time::Duration};

use local_world::world::{LocalWorld, LocalWorldOptions};
use service_bus::{Entity, ServiceBusClient};

use crate::support::{a_world_with, consent_and_share, options, sign_up, until, until_blocked};

/// A world that comes back to this folder, in which little time is much.
async fn a_world_in(folder: &Path, settings: &[(&str, &str)]) -> LocalWorld {
    let mut options = LocalWorldOptions { dir: Some(folder.to_owned()), ..options() };
    let quick = [("LATCHKEY_STANDSTILL_SECONDS", "2"), ("LATCHKEY_CHECK_FIRST_SECONDS", "1")];
    let settings =
        quick.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    options.settings.extend(settings);
    LocalWorld::start(options).await.unwrap()
}

/// Takes every message out of a queue, as its delivery limit or its time to live would.
async fn lose(world: &LocalWorld, queue: &str) -> usize {
    let client = ServiceBusClient::from_connection_string(&world.broker().connection_string()).unwrap();
    let receiver = client.receiver(Entity::queue(queue));
    let messages = receiver.receive(100, Duration::from_secs(10)).await.unwrap();
    for message in &messages {
        receiver.complete(message.lock_token).await.unwrap();
    }
    messages.len()
}

/// Nobody takes the message that asks for the disk encryption set, however often it is sent; then it is gone.
#[tokio::test]
async fn an_onboarding_whose_message_is_lost_names_the_vendor_and_goes_on_when_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let queue = "provision_requested";
    let world = a_world_in(folder.path(), &[("AzureWebJobs.provision_requested.Disabled", "true")]).await;
    let page = sign_up(&world).await.page;
    consent_and_share(&world, &page, "contoso-keys").await;
    until(&world, &page, "provisioning").await;
    let view = until_blocked(&world, &page, "stands-still").await;
    let blocker = view.blocker.unwrap();
    assert_eq!(blocker.owner, "vendor");
    assert!(blocker.summary.contains(queue), "{blocker:?}");
    assert!(lose(&world, queue).await >= 3, "it was sent, and started again twice");
    world.stop().await;

    let world = a_world_in(folder.path(), &[]).await;
    lose(&world, queue).await;
    let view = until(&world, &page, "active").await;
    assert!(view.blockers.is_empty(), "{:?}", view.blockers);
    world.stop().await;
}

/// Before it is opened there is no journal to walk over: the landing page left a marker.
#[tokio::test]
async fn a_sign_up_whose_message_died_is_opened_all_the_same() {
    let world = a_world_with(&[
        ("LATCHKEY_SPREADING_SECONDS", "1"),
        ("LATCHKEY_RETRY_DEADLINE_SECONDS", "3"),
        ("LATCHKEY_STANDSTILL_SECONDS", "6"),
    ])
    .await;
    let rule = serde_json::json!({
        "call": { "method": "GET", "path": "/api/saas/subscriptions/*" },
        "fault": { "kind": "status", "status": 503 }
    });
    let faults = |rules: serde_json::Value| {
        let script = serde_json::json!({ "faults": rules }).to_string();
        world.sandbox().set_faults(sandbox::FaultScript::parse(&script).unwrap());
    };
    faults(serde_json::json!([rule]));
    let purchase = world.purchase().await.unwrap();
    let page = world.customer().sign_up(&purchase.landing).await.unwrap();
    let died = async || Ok(world.broker().counts("signup_requested").unwrap().dead_letter == 1);
    let deadline = tokio::time::Instant::now() + crate::support::PATIENCE;
    world.wait_until("the dead sign-up", deadline, died).await.unwrap();
    assert_eq!(world.customer().look(&page).await.unwrap().state, "opening");
    faults(serde_json::json!([]));
    until(&world, &page, "awaiting-consent").await;
    world.stop().await;
}
