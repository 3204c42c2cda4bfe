//! A simulated Azure on one machine: strict, and over the real wires.

mod arm;
mod clock;
mod directory;
mod edge;
mod entra;
mod graph;
mod key_vault;
mod marketplace;
mod options;
mod state;
mod tokens;
mod world;

pub use options::{Automation, Lags, Options, Seed, SeedTenant};
pub use state::StateFileError;
