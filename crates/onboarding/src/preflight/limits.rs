//! Azure's limits for disks under customer-managed keys, as a table: what each is about, what its sources said, and when.
//!
//! The newest reading of a limit counts. An older one stays in the table, so that whoever remembers it sees that it was
//! lifted, and when. A limit that holds nowhere any more refuses no disk.

use azure_ids::{ArmId, Region};

use crate::finding::Finding;

/// A disk, as far as the limits care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskTraits {
    /// The disk.
    pub disk: ArmId,
    /// Where it is.
    pub region: Region,
    /// Its type, such as `Premium_LRS`, as Azure spells it.
    pub sku: Option<String>,
    /// Whether several virtual machines may attach it.
    pub is_shared: bool,
    /// Whether Azure Disk Encryption is on, or was.
    pub guest_encryption: bool,
    /// How many incremental snapshots of it there are.
    pub incremental_snapshots: u32,
}

/// What a limit is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trait {
    /// The disk is in another region than its disk encryption set.
    OtherRegion,
    /// Azure Disk Encryption, inside the virtual machine, is on or was.
    GuestEncryption,
    /// The disk has incremental snapshots, which must be under the same set as the disk.
    IncrementalSnapshots,
    /// Ultra Disk or Premium SSD v2.
    UltraOrPremiumV2,
    /// Several virtual machines may attach the disk.
    Shared,
    /// The size of the disk.
    Size,
}

/// Where a limit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// In every region.
    Everywhere,
    /// In these regions.
    In(&'static [&'static str]),
    /// In none.
    Nowhere,
}

/// What a source said of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The date that the source carries, or else the day on which it was read (ISO 8601).
    pub on: &'static str,
    /// Where it says so.
    pub source: &'static str,
    /// Where the limit holds.
    pub holds: Holds,
}

/// A limit, with what was ever read of it, the newest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What it is about.
    pub of: Trait,
    /// What it says, for people.
    pub says: &'static str,
    /// What was read of it.
    pub readings: &'static [Reading],
}

const ARTICLE: &str =
    "https://learn.microsoft.com/azure/virtual-machines/disks-cross-tenant-customer-managed-keys#limitations";
const RESTRICTIONS: &str = "https://learn.microsoft.com/azure/virtual-machines/disk-encryption#restrictions";
const SHARED_DISKS: &str = "https://learn.microsoft.com/azure/virtual-machines/disks-shared#limitations";

/// The limits, in the order in which a disk is held to them.
pub static LIMITS: [Limit; 6] = [
    Limit {
        of: Trait::OtherRegion,
        says: "A disk and its disk encryption set are in the same region.",
        readings: &[Reading { on: "2024-11-08", source: RESTRICTIONS, holds: Holds::Everywhere }],
    },
    Limit {
        of: Trait::GuestEncryption,
        says: "A disk that is or was encrypted with Azure Disk Encryption takes no customer-managed key.",
        readings: &[Reading { on: "2024-11-08", source: RESTRICTIONS, holds: Holds::Everywhere }],
    },
    Limit {
        of: Trait::IncrementalSnapshots,
        says: "A disk and its incremental snapshots have the same disk encryption set.",
        readings: &[Reading { on: "2024-11-08", source: RESTRICTIONS, holds: Holds::Everywhere }],
    },
    Limit {
        of: Trait::UltraOrPremiumV2,
        says: "Ultra Disks and Premium SSD v2 take no key of another tenant.",
        readings: &[
            Reading { on: "2024-08-22", source: ARTICLE, holds: Holds::Everywhere },
            Reading {
                on: "2025-06-09",
                source: ARTICLE,
                holds: Holds::In(&["usgovvirginia", "usgovarizona", "usgovtexas", "chinanorth3"]),
            },
        ],
    },
    Limit {
        of: Trait::Shared,
        says: "The limitations of shared disks name no customer-managed key.",
        readings: &[Reading { on: "2026-11-30", source: SHARED_DISKS, holds: Holds::Nowhere }],
    },
    Limit {
        of: Trait::Size,
        says: "The restrictions name sizes of keys, and none of disks.",
        readings: &[Reading { on: "2024-11-08", source: RESTRICTIONS, holds: Holds::Nowhere }],
    },
];

/// How many disk encryption sets Azure allows in one region of one subscription, unless its support raised that
/// (restrictions of customer-managed keys, 2024-11-08; earlier pages said 1000).
pub const SETS_IN_A_REGION: u32 = 5000;

impl Limit {
    /// Where it holds now: what was read last.
    #[must_use]
    pub fn holds(&self) -> Holds {
        self.readings.last().map_or(Holds::Nowhere, |newest| newest.holds)
    }

    fn holds_in(&self, region: &Region) -> bool {
        match self.holds() {
            Holds::Everywhere => true,
            Holds::In(regions) => regions.contains(&region.as_str()),
            Holds::Nowhere => false,
        }
    }
}

