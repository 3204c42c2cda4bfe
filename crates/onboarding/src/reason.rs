//! Why a message was refused for good: what it stops, whether a replay can help, and where the runbook says more.
//!
//! The one place that knows. The dead letter carries the name; the function app answers with the rest, so that no tool
//! keeps a list of its own.

/// What keeps a step from making sense for ever: the message contradicts its onboarding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// The key is in another tenant than the bound one.
    #[error("the key is in another tenant than the one that this onboarding is bound to")]
    KeyOfAnotherTenant,
    /// The key is in another region.
    #[error("the key is in another region than this onboarding's disks")]
    KeyInAnotherRegion,
    /// The consent was given in another tenant.
    #[error("the consent was given in another tenant than the one that this onboarding is bound to")]
    ConsentOfAnotherTenant,
    /// The subscription is another onboarding's.
    #[error("the subscription belongs to another onboarding")]
    AnotherSubscription,
    /// It names another disk encryption set.
    #[error("this is not the disk encryption set of this onboarding")]
    AnotherSet,
    /// The disk is not one of this onboarding's.
    #[error("this disk does not belong to this onboarding")]
    UnknownDisk,
    /// Not every disk has been read back as encrypted.
    #[error("not every disk is encrypted yet")]
    NotEncrypted,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $reason:ident => $stops:ident, $replay:ident, $runbook:literal;)+) => {
        /// Why a message was refused for good. The names are part of the API: dead letters carry them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[$doc])* $reason),+ }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$reason),+];

            /// The name, as the dead letter carries it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$reason => stringify!($reason)),+ }
            }

            /// What stands still because of it.
            #[must_use]
            pub fn stops(self) -> Stops {
                match self { $(Self::$reason => Stops::$stops),+ }
            }

            /// Whether sending the same message again can help.
            #[must_use]
            pub fn replay(self) -> Replay {
                match self { $(Self::$reason => Replay::$replay),+ }
            }

            /// Whether it is what becomes of messages when something gives no answer for long. What died so is sent
            /// again when it answers again.
            #[must_use]
            pub fn is_of_outage(self) -> bool {
                self.replay() == Replay::OnceKeyWorks
            }

            /// The page of the runbook.
            #[must_use]
            pub fn runbook(self) -> &'static str {
                match self { $(Self::$reason => concat!("docs/runbook.md#", $runbook)),+ }
            }
        }
    };
}

reasons! {
    /// No function can read the message.
    Undecodable => Nothing, Never, "undecodable";
    /// The message is about an onboarding that was never opened.
    UnknownOnboarding => Nothing, OnceOpened, "unknownonboarding";
    /// The consent was given in another tenant than the bound one: a message that is not ours, or not meant for us.
    ConsentOfAnotherTenant => Nothing, Never, "contradictions";
    /// The subscription belongs to another onboarding.
    AnotherSubscription => Nothing, Never, "contradictions";
    /// The key is in another tenant than the bound one.
    KeyOfAnotherTenant => Chain, Never, "contradictions";
    /// The key is in another region than the disks.
    KeyInAnotherRegion => Chain, Never, "contradictions";
    /// The message names another disk encryption set.
    AnotherSet => Chain, Never, "contradictions";
    /// The message names a disk that is not this onboarding's.
    UnknownDisk => Chain, Never, "contradictions";
    /// A subscription was to be activated before every disk was verified.
    NotEncrypted => Chain, Never, "contradictions";
    /// Microsoft Entra issued a token in another tenant than the one that was asked.
    TokenOfAnotherTenant => Chain, OnceMended, "tokenofanothertenant";
    /// The address of a long-running operation is not one of Azure Resource Manager's.
    OperationElsewhere => Chain, Never, "operationelsewhere";
    /// The tenant of the purchase does not exist in this cloud.
    TenantNotFound => Chain, OnceMended, "tenantnotfound";
    /// Azure Resource Manager refuses the request.
    ArmRefused => Chain, OnceMended, "armrefused";
    /// A setting of the function app cannot be used.
    Misconfigured => Chain, OnceMended, "misconfigured";
    /// An entry of the journal cannot be read.
    JournalUnreadable => Journal, OnceReadable, "journalunreadable";
    /// The journal does not hold together: an entry was changed or removed.
    JournalTampered => Journal, OnceReadable, "journaltampered";
    /// There was no answer until the deadline. The description has the last error.
    DeadlineExceeded => Chain, OnceKeyWorks, "deadlineexceeded";
    /// Service Bus moved the message: it was delivered too often without an end.
    MaxDeliveryCountExceeded => Chain, OnceKeyWorks, "maxdeliverycountexceeded";
    /// Service Bus moved the message: it lay in the queue for too long.
    TTLExpiredException => Chain, OnceKeyWorks, "ttlexpiredexception";
}

/// What stands still because of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stops {
    /// Nothing: the message was not one that the chain waits for.
    Nothing,
    /// The chain of this onboarding, at this step. The page says so.
    Chain,
    /// Everything about this onboarding: its history cannot be read, so nothing can be written to it either.
    Journal,
}

/// Whether sending the same message again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// It comes to the same end, whatever changes.
    Never,
    /// Once somebody opened the onboarding.
    OnceOpened,
    /// Once the vendor mended what the description names.
    OnceMended,
    /// Once the journal can be read.
    OnceReadable,
    /// Once the customer's key works, for a step that depends on the key; at any time for another.
    OnceKeyWorks,
}

impl std::str::FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, UnknownReason> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == text).ok_or(UnknownReason)
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A dead letter's reason that this app does not emit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no function refuses a message for this reason")]
pub struct UnknownReason;

impl From<Contradiction> for Reason {
    fn from(contradiction: Contradiction) -> Self {
        match contradiction {
            Contradiction::KeyOfAnotherTenant => Self::KeyOfAnotherTenant,
            Contradiction::KeyInAnotherRegion => Self::KeyInAnotherRegion,
            Contradiction::ConsentOfAnotherTenant => Self::ConsentOfAnotherTenant,
            Contradiction::AnotherSubscription => Self::AnotherSubscription,
            Contradiction::AnotherSet => Self::AnotherSet,
            Contradiction::UnknownDisk => Self::UnknownDisk,
            Contradiction::NotEncrypted => Self::NotEncrypted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_read_back_from_its_name_and_has_its_page() {
        for reason in Reason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(*reason));
            assert!(reason.runbook().starts_with("docs/runbook.md#"), "{reason}");
        }
        assert_eq!("Forbidden".parse::<Reason>(), Err(UnknownReason));
    }
}
