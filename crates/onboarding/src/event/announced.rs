//! What the vendor's own systems are told: CloudEvents on a topic that no function of the app takes.

use serde::Serialize;
use serde_json::json;
use time::OffsetDateTime;

use super::Outgoing;
use crate::{Cause, OnboardingId, Stage, finding::Code, grace::Rung};

/// The topic. It must exist, with duplicate detection; who subscribes to it is the vendor's business.
pub const TOPIC: &str = "onboarding_events";

macro_rules! announcements {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)+) => {
        /// What is announced of an onboarding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Announcement { $($(#[$doc])* $name),+ }

        impl Announcement {
            /// Every announcement.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The CloudEvents `type`, versioned.
            #[must_use]
            pub fn kind(self) -> &'static str {
                match self { $(Self::$name => $kind),+ }
            }
        }
    };
}

announcements! {
    /// Every disk is encrypted, and the subscription is active.
    Activated = "latchkey.onboarding.activated.v1";
    /// The key of an active onboarding cannot be checked.
    Unreachable = "latchkey.onboarding.unreachable.v1";
    /// The customer's side took away the key, the grant or the consent.
    Revoked = "latchkey.onboarding.revoked.v1";
    /// The key works again.
    Recovered = "latchkey.onboarding.recovered.v1";
    /// It leaves: everything that uses the key is undone after a hold.
    LeavingStarted = "latchkey.onboarding.leaving-started.v1";
    /// It does not leave: everything is as before.
    LeavingWithdrawn = "latchkey.onboarding.leaving-withdrawn.v1";
    /// Everything is undone.
    Left = "latchkey.onboarding.left.v1";
    /// It is over.
    Ended = "latchkey.onboarding.ended.v1";
    /// A rung of the grace ladder will be taken; again when its time is another.
    RungAnnounced = "latchkey.onboarding.rung-announced.v1";
    /// A rung was taken.
    RungTaken = "latchkey.onboarding.rung-taken.v1";
    /// A rung that was announced or taken does not hold any more.
    RungWithdrawn = "latchkey.onboarding.rung-withdrawn.v1";
    /// The disk encryption set uses another version of the key.
    Rotated = "latchkey.onboarding.rotated.v1";
    /// The disk encryption set uses another key of the customer's.
    KeyReplaced = "latchkey.onboarding.key-replaced.v1";
    /// The key in use expires soon.
    KeyExpires = "latchkey.onboarding.key-expires.v1";
}

impl Announcement {
    /// What is to be announced when an onboarding goes from one stage to another.
    #[must_use]
    pub fn of(before: Stage, after: Stage) -> Option<Self> {
        match (before, after) {
            (before, after) if before == after => None,
            (_, Stage::Ended) => Some(Self::Ended),
            // What is told of leaving says more than the stage does.
            (_, Stage::Leaving) | (Stage::Leaving, _) => None,
            (_, Stage::Revoked) => Some(Self::Revoked),
            (_, Stage::Unreachable) => Some(Self::Unreachable),
            (Stage::Revoked | Stage::Unreachable, Stage::Active) => Some(Self::Recovered),
            (Stage::Activating, Stage::Active) => Some(Self::Activated),
            _ => None,
        }
    }
}

/// What an announcement says. No personal data, and nothing that only the customer may know.
#[derive(Debug, Serialize)]
pub(crate) struct Announced {
    pub(crate) onboarding: OnboardingId,
    pub(crate) stage: Stage,
    /// The finding, when something is wrong with the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<Code>,
    /// Since when it is so.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) since: OffsetDateTime,
    /// Whether a rehearsal is under way.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) drill: bool,
    #[serde(flatten)]
    pub(crate) details: Details,
}

/// What some announcements say beside that.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Details {
    None {},
    Rung {
        rung: Rung,
        /// When it is or was to be taken, not earlier.
        #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
        due: Option<OffsetDateTime>,
    },
    Leaving {
        /// Why: `unsubscribed`, `vendor-asks` or `key-revoked`.
        why: &'static str,
        /// Nothing is undone before.
        #[serde(rename = "holdUntil", with = "time::serde::rfc3339")]
        hold_until: OffsetDateTime,
    },
    Left {
        /// Whether it is proven that our access to the key is gone.
        #[serde(rename = "accessIsGone")]
        access_is_gone: bool,
    },
    Expiry {
        /// Which of the reminders it is.
        days: u32,
        #[serde(with = "time::serde::rfc3339")]
        expires: OffsetDateTime,
    },
}

impl Details {
    /// What tells two announcements of one kind apart that the same event led to.
    fn target(&self) -> &'static str {
        match self {
            Self::Rung { rung, .. } => rung.as_str(),
            Self::None {} | Self::Leaving { .. } | Self::Left { .. } | Self::Expiry { .. } => "",
        }
    }
}

impl Announced {
    /// The message to the topic; its id derives from the event that led to it.
    pub(crate) fn to_message(&self, announcement: Announcement, cause: &Cause) -> Outgoing {
        let id = cause.event.derive(announcement.kind(), self.details.target());
        let rfc3339 = time::format_description::well_known::Rfc3339;
        let mut event = json!({
            "specversion": "1.0",
            "id": id,
            "source": format!("/latchkey/{}", cause.function),
            "type": announcement.kind(),
            "subject": self.onboarding,
            "time": cause.now.format(&rfc3339).unwrap_or_default(),
            "datacontenttype": "application/json",
            "data": self,
        });
        if let Some(traceparent) = &cause.traceparent {
            event["traceparent"] = json!(traceparent);
        }
        Outgoing { queue: TOPIC.to_owned(), message_id: id.to_string(), due: None, event }
    }
}
