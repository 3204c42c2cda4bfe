//! The customer moves to another key.

use std::time::Duration;

use super::{Cast, insist};
use crate::host::Host;

pub(super) async fn tell(host: &mut Host<'_>, Cast { page, name, keys, .. }: &mut Cast) {
    let (stage, customer) = (host.stage, &host.stage.customer);
    let other = customer.make_key(&format!("{name}-b")).await.unwrap();
    keys.push(other.url.parse().unwrap());
    let principal = customer.service_principal(stage.vendor.estate().application_id).await.unwrap();
    customer.grant(&other, principal).await.unwrap();
    host.until("the other key", async |host| {
        let view = insist(stage, "a look at the page", async || customer.look(page).await.ok()).await;
        if view.key.as_deref() == Some(other.url.as_str()) {
            return true;
        }
        match view.candidate_key {
            None => drop(customer.share_key(page, &other.url).await),
            Some(candidate) if candidate.works => drop(customer.replace_key(page, &other.url).await),
            Some(_) => {}
        }
        host.settle_unless_newest_first().await;
        false
    })
    .await;
    // The former key is kept until Azure's documented hour has passed.
    stage.pass(Duration::from_secs(3_600)).await;
    host.until("the release of the former key", async |host| host.app.held(keys).await == 1).await;
}
