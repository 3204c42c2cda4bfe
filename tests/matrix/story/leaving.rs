//! The customer leaves, and takes our access away once nothing uses the key.

use local_world::cast::CustomerKey;
use sandbox::MarketplaceAction;

use super::{Cast, insist, webhook};
use crate::host::Host;

pub(super) async fn tell(host: &mut Host<'_>, Cast { page, subscription, .. }: &Cast, key: &CustomerKey) {
    let (stage, customer) = (host.stage, &host.stage.customer);
    webhook(stage, *subscription, MarketplaceAction::Unsubscribe).await;
    host.settle_unless_newest_first().await;
    let principal = customer.service_principal(stage.vendor.estate().application_id).await.unwrap();
    let mut is_taken = false;
    host.until("the end", async |host| {
        let view = insist(stage, "a look at the page", async || customer.look(page).await.ok()).await;
        if view.blockers.iter().any(|blocker| blocker.code == "access-remains") {
            if !is_taken {
                customer.take_back(key, principal).await.unwrap();
                is_taken = true;
            }
            insist(stage, "the check", async || customer.check_again(page).await.ok()).await;
            host.settle().await;
        }
        view.state == "ended"
    })
    .await;
}
