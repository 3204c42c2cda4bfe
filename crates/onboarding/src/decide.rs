//! The decision: a pure function of the onboarding and of what was learnt.
//!
//! Handlers ask the outside world and bring a [`Fact`]; [`Onboarding::decide`] says what is so from now on and what is
//! to be sent. A fact that is no news changes nothing, whatever the order or the number of times it comes; a fact
//! that contradicts what the onboarding is bound to is [`Illegal`].

use azure_ids::{ArmId, KeyUrl, ObjectId, TenantId};
use std::collections::BTreeMap;

use crate::{
    Cause, Consent, Decision, DiskState, Fact, Illegal, Key, Onboarding, OnboardingId, ProvenKey, Purchase,
    Set, State, SubscriptionStatus,
    event::{
        ActivationRequested, CustomerConsented, DiskEncryptionRequested, EventData, KeyShared,
        ProvisionRequested, ProvisionStarted,
    },
    finding::{Blocker, Code, Finding},
};

impl Onboarding {
    /// Opens an onboarding: its first journal entry.
    #[must_use]
    pub fn open(
        id: OnboardingId,
        tenant: TenantId,
        region: azure_ids::Region,
        purchase: Purchase,
        cause: Cause,
    ) -> Decision {
        let state = Self {
            id,
            number: 1,
            tenant,
            region,
            purchase,
            opened_at: cause.now,
            consent: Consent::Pending,
            key: Key::NotShared,
            set: Set::None,
            disks: BTreeMap::new(),
            activated_at: None,
            blocker: None,
            set_failures: 0,
            taken: BTreeMap::from([(cause.event.clone(), 1)]),
        };
        Decision { state, fact: Fact::Opened { tenant }, cause, messages: vec![] }.blocked_by(
            Finding::consent_missing(tenant),
            None,
            0,
        )
    }

    /// Decides what is so from now on. `None`: the fact is no news.
    ///
    /// # Errors
    /// [`Illegal`] when the fact contradicts what the onboarding is bound to.
    pub fn decide(&self, cause: Cause, fact: Fact) -> Result<Option<Decision>, Illegal> {
        if self.state() == State::Ended {
            // Ended is final (an unsubscribed subscription cannot come back); late events change nothing.
            return Ok(None);
        }
        match fact.clone() {
            Fact::Opened { .. } => Ok(None),
            Fact::ConsentProven { service_principal } => {
                Ok(self.consent_proven(cause, fact, service_principal))
            }
            Fact::KeyProven { proof } => self.key_proven(cause, fact, proof),
            Fact::Waiting { finding, key, disk, service_principal } => {
                let consent =
                    service_principal.map(|service_principal| Consent::Proven { service_principal });
                Ok(self.waiting(cause, fact, finding, key, disk, consent))
            }
            Fact::CheckDue { entry } => Ok(self.check_due(cause, fact, entry)),
            Fact::SetRequested { set, operation, look_after_ms } => {
                self.set_requested(cause, fact, set, operation, look_after_ms)
            }
            Fact::SetReady { set, disks } => self.set_ready(cause, fact, set, &disks),
            Fact::SetFailed { finding } => Ok(self.set_failed(cause, fact, finding)),
            Fact::DiskRequested { disk, look_after_ms } => {
                self.disk_requested(cause, fact, disk, look_after_ms)
            }
            Fact::DiskEncrypted { disk, set } => self.disk_encrypted(cause, fact, disk, &set),
            Fact::Activated => self.activated(cause, fact),
            Fact::Subscription { status } => Ok(self.subscription_is(cause, fact, status)),
        }
    }

    pub(crate) fn bound_to(&self, proof: &ProvenKey) -> Result<(), Illegal> {
        if proof.tenant != self.tenant {
            return Err(Illegal::WrongTenant);
        }
        if proof.region != self.region {
            return Err(Illegal::WrongRegion);
        }
        Ok(())
    }

    /// The next entry, before anything in it is changed.
    pub(crate) fn next(&self, cause: Cause, fact: Fact) -> Decision {
        let mut state = self.clone();
        state.number += 1;
        state.taken.insert(cause.event.clone(), state.number);
        Decision { state, fact, cause, messages: vec![] }
    }

