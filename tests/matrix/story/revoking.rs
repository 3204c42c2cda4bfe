//! The customer disables the key, until the grace ladder has stopped the machine, and enables it again, until it runs.

use local_world::cast::CustomerKey;

use super::{Cast, insist, make_machine};
use crate::host::Host;

pub(super) async fn tell(host: &mut Host<'_>, cast: &mut Cast, key: &CustomerKey) {
    let (stage, customer, vendor, page) = (host.stage, &host.stage.customer, &host.stage.vendor, &cast.page);
    let machine = make_machine(stage, &cast.name, &cast.disks[0]).await;
    for (enabled, state, power) in [(false, "revoked", "deallocated"), (true, "active", "running")] {
        customer.enable_key(key, enabled).await.unwrap();
        host.until(&format!("{state} and {power}"), async |host| {
            let is = host.state(page).await;
            if is != state {
                insist(stage, "a look at the key", async || customer.check_again(page).await.ok()).await;
                host.settle().await;
            }
            is == state && vendor.power(&machine).await.unwrap() == power
        })
        .await;
    }
    cast.machines.push(machine);
}
