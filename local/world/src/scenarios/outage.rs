//! Key Vault does not answer in the whole region for six hours. Two customers are active: both are told to be unreachable,
//! nobody is ever called revoked, and both recover by themselves.

use std::time::Duration;

use anyhow::{Context, ensure};
use sandbox::FaultScript;

use super::Readings;
use super::active::Active;
use super::recovery::nothing_is_left;
use crate::story::Who;
use crate::world::LocalWorld;

const NOBODY_ANSWERS: &str = r#"{"seed": 1, "faults": [{
    "name": "Key Vault is down in the region",
    "call": { "host": "*.vault.azure.net" },
    "fault": { "kind": "status", "status": 503 }
}]}"#;
const ALL_IS_WELL: &str = r#"{"seed": 1, "faults": []}"#;

const QUARTER: Duration = Duration::from_secs(15 * 60);
const QUARTERS_IN_SIX_HOURS: u32 = 24;

pub(super) async fn play(world: &LocalWorld) -> anyhow::Result<Readings> {
    let first = Active::begin(world).await?;
    let second = Active::begin(world).await?;
    let both = [&first, &second];

    world.sandbox().set_faults(FaultScript::parse(NOBODY_ANSWERS).context("the outage's script")?);
    world.story().tell(Who::World, "Key Vault stops answering in the whole region");
    for quarter in 1..=QUARTERS_IN_SIX_HOURS {
        world.advance(QUARTER).await?;
        for active in both {
            let state = active.look().await?.state;
            ensure!(
                state == "active" || state == "unreachable",
                "after {quarter} quarters of an hour: {state}"
            );
        }
    }
    for active in both {
        let state = active.look().await?.state;
        ensure!(state == "unreachable", "after six hours without an answer the page says {state}");
    }
    world.story().tell(Who::Customer, "both read on their pages: unreachable");
    let struck = world.sandbox().fault_summary();

    world.sandbox().set_faults(FaultScript::parse(ALL_IS_WELL).context("the end of the outage")?);
    world.story().tell(Who::World, "Key Vault answers again");
    let mut states = Vec::new();
    for active in both {
        let view = active.becomes("active").await?;
        ensure!(view.blockers.is_empty(), "it waits for something still: {:?}", view.blockers);
        active.disks_are_encrypted().await?;
        nothing_is_left(world, active)?;
        states.push(view.state);
    }
    let failed: u64 = struck.faults.iter().map(|fault| fault.fired).sum();
    ensure!(failed > 0, "the outage struck nobody");
    Ok(vec![
        ("states on the pages", states.join(", ")),
        ("calls to vaults that failed", failed.to_string()),
        ("disks, read from ARM", format!("{}, {}", first.disk()?, second.disk()?)),
    ])
}
