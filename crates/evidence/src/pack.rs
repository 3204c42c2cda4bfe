//! What a pack holds. Field by field the same is in `docs/evidence.md` and in its JSON Schema.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The number of this format.
pub const FORMAT: u32 = 1;

/// The signed part of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Always [`FORMAT`].
    pub format: u32,
    /// The pack's own id. Each entry names it, so that an entry of another pack is found out.
    pub pack: String,
    /// The onboarding.
    pub onboarding: String,
    /// When the pack was made, in RFC 3339.
    pub made_at: String,
    /// Whose key it is about.
    pub customer: Customer,
    /// What was so after the last entry.
    pub present: Present,
    /// The times in which the key worked, the oldest first.
    pub healthy: Vec<Stretch>,
    /// What happened, the oldest first; numbered from 1.
    pub entries: Vec<Entry>,
    /// SHA-256 of the last entry; absent when there is none.
    pub head: Option<String>,
    /// The anchors of the vendor's journal that name this onboarding, the oldest first.
    pub anchors: Vec<Anchor>,
    /// Whether the anchors are kept apart from the journal.
    pub anchors_apart: bool,
}

/// Whose key it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Customer {
    /// The Microsoft Entra tenant that the onboarding is bound to.
    pub tenant: String,
    /// The marketplace's subscription.
    pub subscription: String,
    /// The region of the disks.
    pub region: String,
    /// The vendor's application in that tenant, once consent was proven.
    pub service_principal: Option<String>,
}

/// What was so after the last entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Present {
    /// Where the onboarding stood.
    pub stage: String,
    /// The key in use.
    pub key: Option<Key>,
    /// The disk encryption set.
    pub set: Option<String>,
    /// The disks.
    pub disks: Vec<Disk>,
    /// What was waited for, in a sentence each.
    pub waits_for: Vec<String>,
    /// When a full look last found that the key works, though that was no news.
    pub last_worked_at: Option<String>,
}

/// A key with its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// Its URL, with the version.
    pub url: String,
    /// When the version was made.
    pub created: Option<String>,
    /// When it expires.
    pub expires: Option<String>,
}

/// A managed disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Its ARM id.
    pub disk: String,
    /// What became of it.
    pub state: String,
}

/// A time in which the key worked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stretch {
    /// The entry of the first probe that succeeded.
    pub first_entry: u64,
    /// When that was.
    pub first: String,
    /// The last success that is known; that of the first entry when no later one is.
    pub last: String,
    /// The entry that ended it; none when it goes on.
    pub ended_by: Option<u64>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The pack that it belongs to.
    pub pack: String,
    /// 1 for the first.
    pub number: u64,
    /// SHA-256 of the entry before, in hexadecimal; absent in the first.
    pub previous: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub told: Told,
}

/// What an entry says, before it is part of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When, in RFC 3339.
    pub at: String,
    /// What it is about, such as `consent` or `key`.
    pub chapter: String,
    /// The same in a sentence.
    pub says: String,
    /// What was learnt, as the journal holds it, without what gives access to anything.
    pub fact: Value,
    /// Where the onboarding stood from then on.
    pub stage: String,
    /// The function that wrote it.
    pub function: String,
    /// SHA-256 of the entry in the vendor's journal: what anchors name.
    pub journal: String,
}

/// An anchor of the vendor's journal that names this onboarding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// Its number.
    pub number: u64,
    /// When it was written, in RFC 3339.
    pub at: String,
    /// SHA-256 of its bytes in the store of the anchors.
    pub anchor: String,
    /// The entry that was the newest then.
    pub entry: u64,
    /// SHA-256 of that entry in the journal, as the anchor has it.
    pub journal: String,
}

/// Everything that goes into a pack, before it is chained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The pack's own id.
    pub pack: String,
    /// The onboarding.
    pub onboarding: String,
    /// When the pack is made, in RFC 3339.
    pub made_at: String,
    /// Whose key it is about.
    pub customer: Customer,
    /// What is so after the last entry.
    pub present: Present,
    /// The times in which the key worked.
    pub healthy: Vec<Stretch>,
    /// What happened, the oldest first.
    pub entries: Vec<Told>,
    /// The anchors.
    pub anchors: Vec<Anchor>,
    /// Whether they are kept apart.
    pub anchors_apart: bool,
}
