//! The customer disables the key and enables it again. The watch notices, and the machine that Azure stopped starts.

use anyhow::ensure;

use super::Readings;
use super::active::Active;
use super::revocation::lose_the_key;
use crate::story::Who;
use crate::world::LocalWorld;

pub(super) async fn play(world: &LocalWorld) -> anyhow::Result<Readings> {
    let (active, machine) = lose_the_key(world).await?;
    active.set_key_enabled(true).await?;
    let view = active.becomes("active").await?;
    ensure!(view.blockers.is_empty(), "it waits for something still: {:?}", view.blockers);
    ensure!(world.vendor().start(&machine).await?, "the machine does not start");
    world.story().tell(Who::Vendor, "starts the machine");
    active.disks_are_encrypted().await?;
    nothing_is_left(world, &active)?;
    Ok(vec![
        ("state on the page", view.state),
        ("machine, read from ARM", world.vendor().power(&machine).await?),
        ("disk, read from ARM", active.disk()?.to_owned()),
    ])
}

/// No message of the outage is left: not one dead letter.
pub(super) fn nothing_is_left(world: &LocalWorld, active: &Active<'_>) -> anyhow::Result<()> {
    let dead: Vec<_> =
        world.queue_counts().into_iter().filter(|(_, counts)| counts.dead_letter > 0).collect();
    ensure!(dead.is_empty(), "{} left dead letters: {dead:?}", active.page.onboarding());
    Ok(())
}
