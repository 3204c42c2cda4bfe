//! A disk that is tagged later, of a machine that runs: it is encrypted in a window, and the machine runs again.

use std::time::Duration;

use axum::http::Method;
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Cast, insist, make_machine};
use crate::host::Host;

pub(super) async fn tell(host: &mut Host<'_>, cast: &mut Cast) {
    let (stage, vendor, page) = (host.stage, &host.stage.vendor, &cast.page);
    let disk = vendor.make_disk_for(&format!("{}-later", cast.name), cast.subscription).await.unwrap();
    let machine = make_machine(stage, &format!("{}-later", cast.name), &disk).await;
    let of_disks = format!("onboardings/{}/disks", page.onboarding());
    // The same request each time that it is made again.
    let time = |at: OffsetDateTime| at.format(&Rfc3339).unwrap();
    let now = stage.clock.now();
    let opens = time(now + Duration::from_secs(30));
    let closes = time(now + Duration::from_secs(86_400));
    insist(stage, "the window", async || {
        let plan = host.operation(Method::GET, &of_disks).await?;
        if plan["window"].is_object() {
            // The answer to the call before was lost.
            return Some(());
        }
        let machines: Vec<_> =
            plan["machines"].as_array()?.iter().map(|one| one["machine"].clone()).collect();
        let body = json!({ "opens": opens, "closes": closes, "atOnce": 1, "machines": machines });
        host.operation_with(Method::POST, &format!("{of_disks}/window"), Some(&body)).await.map(drop)
    })
    .await;
    host.until("the encrypted disk", async |_| {
        let encrypted = vendor.disk(&disk).await.unwrap().encryption;
        let power = vendor.power(&machine).await.unwrap();
        encrypted.as_deref() == Some("EncryptionAtRestWithCustomerKey") && power == "running"
    })
    .await;
    host.until("the end of the window", async |host| {
        let plan = insist(stage, "the plan", async || host.operation(Method::GET, &of_disks).await).await;
        plan["window"]["phase"] == "ended"
    })
    .await;
    cast.disks.push(disk);
    cast.machines.push(machine);
}
