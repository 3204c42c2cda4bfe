//! What still uses a disk encryption set, as Azure says now.

use azure_ids::ArmId;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::OnboardingId;

/// A look at everything that uses the set, in the same breath as what is decided on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// When it began.
    pub at: OffsetDateTime,
    /// The set, whether or not it is there.
    pub set: ArmId,
    /// Whether it is there, and whose it is.
    pub set_is: SetIs,
    /// The onboarding that holds the key, when it is another one.
    pub key_held_by: Option<OnboardingId>,
    /// What uses the set.
    pub users: Vec<User>,
}

/// Whether a disk encryption set is there, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetIs {
    /// It was made for this onboarding.
    Ours,
    /// It was made for somebody else, or by somebody else.
    NotOurs,
    /// There is none.
    NotThere,
}

/// Something that uses the set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its ARM id.
    pub id: ArmId,
    /// What it is.
    pub kind: UserKind,
    /// The machine that a disk is attached to.
    pub machine: Option<ArmId>,
}

/// What uses a set, and whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserKind {
    /// A disk of the estate: it goes back to a platform-managed key.
    Disk,
    /// A disk that is tagged for another purchase, or outside the estate. It is the vendor's to say what becomes of it.
    OtherDisk,
    /// A snapshot.
    Snapshot,
    /// A managed image.
    Image,
    /// A version of an image in a gallery.
    GalleryVersion,
    /// A scale set whose instances get disks under the set.
    ScaleSet,
    /// Something that we do not know.
    Other,
}

impl UserKind {
    /// What it is called.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Disk | Self::OtherDisk => "disk",
            Self::Snapshot => "snapshot",
            Self::Image => "image",
            Self::GalleryVersion => "gallery image version",
            Self::ScaleSet => "scale set",
            Self::Other => "resource",
        }
    }
}

impl Sweep {
    /// The disks that go back to platform-managed keys.
    pub fn given_back(&self) -> impl Iterator<Item = &User> {
        self.users.iter().filter(|user| user.kind == UserKind::Disk)
    }

    /// What is not ours to change: the set stays as long as any of it uses the set.
    pub fn in_the_way(&self) -> impl Iterator<Item = &User> {
        self.users.iter().filter(|user| user.kind != UserKind::Disk)
    }

    /// Whether both found the same, whenever they looked.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        Self { at: other.at, ..self.clone() } == *other
    }
}
