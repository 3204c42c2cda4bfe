//! How many calls are taken, and how many sets there may be. The maxima of Azure are the default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The maxima. Those of Azure are the default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Calls that only read, of one caller to one subscription.
    pub subscription_reads: Bucket,
    /// Calls that write.
    pub subscription_writes: Bucket,
    /// Calls that delete.
    pub subscription_deletes: Bucket,
    /// Calls to Compute within three minutes and within thirty, by group of operations, such as `CreateUpdateHighCostDiskEncryptionSet`.
    pub compute: BTreeMap<String, Windows>,
    /// Disk encryption sets in one region of one subscription.
    pub disk_encryption_sets: u32,
    /// Resources on one page of a list.
    pub page: u32,
}

/// How many calls at once, and how many more each second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bucket {
    /// What fits.
    pub size: u32,
    /// How fast it fills up again.
    pub refill_per_second: u32,
}

/// How many calls within three minutes and within thirty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Windows {
    /// Within three minutes.
    pub three_minutes: u32,
    /// Within thirty minutes.
    pub thirty_minutes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            subscription_reads: Bucket { size: 250, refill_per_second: 25 },
            subscription_writes: Bucket { size: 200, refill_per_second: 10 },
            subscription_deletes: Bucket { size: 200, refill_per_second: 10 },
            compute: serde_json::from_str(include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/data/compute_limits.json"
            )))
            .expect("the limits are compiled in, and every start of a sandbox reads them"),
            disk_encryption_sets: 5_000,
            page: 1_000,
        }
    }
}

impl Limits {
    /// Nothing is refused for being too much.
    pub fn none() -> Self {
        let azure = Self::default();
        let all = Bucket { size: u32::MAX, refill_per_second: u32::MAX };
        let windows = Windows { three_minutes: u32::MAX, thirty_minutes: u32::MAX };
        Self {
            subscription_reads: all,
            subscription_writes: all,
            subscription_deletes: all,
            compute: azure.compute.into_keys().map(|group| (group, windows)).collect(),
            disk_encryption_sets: u32::MAX,
            page: azure.page,
        }
    }
}
