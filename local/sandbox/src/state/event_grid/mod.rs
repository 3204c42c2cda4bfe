//! What Event Grid remembers.

pub(crate) mod delivery;
pub(crate) mod event;
pub(crate) mod subscription;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::names::arm_id;

use delivery::Delivery;
use event::KeyEvent;
use subscription::EventSubscription;

/// How many of the latest events of a subscription can be sent again.
const REMEMBERED: usize = 100;

/// Everything Event Grid remembers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct EventGridState {
    pub(crate) subscriptions: BTreeMap<Uuid, EventSubscription>,
    /// What has been told of, by the address of the key's version; for a vault, by its id.
    pub(crate) told: BTreeMap<String, BTreeSet<String>>,
    /// How the access of each watched vault was when it was last looked at.
    pub(crate) access: BTreeMap<String, String>,
    pub(crate) pending: Vec<Delivery>,
    /// By subscription, the latest last.
    pub(crate) sent: BTreeMap<Uuid, VecDeque<KeyEvent>>,
    /// How many deliveries were given up, by subscription.
    pub(crate) dropped: BTreeMap<Uuid, u64>,
}

impl EventGridState {
    /// Forgets a subscription and what was on its way to it. False when there is none.
    pub(crate) fn remove(&mut self, id: Uuid) -> bool {
        self.pending.retain(|delivery| delivery.subscription != id);
        self.sent.remove(&id);
        self.dropped.remove(&id);
        let Some(removed) = self.subscriptions.remove(&id) else { return false };
        let same_topic = |held: &EventSubscription| held.topic.eq_ignore_ascii_case(&removed.topic);
        if !self.subscriptions.values().any(same_topic) {
            // Nobody watches the vault any more: whoever subscribes next hears of what comes after that.
            self.access.remove(&arm_id::key(&removed.topic));
        }
        true
    }

    /// Forgets every subscription to what has gone.
    pub(crate) fn forget_topic(&mut self, topic: &str) {
        let gone: Vec<Uuid> = self
            .subscriptions
            .values()
            .filter(|held| held.topic.eq_ignore_ascii_case(topic))
            .map(|held| held.id)
            .collect();
        for id in gone {
            self.remove(id);
        }
    }

    /// Puts an event on its way to a subscription.
    pub(crate) fn send(&mut self, subscription: Uuid, event: KeyEvent, now: time::OffsetDateTime) {
        let sent = self.sent.entry(subscription).or_default();
        if sent.iter().all(|known| known.id != event.id) {
            if sent.len() == REMEMBERED {
                sent.pop_front();
            }
            sent.push_back(event.clone());
        }
        self.pending.push(Delivery::new(subscription, event, now));
    }
}
