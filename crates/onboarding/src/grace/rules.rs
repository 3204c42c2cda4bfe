//! What the vendor set: how far the ladder goes, and when.

use std::{str::FromStr, time::Duration};

use time::OffsetDateTime;

use super::{Drill, Ladder, Rung};

/// How far the ladder goes. Each policy includes the rungs before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GracePolicy {
    /// Nothing is done by itself.
    AlertsOnly,
    /// Up to [`Rung::Suspend`].
    Suspend,
    /// Up to [`Rung::Deallocate`].
    Deallocate,
    /// Up to [`Rung::Offboard`].
    Offboard,
}

/// The text names no policy that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected alerts-only, suspend, deallocate or offboard")]
pub struct UnknownPolicy;

impl FromStr for GracePolicy {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        match text {
            "alerts-only" => Ok(Self::AlertsOnly),
            "suspend" => Ok(Self::Suspend),
            "deallocate" => Ok(Self::Deallocate),
            "offboard" => Ok(Self::Offboard),
            _ => Err(UnknownPolicy),
        }
    }
}

impl GracePolicy {
    /// Whether it goes as far as this rung.
    #[must_use]
    pub fn includes(self, rung: Rung) -> bool {
        match self {
            Self::AlertsOnly => false,
            Self::Suspend => rung == Rung::Suspend,
            Self::Deallocate => rung != Rung::Offboard,
            Self::Offboard => true,
        }
    }
}

/// How far the ladder goes, and when, counted from the confirmed revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GraceRules {
    /// How far.
    pub policy: GracePolicy,
    /// When the service is suspended.
    pub suspend_after: Duration,
    /// When machines are deallocated.
    pub deallocate_after: Duration,
    /// When it leaves.
    pub offboard_after: Duration,
    /// How long before it is taken each rung is announced, at the least.
    pub notice: Duration,
}

impl GraceRules {
    /// The same policy at the pace of a rehearsal.
    #[must_use]
    pub fn at_the_pace_of(self, drill: &Drill) -> Self {
        let pace = drill.pace;
        let (deallocate_after, offboard_after) = (pace.saturating_mul(2), pace.saturating_mul(3));
        Self { suspend_after: pace, deallocate_after, offboard_after, notice: pace, ..self }
    }

    /// When this rung is to be announced.
    pub(crate) fn announced_at(&self, ladder: &Ladder, rung: Rung) -> OffsetDateTime {
        ladder.since + self.after(rung).saturating_sub(self.notice)
    }

    /// When this rung is taken, if it is announced now.
    #[must_use]
    pub fn due(&self, ladder: &Ladder, rung: Rung, now: OffsetDateTime) -> OffsetDateTime {
        (ladder.since + self.after(rung)).max(now + self.notice)
    }

    fn after(&self, rung: Rung) -> Duration {
        match rung {
            Rung::Suspend => self.suspend_after,
            Rung::Deallocate => self.deallocate_after,
            Rung::Offboard => self.offboard_after,
        }
    }
}
