//! A snapshot of a disk, as far as its encryption goes.

use serde::{Deserialize, Serialize};

use super::store::Common;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    #[serde(flatten)]
    pub(crate) common: Common,
    /// The id of the disk or snapshot that it is a copy of.
    pub(crate) source: String,
    pub(crate) incremental: bool,
}