    fn consent_proven(&self, cause: Cause, fact: Fact, service_principal: ObjectId) -> Option<Decision> {
        let proven = Consent::Proven { service_principal };
        let is_waited_for = self.blocker.as_ref().is_some_and(|known| known.finding.code.is_about_consent());
        if self.consent == proven && !is_waited_for {
            return None;
        }
        let mut decision = self.next(cause, fact);
        decision.state.consent = proven;
        Some(match &self.key {
            Key::NotShared => {
                decision.blocked_by(Finding::key_not_shared(service_principal, &self.region), None, 0)
            }
            // The key came before the consent: now it can be looked at.
            Key::Refused { key } => {
                decision.state.blocker = None;
                let key = key.clone();
                decision.and("", None, KeyShared { key })
            }
            // It had been withdrawn under a set: a probe says whether the key works again, and resolves the blocker.
            Key::Proven { proof } if is_waited_for => {
                let key = proof.version.without_version();
                decision.and("", None, KeyShared { key })
            }
            Key::Proven { .. } => decision,
        })
    }

    fn key_proven(&self, cause: Cause, fact: Fact, proof: ProvenKey) -> Result<Option<Decision>, Illegal> {
        self.bound_to(&proof)?;
        let same_key =
            matches!(&self.key, Key::Proven { proof: known } if known.version.is_same_key(&proof.version));
        if self.set != Set::None && !same_key {
            return Err(Illegal::AnotherKeyInUse);
        }
        let resolves =
            self.blocker.as_ref().is_some_and(|known| known.finding.code.is_resolved_by_a_working_key());
        if same_key && !resolves {
            return Ok(None);
        }
        let mut decision = self.next(cause, fact);
        decision.state.blocker = None;
        if self.set != Set::None {
            // The set is there, or on its way: the chain goes on from where the key had stopped it.
            self.resume(&mut decision);
            return Ok(Some(decision));
        }
        decision.state.consent = Consent::Proven { service_principal: proof.service_principal };
        decision.state.key = Key::Proven { proof };
        Ok(Some(decision.and("", None, ProvisionRequested {})))
    }

    fn waiting(
        &self,
        cause: Cause,
        fact: Fact,
        finding: Finding,
        key: Option<KeyUrl>,
        disk: Option<ArmId>,
        consent: Option<Consent>,
    ) -> Option<Decision> {
        // Of two keys that were handed in the other one works: what is wrong with this one is nobody's turn.
        if let (Some(key), Key::Proven { proof }) = (&key, &self.key)
            && !proof.version.is_same_key(key)
        {
            return None;
        }
        // One disk's blocker at a time: the others are looked at when it is resolved.
        let behind_another_disk = self
            .blocker
            .as_ref()
            .is_some_and(|known| known.disk.is_some() && disk.is_some() && known.disk != disk);
        // The words count too: of two policies that keep the application out, the page names the one that still does.
        let same = |known: &Blocker| known.finding == finding && known.disk == disk;
        let known = behind_another_disk || self.blocker.as_ref().is_some_and(same);
        // It was asked for and came to nothing: that is news each time, so that it is asked for again.
        let came_to_nothing =
            disk.as_ref().and_then(|disk| self.disks.get(disk)) == Some(&DiskState::Requested);
        let key_is_known = match (&key, &self.key) {
            (None, _) => true,
            (Some(key), Key::Refused { key: known }) => key == known,
            // While a set exists its key stays the proven one; the blocker says what is wrong with it now.
            (Some(_), _) => self.set != Set::None,
        };
        let consent_is_known = consent.as_ref().is_none_or(|consent| *consent == self.consent);
        if known && key_is_known && consent_is_known && !came_to_nothing {
            return None;
        }
        let mut decision = self.next(cause, fact);
        if let Some(disk) = disk.as_ref().filter(|_| came_to_nothing) {
            decision.state.disks.insert(disk.clone(), DiskState::Found);
        }
        if let Some(consent) = consent {
            decision.state.consent = consent;
        }
        if behind_another_disk {
            return Some(decision);
        }
        if self.set == Set::None {
            if let Some(key) = key {
                decision.state.key = Key::Refused { key };
            }
            if finding.code.is_about_consent() {
                decision.state.consent = Consent::Pending;
                // A proof that the application once got in is no proof any more.
                if let Key::Proven { proof } = &self.key {
                    decision.state.key = Key::Refused { key: proof.version.without_version() };
                }
            }
        }
        Some(decision.blocked_by(finding, disk, 0))
    }

