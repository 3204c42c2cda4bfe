//! Everything the simulated cloud remembers, as one value. `state_file` is how it survives a restart.

use serde::{Deserialize, Serialize};

use crate::arm::ArmState;
use crate::directory::Directory;
use crate::event_grid::EventGridState;
use crate::key_vault::KeyVaultState;
use crate::marketplace::MarketplaceState;

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
