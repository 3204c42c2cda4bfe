//! Which disks are a purchase's, whenever they are tagged.

use tokio::time::Instant;

use crate::support::{
    PATIENCE, a_world, consent_and_share, exchanges, play, run_timer, sign_up, until, until_nothing_is_left,
    until_page,
};

#[tokio::test]
async fn disks_of_two_purchases_are_told_apart_and_one_that_is_tagged_later_is_found() {
    let world = a_world().await;
    let first = play(&world).await;
    // The same customer buys again, while the first purchase has disks of its own.
    let second = sign_up(&world).await;
    let vendor = world.vendor();
    vendor.make_disk_for("disk-second", second.purchase.subscription_id).await.unwrap();
    consent_and_share(&world, &second.page, "contoso-second").await;
    until(&world, &second.page, "active").await;

    // Both are active. The vendor makes a disk for each.
    vendor.make_disk_for("later-first", first.purchase.subscription_id).await.unwrap();
    vendor.make_disk_for("later-second", second.purchase.subscription_id).await.unwrap();
    let lists = || exchanges(&world, "GET", "/providers/Microsoft.Compute/disks?").len();
    let before = lists();
    run_timer(&world, "find_disks").await.unwrap();
    for (signed_up, names) in
        [(&first, ["disk-customer-1", "later-first"]), (&second, ["disk-second", "later-second"])]
    {
        let view = until_page(&world, &signed_up.page, names[1], |view| {
            view.disks.len() == 2
                && view.disks.iter().all(|disk| disk.encryption.as_deref() == Some("encrypted"))
        })
        .await;
        assert_eq!(view.disks.iter().map(|disk| disk.name.as_str()).collect::<Vec<_>>(), names);
        let set = view.disk_encryption_set.as_deref().unwrap();
        for name in names {
            assert!(vendor.disk_named(name).await.unwrap().is_under_set(set), "{name}");
        }
    }
    assert_eq!(lists() - before, 3, "one for all, and one for each purchase that has news");

    // Nothing is new: one list, and no message.
    let started = || world.steps().iter().filter(|step| step.function == "provision_started").count();
    let (before, steps) = (lists(), started());
    run_timer(&world, "find_disks").await.unwrap();
    let listed = async || Ok(lists() > before);
    world.wait_until("the list", Instant::now() + PATIENCE, listed).await.unwrap();
    until_nothing_is_left(&world).await;
    assert_eq!((lists() - before, started()), (1, steps));
    world.stop().await;
}
