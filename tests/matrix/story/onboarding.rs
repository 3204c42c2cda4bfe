//! From the purchase to an active subscription.

use local_world::cast::{CustomerKey, OnboardingView};

use super::{Cast, buy, insist};
use crate::host::Host;

pub(super) async fn tell(host: &mut Host<'_>, number: usize) -> (Cast, CustomerKey) {
    let (stage, customer, vendor) = (host.stage, &host.stage.customer, &host.stage.vendor);
    let bought = buy(stage);
    let (subscription, name) = (bought.subscription_id, format!("contoso-{number}"));
    let mut disks = vec![];
    for disk in ["a", "b"] {
        disks.push(vendor.make_disk_for(&format!("disk-{number}{disk}"), subscription).await.unwrap());
    }
    let landing = bought.landing_url.unwrap().parse().unwrap();
    let page = insist(stage, "the landing page", async || customer.sign_up(&landing).await.ok()).await;
    host.watch.page(&page);
    host.look().await;
    host.settle().await;
    host.until("the sign-up", async |host| host.state(&page).await != "opening").await;
    insist(stage, "the consent", async || customer.consent(&page).await.ok()).await;
    host.settle().await;
    let key = customer.make_key(&name).await.unwrap();
    insist(stage, "the key", async || customer.share_key(&page, &key.url).await.ok()).await;
    host.settle().await;
    insist(stage, "a look at the page", async || customer.look(&page).await.ok()).await;
    for _ in 0..2 {
        insist(stage, "the check", async || customer.check_again(&page).await.ok()).await;
        host.settle_unless_newest_first().await;
    }
    host.settle().await;
    let principal = customer.service_principal(vendor.estate().application_id).await.unwrap();
    customer.grant(&key, principal).await.unwrap();
    host.until("the activation", async |host| {
        if customer.look(&page).await.is_ok_and(|view| asks_for_key(&view)) {
            insist(stage, "the key", async || customer.share_key(&page, &key.url).await.ok()).await;
            host.settle().await;
        }
        host.state(&page).await == "active"
    })
    .await;
    let keys = vec![key.url.parse().unwrap()];
    (Cast { page, subscription, name, keys, disks, machines: vec![] }, key)
}

/// The message with the key died, and the page asks for it again.
fn asks_for_key(view: &OnboardingView) -> bool {
    view.blockers.iter().any(|blocker| blocker.code == "key-not-shared")
}
