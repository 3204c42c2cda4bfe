//! What must hold whatever was killed, read from whoever knows: Azure Resource Manager, the marketplace, the journal.

use std::sync::Arc;

use local_world::world::LocalWorld;
use object_store::{ObjectStore, local::LocalFileSystem};
use onboarding::{claim::Claims, journal::Journal};

use super::story::Life;
use crate::support::{exchanges, succeeded};

/// An exchange that was on its way during a kill may have had its effect and no record, so the records show that nothing
/// was done twice, and the ends that it was done.
pub(super) async fn check(world: &LocalWorld, life: &Life, killed: &str) {
    let (page, subscription) = (life.page(), life.purchase.subscription_id);
    let view = world.customer().look(page).await.unwrap();
    let status = world.fulfilment().subscription_status(subscription).await.unwrap();
    let (state, of_subscription) =
        if life.has_left() { ("ended", "Unsubscribed") } else { ("active", "Subscribed") };
    assert_eq!((view.state.as_str(), status.as_str()), (state, of_subscription), "{killed}");
    assert_eq!(view.blockers.len(), 0, "{killed}: {view:?}");
    let set = format!("latchkey-{}", page.onboarding());
    let sets = world.vendor().disk_encryption_sets().await.unwrap();
    let sets = sets.iter().filter(|one| one["name"] == set.as_str()).count();
    assert_eq!(sets, usize::from(!life.has_left()), "{killed}: sets");
    let times = |method: &str, url: &str| succeeded(&exchanges(world, method, url));
    let made = times("PUT", &format!("/diskEncryptionSets/{set}?"));
    let activated = times("POST", &format!("{subscription}/activate"));
    assert!(made <= 1 && activated <= 1, "{killed}: {made} sets, {activated} activations");
    for disk in &life.disks {
        // Under the set, and of one that has left: back.
        let (patched, most) = (times("PATCH", &format!("{disk}?")), if life.has_left() { 2 } else { 1 });
        assert!(patched <= most, "{killed}: {disk} was changed {patched} times");
        let read = world.vendor().disk(disk).await.unwrap();
        match view.disk_encryption_set.as_deref() {
            Some(set) => assert!(read.is_under_set(set), "{killed}: {read:?}"),
            None => assert!(life.has_left() && read.disk_encryption_set.is_none(), "{killed}: {read:?}"),
        }
    }
    for machine in &life.machines {
        assert_eq!(machine.power(world).await, "running", "{killed}: {:#?}", world.steps());
    }
    assert_eq!(keys_held(world, life).await, usize::from(!life.has_left()), "{killed}: keys that are held");
    let dead: Vec<_> =
        world.queues().iter().filter(|queue| world.broker().counts(queue).unwrap().dead_letter > 0).collect();
    assert!(dead.is_empty(), "{killed}: dead letters in {dead:?}");
}

/// How many of its keys somebody holds.
pub(super) async fn keys_held(world: &LocalWorld, life: &Life) -> usize {
    let store = LocalFileSystem::new_with_prefix(world.folder().join("journal")).unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(store);
    let (claims, journal) = (Claims::new(store.clone()), Journal::new(store));
    let mut held = 0;
    for key in &life.keys {
        let key = key.url.parse().unwrap();
        held += usize::from(claims.holder(&journal, &key).await.unwrap().is_some());
    }
    held
}
