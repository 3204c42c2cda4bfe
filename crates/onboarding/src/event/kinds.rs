//! Every kind of event, in the order of the chain.

use azure_ids::{ArmId, KeyUrl, TenantId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::envelope::{Event, EventData};
use crate::{about::About, finding::KeyIs, replacement::Asker};

/// Reads it, and says what is wrong.
fn read_event<D: EventData>(event: &serde_json::Value) -> Result<(), String> {
    let read: Result<Event<D>, _> = serde_path_to_error::deserialize(event);
    read.map(drop).map_err(|error| format!("{}: {}", error.path(), error.inner()))
}

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident : $type:ty),* $(,)? } = $kind:literal on $queue:literal about $about:expr $(, until $until:expr)?;)+) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name { $($(#[$field_doc])* pub $field: $type),* }

        impl EventData for $name {
            const KIND: &'static str = $kind;
            const QUEUE: &'static str = $queue;

            fn about(&self) -> About {
                let about: fn(&Self) -> About = $about;
                about(self)
            }

            $(fn void_from(&self) -> Option<OffsetDateTime> {
                let until: fn(&Self) -> OffsetDateTime = $until;
                Some(until(self))
            })?
        })+

        /// Says what is wrong with an event, by the schema of its kind: the path of the field, and why.
        ///
        /// # Errors
        /// What is wrong with it; or that nobody knows its kind.
        pub fn validate(event: &serde_json::Value) -> Result<(), String> {
            match event["type"].as_str().unwrap_or_default() {
                $($kind => read_event::<$name>(event),)+
                other => Err(format!("type: nobody takes events of the type {other:?}")),
            }
        }

        /// Reads an event and writes it again, as its kind says. For tests and fuzz targets.
        ///
        /// # Errors
        /// When it cannot be read, or nobody knows its kind.
        #[doc(hidden)]
        pub fn written_again(event: &serde_json::Value) -> Result<String, serde_json::Error> {
            match event["type"].as_str().unwrap_or_default() {
                $($kind => serde_json::to_string_pretty(&Event::<$name>::deserialize(event)?),)+
                other => Err(serde::de::Error::custom(format!("no kind of event: {other:?}"))),
            }
        }

        /// Every kind of event with its queue, in the order of the chain.
        pub const KINDS: &[(&str, &str)] = &[$(($kind, $queue)),+];
    };
}

/// Why an onboarding is looked at, when it is not because of a reminder or of its customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckCause {
    /// Nothing has happened since the entry that it names, and it is nobody's turn.
    Standstill,
    /// The vendor's operator asks: then also what was refused is looked at.
    Operator,
}

