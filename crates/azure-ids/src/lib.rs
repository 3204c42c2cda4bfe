//! Azure's identifiers as types: checked once when they come in, trusted afterwards.
//!
//! Holding a [`TenantId`], a [`KeyUrl`] or an [`ArmId`] proves that its text was parsed by the grammar written here.
//! No network, no clock, nothing of Latchkey: both the domain and the clients can lean on this crate without
//! leaning on each other.

mod arm_id;
mod guid;
mod key_url;
mod region;

pub use arm_id::{ArmId, ArmIdError};
pub use guid::{ApplicationId, GuidError, ObjectId, SubscriptionId, TenantId};
pub use key_url::{KeyName, KeyUrl, KeyUrlError, KeyVersion, VaultHost};
pub use region::{Region, RegionError};
