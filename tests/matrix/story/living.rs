//! What happens to an onboarding that is well.

use axum::http::Method;
use local_world::cast::CustomerKey;
use sandbox::MarketplaceAction;
use serde_json::json;

use super::{Cast, insist, webhook};
use crate::host::Host;

pub(super) async fn tell(host: &mut Host<'_>, Cast { page, subscription, .. }: &Cast, key: &CustomerKey) {
    let stage = host.stage;
    for action in [MarketplaceAction::Suspend, MarketplaceAction::Reinstate] {
        webhook(stage, *subscription, action).await;
        host.settle_unless_newest_first().await;
    }
    host.settle().await;
    host.tick().await;
    host.until("the reinstatement", async |host| host.state(page).await == "active").await;
    let of_this_one = format!("onboardings/{}", page.onboarding());
    for path in ["onboardings", &of_this_one, &format!("{of_this_one}/verification")] {
        insist(stage, path, async || host.operation(Method::GET, path).await).await;
    }
    insist(stage, "the operator's check", async || {
        host.operation(Method::POST, &format!("{of_this_one}/check")).await
    })
    .await;
    host.settle().await;
    insist(stage, "a look at the key", async || stage.customer.check_again(page).await.ok()).await;
    host.settle().await;
    // Event Grid tells of the key, as the page says how.
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let tell = async || {
        let html = http.get(page.url().clone()).send().await.ok()?.text().await.ok()?;
        let after = |text: &str| html.split_once(text).and_then(|(_, rest)| rest.split_whitespace().next());
        let request = http.post(after("--endpoint ")?);
        let request = request.header("x-latchkey-key-events", after("x-latchkey-key-events static ")?);
        let data = json!({ "VaultName": key.vault, "ObjectType": "Key", "ObjectName": "disks" });
        let told = request.json(&[json!({ "id": "1", "data": data })]).send().await.ok()?;
        told.status().is_success().then_some(())
    };
    insist(stage, "the event", tell).await;
    host.settle().await;
    host.until("rest", async |host| host.state(page).await == "active").await;
}
