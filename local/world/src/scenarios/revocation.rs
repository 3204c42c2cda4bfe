//! The customer disables the key. The page says so after two looks, and within about an hour Azure stops the machine, which
//! cannot be started again.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::Readings;
use super::active::Active;
use crate::cast::Machine;
use crate::story::Who;
use crate::world::LocalWorld;

const TWO_HOURS: Duration = Duration::from_secs(2 * 60 * 60);

pub(super) async fn play(world: &LocalWorld) -> anyhow::Result<Readings> {
    let (active, machine) = lose_the_key(world).await?;
    let view = active.look().await?;
    let blocker = view.blocker.context("a revoked onboarding waits for somebody")?;
    ensure!(blocker.owner == "customer", "the page names the {}", blocker.owner);
    ensure!(!world.vendor().start(&machine).await?, "the machine was started without its key");
    world.story().tell(Who::Vendor, "tries to start the machine: it stays stopped");
    active.disks_are_encrypted().await?;
    Ok(vec![
        ("state on the page", view.state),
        ("what it waits for", format!("{}: {}", blocker.owner, blocker.summary)),
        ("machine, read from ARM", world.vendor().power(&machine).await?),
    ])
}

/// An active onboarding whose key is disabled, told as revoked, with a machine that Azure has stopped.
pub(super) async fn lose_the_key(world: &LocalWorld) -> anyhow::Result<(Active<'_>, Machine)> {
    let active = Active::begin(world).await?;
    let machine = world.vendor().make_machine("vm-customer-1", active.disk()?).await?;
    ensure!(world.vendor().power(&machine).await? == "running", "the machine does not run");
    world.story().tell(Who::Vendor, "runs a machine from the disk");

    active.set_key_enabled(false).await?;
    active.becomes("revoked").await?;
    let stopped = async || Ok(world.vendor().power(&machine).await? == "stopped");
    world.advance_until("the machine to stop", TWO_HOURS, stopped).await?;
    world.story().tell(Who::World, "Azure has stopped the machine whose key is lost");
    Ok((active, machine))
}
