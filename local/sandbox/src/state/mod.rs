//! Everything the simulated cloud remembers, as one value. `state_file` is how it survives a restart.

pub(crate) mod arm;
pub(crate) mod directory;
pub(crate) mod event_grid;
pub(crate) mod key_vault;
pub(crate) mod limits;
pub(crate) mod marketplace;
pub(crate) mod operation;
pub(crate) mod resources;
pub(crate) mod tags;

use serde::{Deserialize, Serialize};

use arm::ArmState;
use directory::Directory;
use event_grid::EventGridState;
use key_vault::KeyVaultState;
use marketplace::MarketplaceState;

/// The whole state. Each part belongs to the module of its name.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) directory: Directory,
    pub(crate) arm: ArmState,
    pub(crate) key_vault: KeyVaultState,
    pub(crate) marketplace: MarketplaceState,
    #[serde(default)]
    pub(crate) event_grid: EventGridState,
}
