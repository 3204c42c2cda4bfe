//! The part of the decision that is about the disk encryption set, the disks under it, and the bill that follows them.

use azure_ids::ArmId;
use std::time::Duration;

use crate::{
    Cause, Decision, DiskState, Fact, Illegal, Key, Onboarding, ProvisionPlan, Purchase, Set, State,
    SubscriptionStatus,
    event::{ActivationRequested, DiskEncryptionRequested, ProvisionStarted},
    finding::{Code, Finding},
};

impl Onboarding {
    /// What the disk encryption set is to be made of.
    ///
    /// # Errors
    /// Without a proven key of the bound tenant, or while the subscription is not in force.
    pub fn provision_plan(&self) -> Result<ProvisionPlan, Illegal> {
        match self.state() {
            State::Ended => return Err(Illegal::Ended),
            State::Suspended => return Err(Illegal::Suspended),
            _ => {}
        }
        let Key::Proven { proof } = &self.key else { return Err(Illegal::NoProvenKey) };
        self.bound_to(proof)?;
        Ok(ProvisionPlan {
            tenant: self.tenant,
            key: proof.version.clone(),
            name: format!("latchkey-{}", self.id),
        })
    }

    /// Whether the marketplace may be told to bill: every disk has been read back as encrypted.
    ///
    /// # Errors
    /// What is missing.
    pub fn activation_plan(&self) -> Result<&Purchase, Illegal> {
        self.provision_plan()?;
        if matches!(self.set, Set::Ready { .. }) && self.all_disks_encrypted() {
            Ok(&self.purchase)
        } else {
            Err(Illegal::NotEncrypted)
        }
    }

    pub(crate) fn set_requested(
        &self,
        cause: Cause,
        fact: Fact,
        set: ArmId,
        operation: Option<String>,
        look_after_ms: u64,
    ) -> Result<Option<Decision>, Illegal> {
        let plan = self.provision_plan()?;
        if !set.name().eq_ignore_ascii_case(plan.name()) {
            return Err(Illegal::AnotherSet);
        }
        if self.set != Set::None {
            return Ok(None);
        }
        let mut decision = self.next(cause, fact);
        decision.state.blocker = None;
        decision.state.set = Set::Requested { set: set.clone(), operation };
        Ok(Some(decision.and("", Some(Duration::from_millis(look_after_ms)), ProvisionStarted { set })))
    }

    pub(crate) fn set_ready(
        &self,
        cause: Cause,
        fact: Fact,
        set: ArmId,
        disks: &[ArmId],
    ) -> Result<Option<Decision>, Illegal> {
        let plan = self.provision_plan()?;
        if !set.name().eq_ignore_ascii_case(plan.name()) {
            return Err(Illegal::AnotherSet);
        }
        let new: Vec<&ArmId> = disks.iter().filter(|disk| !self.disks.contains_key(*disk)).collect();
        let blocked_without_disks = self.blocker.as_ref().is_some_and(|b| b.finding.code == Code::NoDisks);
        if matches!(self.set, Set::Ready { .. })
            && new.is_empty()
            && (blocked_without_disks || !self.disks.is_empty())
        {
            return Ok(None);
        }
        let mut decision = self.next(cause, fact);
        decision.state.set = Set::Ready { set };
        if self.blocker.as_ref().is_some_and(|known| known.disk.is_none()) {
            decision.state.blocker = None;
        }
        if self.disks.is_empty() && new.is_empty() {
            return Ok(Some(decision.blocked_by(Finding::no_disks(self.tenant), None, 0)));
        }
        for disk in new {
            decision.state.disks.insert(disk.clone(), DiskState::Found);
            decision = decision.and(disk.as_str(), None, DiskEncryptionRequested { disk: disk.clone() });
        }
        Ok(Some(decision))
    }

    /// Back to a set that does not exist: the check probes the key first, and only then is it asked for again.
    pub(crate) fn set_failed(&self, cause: Cause, fact: Fact, finding: Finding) -> Option<Decision> {
        if matches!(self.set, Set::Ready { .. }) {
            return None;
        }
        let mut decision = self.next(cause, fact);
        decision.state.set = Set::None;
        if let Key::Proven { proof } = &self.key {
            decision.state.key = Key::Refused { key: proof.version.without_version() };
        }
        decision.state.set_failures = self.set_failures.saturating_add(1);
        Some(decision.blocked_by(finding, None, self.set_failures))
    }

    pub(crate) fn disk_requested(
        &self,
        cause: Cause,
        fact: Fact,
        disk: ArmId,
        look_after_ms: u64,
    ) -> Result<Option<Decision>, Illegal> {
        self.provision_plan()?;
        match self.disks.get(&disk) {
            None => return Err(Illegal::UnknownDisk),
            Some(DiskState::Found) => {}
            Some(DiskState::Requested | DiskState::Encrypted) => return Ok(None),
        }
        let mut decision = self.next(cause, fact);
        decision.state.disks.insert(disk.clone(), DiskState::Requested);
        let target = format!("{disk} again");
        Ok(Some(decision.and(
            &target,
            Some(Duration::from_millis(look_after_ms)),
            DiskEncryptionRequested { disk },
        )))
    }

    pub(crate) fn disk_encrypted(
        &self,
        cause: Cause,
        fact: Fact,
        disk: ArmId,
        under: &ArmId,
    ) -> Result<Option<Decision>, Illegal> {
        self.provision_plan()?;
        match &self.set {
            Set::Ready { set } if set == under => {}
            _ => return Err(Illegal::AnotherSet),
        }
        match self.disks.get(&disk) {
            None => return Err(Illegal::UnknownDisk),
            Some(DiskState::Encrypted) => return Ok(None),
            Some(DiskState::Found | DiskState::Requested) => {}
        }
        let mut decision = self.next(cause, fact);
        decision.state.disks.insert(disk.clone(), DiskState::Encrypted);
        decision = self.unblock_disk(decision, &disk);
        if decision.state.all_disks_encrypted() && self.activated_at.is_none() {
            decision = decision.and("", None, ActivationRequested {});
        }
        Ok(Some(decision))
    }

    /// A disk is done: its own blocker is gone, another disk's stays. Those that stood behind it are looked at now.
    fn unblock_disk(&self, mut decision: Decision, disk: &ArmId) -> Decision {
        match &self.blocker {
            Some(known) if known.disk.as_ref().is_some_and(|blocked| blocked != disk) => return decision,
            Some(_) => decision.state.blocker = None,
            None => return decision,
        }
        for pending in decision.state.pending_disks() {
            decision =
                decision.and(pending.as_str(), None, DiskEncryptionRequested { disk: pending.clone() });
        }
        decision
    }

    pub(crate) fn activated(&self, cause: Cause, fact: Fact) -> Result<Option<Decision>, Illegal> {
        if self.activated_at.is_some() {
            return Ok(None);
        }
        self.activation_plan()?;
        let mut decision = self.next(cause, fact);
        decision.state.blocker = None;
        decision.state.activated_at = Some(decision.cause.now);
        decision.state.purchase.status = SubscriptionStatus::Subscribed;
        Ok(Some(decision))
    }
}
