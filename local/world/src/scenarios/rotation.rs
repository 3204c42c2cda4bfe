//! The customer makes a new version of the key. The disk encryption set takes it up within the hour, and the disks are
//! wrapped anew; nobody has to do anything.

use std::time::Duration;

use anyhow::ensure;

use super::Readings;
use super::active::Active;
use crate::story::Who;
use crate::world::LocalWorld;

const TWO_HOURS: Duration = Duration::from_secs(2 * 60 * 60);

pub(super) async fn play(world: &LocalWorld) -> anyhow::Result<Readings> {
    let active = Active::begin(world).await?;
    let newer = world.customer().make_key(&active.key.vault).await?;
    ensure!(newer.url != active.key.url, "the key has no new version");
    ensure!(
        active.keys_of_the_set().await?.0 == active.key.url,
        "the set follows within the hour, not at once"
    );

    let followed = async || Ok(active.keys_of_the_set().await?.0 == newer.url);
    world.advance_until("the set to follow the key", TWO_HOURS, followed).await?;
    world.story().tell(Who::World, "Azure's disk encryption set has taken up the new version");
    let wrapped = async || Ok(active.keys_of_the_set().await?.1 == 0);
    world.advance_until("every disk under the new version", TWO_HOURS, wrapped).await?;
    world.story().tell(Who::World, "no disk is under the old version any more");

    // What the function app makes of it, a look or two later, is still that all is well.
    world.advance(TWO_HOURS).await?;
    let view = active.look().await?;
    ensure!(
        view.state == "active" && view.blockers.is_empty(),
        "the page says {}: {:?}",
        view.state,
        view.blockers
    );
    active.disks_are_encrypted().await?;
    let (key, previous) = active.keys_of_the_set().await?;
    ensure!(key == newer.url && previous == 0, "the set has the key {key} and {previous} before it");
    Ok(vec![
        ("state on the page", view.state),
        ("active key of the set, from ARM", key),
        ("the key before", active.key.url.clone()),
    ])
}