events! {
    /// A purchase was resolved on the landing page. Published by `signup`.
    SignupRequested {
        /// The marketplace's subscription; everything else about the purchase is asked from the marketplace.
        subscription: Uuid,
    } = "latchkey.signup.requested.v1" on "signup_requested"
        about |_| About::Billing;

    /// Somebody says that the customer consented. Published by `consent_callback`; only a hint.
    CustomerConsented {
        /// The tenant that the signed state was issued for; must be the bound one.
        tenant: TenantId,
    } = "latchkey.customer.consented.v1" on "customer_consented"
        about |_| About::Consent;

    /// The customer submitted the URL of a key. Published by `share_key`.
    KeyShared {
        /// The key, strictly parsed.
        key: KeyUrl,
        /// The number of the submission: one that was overtaken by a later one is void. Absent when the chain itself
        /// takes up a key again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        submission: Option<u64>,
    } = "latchkey.key.shared.v1" on "key_shared"
        about |event| About::Key(event.key.clone());

    /// A key was proven; the disk encryption set may be created. Published with the proof.
    ProvisionRequested {} = "latchkey.provision.requested.v1" on "provision_requested"
        about |_| About::Set;

    /// The disk encryption set was asked for; its operation is to be followed. Published by `provision_requested`.
    ProvisionStarted {
        /// The set that was asked for.
        set: ArmId,
    } = "latchkey.provision.started.v1" on "provision_started"
        about |_| About::Set;

    /// A disk is to be encrypted, or looked at again after it was asked for.
    DiskEncryptionRequested {
        /// The managed disk.
        disk: ArmId,
    } = "latchkey.disk.encryption.requested.v1" on "disk_encryption_requested"
        about |event| About::Disk(event.disk.clone());

    /// Every disk was read back encrypted; the subscription may be activated.
    ActivationRequested {} = "latchkey.activation.requested.v1" on "activation_requested"
        about |_| About::Billing;

    /// It is time to look again at what an onboarding waits for. Published by `sweep` and by "check again".
    CheckDue {
        /// The journal entry whose reminder this is: a check of an older entry than the present one is void. Absent when
        /// a person asks: then everything is looked at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entry: Option<u64>,
        /// Why else than because of a reminder.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<CheckCause>,
    } = "latchkey.check.due.v1" on "check_due"
        about |_| About::Consent;

    /// The marketplace says that a subscription changed. Published by `marketplace_webhook`; only a hint.
    MarketplaceChanged {
        /// The marketplace's subscription.
        subscription: Uuid,
        /// The marketplace's operation, when the webhook named one.
        operation: Option<Uuid>,
        /// The action as the webhook named it.
        action: String,
    } = "latchkey.marketplace.changed.v1" on "marketplace_changed"
        about |_| About::Billing;

    /// It is time to ask the marketplace how a subscription stands: its webhook may have been lost. Published by
    /// `check_subscriptions`.
    SubscriptionCheckDue {} = "latchkey.subscription.check.due.v1" on "subscription_check_due"
        about |_| About::Billing;

    /// The customer's vault says that something happened to the key in use, or what its rotation waits for is to be looked
    /// at again. Published by `key_event_webhook` and by checks; only a hint.
    KeyEventReceived {} = "latchkey.key.event.received.v1" on "key_events"
        about |_| About::Rotation;

    /// It is time to look at the key of an active onboarding. Published by `watch`, by "check again", and by the look
    /// before it, which saw something that is to be confirmed.
    WatchDue {
        /// From then on another look has taken its place.
        #[serde(with = "time::serde::rfc3339")]
        until: OffsetDateTime,
        /// Whether a person asks.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        asked: bool,
        /// What the look before it saw: it counts when this one sees it too.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<KeyIs>,
    } = "latchkey.watch.due.v1" on "watch_due"
        about |_| About::Consent, until |event| event.until;

    /// The key in use is to be replaced by this one, or a change that is under way is to be followed: the journal says
    /// which. Published by the onboarding's page and by the operations API.
    KeyReplacementRequested {
        /// The other key.
        key: KeyUrl,
        /// Who asks. Absent when a change that was asked for is only followed: then nothing is begun.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Asker>,
    } = "latchkey.key.replacement.requested.v1" on "key_replacement_requested"
        about |event| About::Key(event.key.clone());

    /// The grace ladder has something to do. Published by `sweep`.
    RungDue {} = "latchkey.rung.due.v1" on "rung_due"
        about |_| About::Consent;

    /// A machine that the grace ladder or a window holds is to be stopped, started or looked at: the journal says which.
    MachineSwitchRequested {
        /// The machine.
        machine: ArmId,
    } = "latchkey.machine.switch.requested.v1" on "machine_switch_requested"
        about |event| About::Machine(event.machine.clone());

    /// It is time to go on with an onboarding that leaves: to plan what is to be undone, or to begin. Published by the
    /// decision that it leaves and by `sweep`.
    LeavingDue {} = "latchkey.leaving.due.v1" on "leaving_due"
        about |_| About::Leaving;

    /// A disk is to go back to a platform-managed key, or to be looked at again after that was asked for.
    DiskReturnRequested {
        /// The managed disk.
        disk: ArmId,
    } = "latchkey.disk.return.requested.v1" on "disk_return_requested"
        about |event| About::Disk(event.disk.clone());

    /// The disk encryption set of an onboarding that leaves is to be removed, or looked at again.
    SetRemovalRequested {} = "latchkey.set.removal.requested.v1" on "set_removal_requested"
        about |_| About::Set;

    /// The set is gone; whether we still have access to the key is to be looked at.
    AccessCheckRequested {} = "latchkey.access.check.requested.v1" on "access_check_requested"
        about |_| About::Leaving;

    /// A window opens or closes, or nothing was heard of one of its machines for long. Published by `sweep`.
    WindowDue {} = "latchkey.window.due.v1" on "window_due"
        about |_| About::Consent;

    /// Something answers again: the dead letters of the outage are to be looked for, or sent again; the journal says
    /// which. Published by whichever step found out, and by the one before.
    ReplayDue {
        /// The newest entry about it: a message that names another is void.
        entry: u64,
    } = "latchkey.replay.due.v1" on "replay_due"
        about |_| About::Consent;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_versioned_and_has_a_queue_of_its_own() {
        let queues: std::collections::BTreeSet<_> = KINDS.iter().map(|(_, queue)| queue).collect();
        assert_eq!(queues.len(), KINDS.len());
        assert!(KINDS.iter().all(|(kind, _)| kind.starts_with("latchkey.") && kind.ends_with(".v1")));
    }
}