    /// Takes up the chain again where it stands, and sets the next check.
    fn check_due(&self, cause: Cause, fact: Fact, entry: u64) -> Option<Decision> {
        let blocker = self.blocker.as_ref().filter(|blocker| blocker.entry == entry)?;
        let checks = blocker.checks.saturating_add(1);
        let mut decision = self.next(cause, fact);
        let (number, next) =
            (decision.state.number, decision.cause.now + decision.cause.wait_before_check(checks));
        if blocker.finding.code == Code::StepRefused {
            // Whoever looks again says that it is mended; a step that is refused once more says so itself.
            decision.state.blocker = None;
        }
        if let Some(blocker) = &mut decision.state.blocker {
            blocker.checks = checks;
            blocker.entry = number;
            blocker.next_check = blocker.next_check.map(|_| next);
        }
        match self.key_that_stopped_working() {
            Some(key) => {
                let (id, time) = (decision.cause.event.derive(KeyShared::KIND, ""), decision.taken_up_at());
                decision.send_as(id, time, None, KeyShared { key });
            }
            None => self.resume(&mut decision),
        }
        Some(decision)
    }

    /// The key under a set, when it is what the onboarding waits for: the chain stands further on, and only a probe of
    /// the key can tell that it works again.
    fn key_that_stopped_working(&self) -> Option<KeyUrl> {
        let blocker = self.blocker.as_ref().filter(|blocker| blocker.disk.is_none())?;
        let code = blocker.finding.code;
        let is_about_key = code.is_resolved_by_a_working_key() && code != Code::StepRefused;
        match &self.key {
            Key::Proven { proof } if is_about_key && self.set != Set::None => {
                Some(proof.version.without_version())
            }
            _ => None,
        }
    }

    /// Sends what takes the chain on from where it stands.
    fn resume(&self, decision: &mut Decision) {
        let time = decision.taken_up_at();
        let cause = decision.cause.event.clone();
        let id = |kind: &str, target: &str| cause.derive(kind, target);
        match (&self.set, &self.key) {
            (Set::Requested { set, .. }, _) | (Set::Ready { set }, _) if self.disks.is_empty() => {
                let set = set.clone();
                decision.send_as(id(ProvisionStarted::KIND, ""), time, None, ProvisionStarted { set });
            }
            (Set::Ready { .. }, _) if self.all_disks_encrypted() => {
                decision.send_as(id(ActivationRequested::KIND, ""), time, None, ActivationRequested {});
            }
            (Set::Ready { .. }, _) => {
                for disk in self.pending_disks() {
                    let event = id(DiskEncryptionRequested::KIND, disk.as_str());
                    decision.send_as(event, time, None, DiskEncryptionRequested { disk });
                }
            }
            (Set::None | Set::Requested { .. }, Key::Proven { .. }) => {
                decision.send_as(id(ProvisionRequested::KIND, ""), time, None, ProvisionRequested {});
            }
            (_, Key::Refused { key }) => {
                let key = key.clone();
                decision.send_as(id(KeyShared::KIND, ""), time, None, KeyShared { key });
            }
            (_, Key::NotShared) => {
                let tenant = self.tenant;
                decision.send_as(id(CustomerConsented::KIND, ""), time, None, CustomerConsented { tenant });
            }
        }
    }

    pub(crate) fn pending_disks(&self) -> Vec<ArmId> {
        let pending = self.disks.iter().filter(|(_, state)| **state != DiskState::Encrypted);
        pending.map(|(disk, _)| disk.clone()).collect()
    }

    fn subscription_is(&self, cause: Cause, fact: Fact, status: SubscriptionStatus) -> Option<Decision> {
        if self.purchase.status == status {
            return None;
        }
        let was_suspended = self.purchase.status == SubscriptionStatus::Suspended;
        let mut decision = self.next(cause, fact);
        decision.state.purchase.status = status;
        match status {
            SubscriptionStatus::Unsubscribed => decision.state.blocker = None,
            SubscriptionStatus::Suspended => {}
            SubscriptionStatus::PendingFulfillmentStart | SubscriptionStatus::Subscribed => {
                if was_suspended && self.activated_at.is_none() {
                    self.resume(&mut decision);
                }
            }
        }
        Some(decision)
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
