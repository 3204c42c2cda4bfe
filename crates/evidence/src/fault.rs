//! What can be wrong with a pack, in words that say which part of it.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is no pack at all, or a byte of it was changed so that it is none any more.
    #[error("the file is not a pack, or was changed: {0}")]
    NotAPack(String),
    /// A byte is not the one that stands in the one form of a pack. The first is 1.
    #[error(
        "byte {0} of the file is not the one that belongs there: a pack has one form only, and this file was changed or \
         formatted anew"
    )]
    NotCanonical(usize),
    /// A newer version of the format.
    #[error("the pack has format {0}, which a newer version of latchkey made: verify it with that one")]
    Newer(u64),
    /// An entry is not there.
    #[error("entry {0} is missing")]
    Missing(u64),
    /// Entries were cut off the end.
    #[error("the end was cut off: {said} entries were signed, and the last one here has number {last}")]
    TailCut {
        /// How many there should be.
        said: u64,
        /// The number of the last that is there.
        last: u64,
    },
    /// Entries were added at the end.
    #[error("entries were added: {said} were signed, and the last one here has number {last}")]
    TailAdded {
        /// How many there should be.
        said: u64,
        /// The number of the last that is there.
        last: u64,
    },
    /// An entry is there more than once.
    #[error("entry {0} is there more than once")]
    Twice(u64),
    /// Entries are not in order.
    #[error("the entries are not in order: entry {number} comes after entry {after}")]
    Reordered {
        /// The first that stands in the wrong place.
        number: u64,
        /// The one before it.
        after: u64,
    },
    /// An entry was taken from another pack.
    #[error("entry {number} belongs to another pack ({pack})")]
    OfAnotherPack {
        /// Its number.
        number: u64,
        /// The pack that it names.
        pack: String,
    },
    /// An entry was changed: its hash is not the one that the next entry, or the pack, holds of it.
    #[error("{} changed", entries(*.from, *.to))]
    Changed {
        /// The first that may have been.
        from: u64,
        /// The last that may have been.
        to: u64,
    },
    /// An anchor names an entry that is not there, or has another hash.
    #[error("anchor {anchor} does not fit entry {entry}")]
    Anchor {
        /// Its number.
        anchor: u64,
        /// The entry that it names.
        entry: u64,
    },
    /// What stands where the signature belongs is none.
    #[error("the signature cannot be read: {0}")]
    SignatureUnreadable(&'static str),
    /// The signature does not fit the key that it names.
    #[error("the signature does not fit its own key: the signature, its key or its statement was changed")]
    SignatureBroken,
    /// The signature is good, but another pack's.
    #[error("the signature belongs to another pack ({pack}, onboarding {onboarding}, made at {made_at})")]
    SignatureOfAnotherPack {
        /// The pack that was signed.
        pack: String,
        /// The onboarding that it is about.
        onboarding: String,
        /// When it was made.
        made_at: String,
    },
    /// The evidence is not what was signed.
    #[error("the evidence is not what was signed: something in it was changed after that")]
    EvidenceChanged,
    /// The signature says something else of the pack than the pack does.
    #[error("the signed statement contradicts the pack that it names")]
    Contradiction,
    /// It was signed with another key than the one that it was compared with.
    #[error("it was signed with another key ({found}) than the one that you gave ({given})")]
    OtherKey {
        /// The thumbprint of the key that signed.
        found: String,
        /// The thumbprint of the key that was given.
        given: String,
    },
}

fn entries(from: u64, to: u64) -> String {
    match to - from {
        0 => format!("entry {to} was"),
        1 => format!("entry {from} or entry {to} was"),
        _ => format!("one or more of the entries {from} to {to} were"),
    }
}

impl Fault {
    /// Its name, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAPack(_) => "not-a-pack",
            Self::NotCanonical(_) => "not-canonical",
            Self::Newer(_) => "newer",
            Self::Missing(_) => "entry-missing",
            Self::TailCut { .. } => "tail-cut",
            Self::TailAdded { .. } => "tail-added",
            Self::Twice(_) => "entry-twice",
            Self::Reordered { .. } => "entries-reordered",
            Self::OfAnotherPack { .. } => "entry-of-another-pack",
            Self::Changed { .. } => "entry-changed",
            Self::Anchor { .. } => "anchor-does-not-fit",
            Self::SignatureUnreadable(_) => "signature-unreadable",
            Self::SignatureBroken => "signature-broken",
            Self::SignatureOfAnotherPack { .. } => "signature-of-another-pack",
            Self::EvidenceChanged => "evidence-changed",
            Self::Contradiction => "statement-contradicts",
            Self::OtherKey { .. } => "other-key",
        }
    }
}

/// So many are named; a pack of which every entry is wrong needs no longer list.
const MOST_NAMED: usize = 20;

/// Everything that is wrong with a pack, at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl std::error::Error for Faults {}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(faults) = self;
        for (place, fault) in faults.iter().take(MOST_NAMED).enumerate() {
            write!(f, "{}{fault}", if place == 0 { "" } else { "\n" })?;
        }
        match faults.len().saturating_sub(MOST_NAMED) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}