impl Trait {
    /// What is found of a disk that has this trait; `None` for one that has not.
    fn of(self, disk: &DiskTraits, set: &Region) -> Option<Finding> {
        let id = || disk.disk.clone();
        // What no reading refuses has no finding of its own; if one ever does, Azure's documents name it.
        let unsupported =
            |what: String| Finding::DiskTypeUnsupported { disk: id(), what, region: disk.region.clone() };
        match self {
            Self::OtherRegion => (disk.region != *set).then(|| Finding::DiskInOtherRegion {
                disk: id(),
                region: disk.region.clone(),
                set: set.clone(),
            }),
            Self::GuestEncryption => {
                disk.guest_encryption.then(|| Finding::DiskEncryptedInGuest { disk: id() })
            }
            Self::IncrementalSnapshots => (disk.incremental_snapshots > 0).then(|| {
                Finding::DiskHasIncrementalSnapshots { disk: id(), snapshots: disk.incremental_snapshots }
            }),
            Self::UltraOrPremiumV2 => {
                let sku = disk.sku.clone().filter(|sku| {
                    ["UltraSSD_LRS", "PremiumV2_LRS"].iter().any(|one| one.eq_ignore_ascii_case(sku))
                });
                sku.map(unsupported)
            }
            Self::Shared => disk.is_shared.then(|| unsupported("shared".to_owned())),
            Self::Size => Some(unsupported("size".to_owned())),
        }
    }
}

/// The first limit that keeps this disk from being encrypted with a set of this region.
#[must_use]
pub fn limit_of(disk: &DiskTraits, set: &Region) -> Option<Finding> {
    limit_among(&LIMITS, disk, set)
}

fn limit_among(limits: &[Limit], disk: &DiskTraits, set: &Region) -> Option<Finding> {
    limits.iter().filter(|limit| limit.holds_in(&disk.region)).find_map(|limit| limit.of.of(disk, set))
}

#[cfg(test)]
mod tests {
    use time::{Date, format_description::well_known::Iso8601};

    use super::*;
    use crate::finding::Code;
    use crate::test_support::disk;

    fn plain(region: &str) -> DiskTraits {
        DiskTraits {
            disk: disk("d1"),
            region: region.parse().unwrap(),
            sku: Some("Premium_LRS".to_owned()),
            is_shared: false,
            guest_encryption: false,
            incremental_snapshots: 0,
        }
    }

    fn code(disk: &DiskTraits, set: &str) -> Option<Code> {
        limit_of(disk, &set.parse().unwrap()).map(|finding| finding.code())
    }

    #[test]
    fn only_what_a_newest_reading_refuses_is_refused() {
        let here = plain("westeurope");
        assert_eq!(code(&here, "westeurope"), None);
        assert_eq!(code(&here, "northeurope"), Some(Code::DiskInOtherRegion));
        let guest = DiskTraits { guest_encryption: true, ..here.clone() };
        assert_eq!(code(&guest, "westeurope"), Some(Code::DiskEncryptedInGuest));
        let snapshots = DiskTraits { incremental_snapshots: 2, ..here.clone() };
        assert_eq!(code(&snapshots, "westeurope"), Some(Code::DiskHasIncrementalSnapshots));
        let shared = DiskTraits { is_shared: true, ..here };
        assert_eq!(code(&shared, "westeurope"), None, "no document names it");
    }

    #[test]
    fn ultra_and_premium_v2_are_let_through_where_the_limit_was_lifted() {
        for sku in ["UltraSSD_LRS", "PremiumV2_LRS", "premiumv2_lrs"] {
            let of = |region: &str| DiskTraits { sku: Some(sku.to_owned()), ..plain(region) };
            assert_eq!(code(&of("westeurope"), "westeurope"), None, "{sku}");
            assert_eq!(code(&of("usgovtexas"), "usgovtexas"), Some(Code::DiskTypeUnsupported), "{sku}");
            let before = Limit { readings: &LIMITS[3].readings[..1], ..LIMITS[3] };
            let west: Region = "westeurope".parse().unwrap();
            assert!(limit_among(&[before], &of("westeurope"), &west).is_some(), "{sku}: as it was in 2024");
        }
        assert_eq!(LIMITS[3].of, Trait::UltraOrPremiumV2);
    }

    #[test]
    fn every_limit_has_dated_sources_the_newest_last() {
        for limit in &LIMITS {
            let dates: Vec<Date> = limit
                .readings
                .iter()
                .map(|reading| Date::parse(reading.on, &Iso8601::DATE).unwrap())
                .collect();
            assert!(!dates.is_empty() && dates.is_sorted(), "{limit:?}");
            for reading in limit.readings {
                assert!(reading.source.starts_with("https://learn.microsoft.com/"), "{limit:?}");
            }
        }
    }
}
