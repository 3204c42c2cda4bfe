//! The life of a key, told: what happens to an active onboarding when its key is rotated, lost and given back.
//!
//! A scenario ends well only if its end was read back from the simulated Azure. Hours pass in it by the moved clock.

mod active;
mod existing_disks;
mod misconfigured_customer;
mod offboarding;
mod onboarding;
mod outage;
mod recovery;
mod replacement;
mod revocation;
mod rotation;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use sandbox::Lags;
use tokio::time::Instant;

use crate::world::LocalWorld;

/// How long anything may take in real time before a scenario is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// What was read back at the end: a name, and what the simulated Azure says.
pub type Readings = Vec<(&'static str, String)>;

type Playing<'world> = Pin<Box<dyn Future<Output = anyhow::Result<Readings>> + 'world>>;

/// A story that can be played by its name.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What happens in it, in a line.
    pub about: &'static str,
    play: for<'world> fn(&'world LocalWorld) -> Playing<'world>,
    /// What the function app is set to besides.
    settings: &'static [(&'static str, &'static str)],
}

/// Every scenario, in the order in which `--all` plays them.
pub const ALL: [Scenario; 9] = [
    Scenario {
        name: "onboarding",
        about: "a customer buys, consents and shares a key; a disk is encrypted with it",
        play: |world| Box::pin(onboarding::play(world)),
        settings: &[],
    },
    Scenario {
        name: "rotation",
        about: "the customer makes a new version of the key; the disk encryption set follows",
        play: |world| Box::pin(rotation::play(world)),
        settings: &[],
    },
    Scenario {
        name: "revocation",
        about: "the customer disables the key; the page says so, and the machine stops within the hour",
        play: |world| Box::pin(revocation::play(world)),
        settings: &[],
    },
    Scenario {
        name: "recovery",
        about: "a disabled key is enabled again; the onboarding recovers and the machine starts",
        play: |world| Box::pin(recovery::play(world)),
        settings: &[],
    },
    Scenario {
        name: "replacement",
        about: "the customer moves to another key; the set is changed, and the old key is let go when no disk needs it",
        play: |world| Box::pin(replacement::play(world)),
        settings: &[],
    },
    Scenario {
        name: "outage",
        about: "Key Vault does not answer for six hours; nobody is called revoked, and all recover",
        play: |world| Box::pin(outage::play(world)),
        settings: &[],
    },
    Scenario {
        name: "offboarding",
        about: "a customer leaves: after a hold and an approval everything is undone, and the key is free again",
        play: |world| Box::pin(offboarding::play(world)),
        settings: &[],
    },
    Scenario {
        name: "existing-disks",
        about: "machines run from the disks; each is stopped in a window, and runs again, encrypted",
        play: |world| Box::pin(existing_disks::play(world)),
        settings: &[],
    },
    Scenario {
        name: "misconfigured-customer",
        about: "much is wrong with vault, key and disks; each finding is mended as its text says",
        play: |world| Box::pin(misconfigured_customer::play(world)),
        settings: misconfigured_customer::SETTINGS,
    },
];

impl Scenario {
    /// The scenario of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|scenario| scenario.name == name)
    }

    /// How the function app is set: it tries again soon, so that the beginning of each story is short.
    #[must_use]
    pub fn settings(&self) -> BTreeMap<String, String> {
        let all =
            [("LATCHKEY_RETRY_FIRST_MILLISECONDS", "400"), ("LATCHKEY_RETRY_LONGEST_MILLISECONDS", "3000")];
        let all = all.iter().chain(self.settings);
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// Plays it in a fresh world.
    ///
    /// # Errors
    ///
    /// It did not end as it must.
    pub async fn play(&self, world: &LocalWorld) -> anyhow::Result<Readings> {
        (self.play)(world).await
    }
}

/// What takes its time in Azure and is told by the clock: the hour within which a set follows its key, and the hour within
/// which a machine without its key stops.
#[must_use]
pub fn lags() -> Lags {
    Lags {
        key_rotation: Duration::from_secs(50 * 60),
        disk_rewrap: Duration::from_secs(10 * 60),
        key_loss: Duration::from_secs(60 * 60),
        operation_polls: 0,
        ..Lags::default()
    }
}

fn soon() -> Instant {
    Instant::now() + PATIENCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_found_by_its_name_and_by_no_other() {
        for scenario in ALL {
            assert_eq!(Scenario::named(scenario.name).unwrap().about, scenario.about);
        }
        assert!(Scenario::named("victory").is_none());
    }
}
