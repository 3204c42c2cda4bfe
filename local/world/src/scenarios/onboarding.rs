//! A customer goes from the purchase to a disk under a key that only they hold.

use super::Readings;
use super::active::Active;
use crate::world::LocalWorld;

pub(super) async fn play(world: &LocalWorld) -> anyhow::Result<Readings> {
    let active = Active::begin(world).await?;
    let (key, _) = active.keys_of_the_set().await?;
    Ok(vec![
        ("disk, read from ARM", active.disk()?.to_owned()),
        ("active key of its set", key),
        ("subscription", active.ending.subscription_status.clone()),
    ])
}
