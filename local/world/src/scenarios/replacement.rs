//! The customer moves to another key, in another vault. The disk encryption set is changed to it, the disks are wrapped
//! anew while their machine runs, and only then does the page say that the old key may be disabled.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::Readings;
use super::active::Active;
use super::recovery::nothing_is_left;
use crate::story::Who;
use crate::world::LocalWorld;

const A_MINUTE: Duration = Duration::from_secs(60);
const THREE_HOURS: Duration = Duration::from_secs(3 * 60 * 60);

pub(super) async fn play(world: &LocalWorld) -> anyhow::Result<Readings> {
    let active = Active::begin(world).await?;
    let machine = world.vendor().make_machine("vm-customer-1", active.disk()?).await?;
    let customer = world.customer();
    let other = customer.make_key("contoso-keys-2").await?;
    let principal = customer.service_principal(world.vendor().estate().application_id).await?;
    customer.grant(&other, principal).await?;
    customer.share_key(&active.page, &other.url).await?;
    let works = async || Ok(active.look().await?.candidate_key.is_some_and(|candidate| candidate.works));
    world.advance_until("the other key to be found to work", THREE_HOURS, works).await?;
    ensure!(active.keys_of_the_set().await?.0 == active.key.url, "a candidate changed the set");
    world
        .story()
        .tell(Who::Customer, "reads on the page: the other key works; the set still has the old one");

    customer.replace_key(&active.page, &other.url).await?;
    let changed = async || Ok(active.keys_of_the_set().await?.0 == other.url);
    world.advance_until("the set to have the other key", A_MINUTE, changed).await?;
    let rewrapping = async || Ok(state(&active).await? == "rewrapping");
    world.advance_until("the page to say so", THREE_HOURS, rewrapping).await?;
    world.story().tell(Who::World, "the disk encryption set has the other key; disks are wrapped anew");

    let over = async || Ok(state(&active).await? == "over");
    world.advance_until("the old key to be needed no more", THREE_HOURS, over).await?;
    world.story().tell(Who::Customer, "reads on the page: the old key may be disabled");
    active.set_key_enabled(false).await?;
    world.advance(THREE_HOURS).await?;

    let view = active.look().await?;
    ensure!(
        view.state == "active" && view.blockers.is_empty(),
        "the page says {}: {:?}",
        view.state,
        view.blockers
    );
    ensure!(world.vendor().power(&machine).await? == "running", "the machine stopped with the old key");
    active.disks_are_encrypted().await?;
    nothing_is_left(world, &active)?;
    let (key, previous) = active.keys_of_the_set().await?;
    ensure!(key == other.url && previous == 0, "the set has the key {key} and {previous} before it");
    Ok(vec![
        ("state on the page", view.state),
        ("active key of the set, from ARM", key),
        ("the key before, now disabled", active.key.url.clone()),
        ("machine, read from ARM", world.vendor().power(&machine).await?),
    ])
}

async fn state(active: &Active<'_>) -> anyhow::Result<String> {
    let view = active.look().await?;
    Ok(view.replacement.context("the page has a replacement")?.state)
}
