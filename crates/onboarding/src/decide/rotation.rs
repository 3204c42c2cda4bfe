//! The part of the decision that is about new versions of the key in use, and about its expiry.
//!
//! The version in use is the one that the disk encryption set uses, whatever is newer: nothing is ever written to the
//! set for a rotation.

use azure_ids::{ArmId, KeyUrl};
use time::OffsetDateTime;

use crate::{
    About, Cause, Decision, Fact, Onboarding, Set, Subject,
    finding::Finding,
    rotation::{NewestVersion, Reminder, Rotation, SetLook},
};

impl Onboarding {
    /// The newest version of the key was looked at; and the set, when the two had to be compared.
    pub(super) fn key_looked(
        &self,
        cause: Cause,
        fact: Fact,
        newest: &NewestVersion,
        set: Option<&SetLook>,
    ) -> Option<Decision> {
        let (Set::Ready { set: id }, Some(in_use)) = (&self.set, &self.key) else { return None };
        let is_ours = |key: &KeyUrl| key.is_same_key(&in_use.version);
        if !is_ours(&newest.version) || set.is_some_and(|set| !is_ours(&set.active)) {
            return None;
        }
        let now = cause.now;
        let (mut key, mut rotation) = (in_use.clone(), self.rotation.clone());
        if let Some(set) = set {
            rotation = Rotation::after(self.rotation.as_ref(), &in_use.version, newest, set, now);
            if set.active != key.version {
                (key.version, key.created, key.expires) = (set.active.clone(), None, None);
            }
        }
        if newest.version == key.version {
            (key.created, key.expires) = (newest.created, newest.expires);
        }
        // A version that is being replaced need not outlive that.
        let expires = key.expires.filter(|_| newest.version == key.version);
        let due = expires.and_then(|expires| Reminder::due(expires, now));
        let reminder = due.filter(|due| !due.came_before(self.reminder)).or(self.reminder);
        let lost_before = self.blockers.get(&Subject::FormerKey).is_some();
        let former_serves = lost_before && set.is_some_and(|set| set.former.is_none());
        let found = set.map(|set| finding(id, newest, set, rotation.as_ref(), (lost_before, now)));
        let known = self.blockers.get(&Subject::Rotation).map(|blocker| &blocker.finding);
        let is_known = found.as_ref().is_none_or(|found| found.as_ref() == known);
        if is_known
            && !former_serves
            && key == *in_use
            && rotation == self.rotation
            && reminder == self.reminder
        {
            return None;
        }
        let mut decision = self.next(cause, fact, &About::Rotation);
        self.keep_standing(&mut decision);
        decision.onboarding.key = Some(key);
        decision.onboarding.rotation = rotation;
        decision.onboarding.reminder = reminder;
        if former_serves {
            decision.onboarding.blockers.remove(&Subject::FormerKey);
        }
        match found {
            Some(Some(finding)) if !is_known => decision.block(Subject::Rotation, finding, 0),
            Some(None) => {
                decision.onboarding.blockers.remove(&Subject::Rotation);
            }
            Some(Some(_)) | None => {}
        }
        Some(decision)
    }

    /// The rotation of the key in use that was seen last, over or not.
    #[must_use]
    pub fn rotation(&self) -> Option<&Rotation> {
        self.rotation.as_ref()
    }

    /// The last reminder that the key in use expires, unless its expiry was changed since.
    #[must_use]
    pub fn reminder(&self) -> Option<Reminder> {
        let expires = self.key.as_ref().and_then(|key| key.expires);
        self.reminder.filter(|reminder| Some(reminder.expires) == expires)
    }

    /// Whether the disk encryption set has to be looked at although the newest version is the one in use.
    #[must_use]
    pub fn follows_a_rotation(&self) -> bool {
        self.rotation.as_ref().is_some_and(|rotation| rotation.over_at.is_none())
            || self.blockers.get(&Subject::Rotation).is_some()
    }
}

/// What is wrong with a rotation, the most urgent first.
fn finding(
    set_id: &ArmId,
    newest: &NewestVersion,
    set: &SetLook,
    rotation: Option<&Rotation>,
    (lost_before, now): (bool, OffsetDateTime),
) -> Option<Finding> {
    let is_new = newest.version != set.active;
    // What was lost before it was replaced has a blocker of its own.
    let former = set.former.as_ref().filter(|_| !lost_before);
    if let (Some(former), Some(key)) = (former, rotation.and_then(|rotation| rotation.other_keys().next())) {
        return Some(Finding::FormerKeyNeeded { key: key.clone().into(), fault: former.code().name() });
    }
    if let Some(lost) = &set.lost {
        return Some(Finding::OldVersionDisabled { key: lost.clone() });
    }
    match (&set.error, newest.fault.filter(|_| is_new)) {
        (error, Some(fault)) => Some(Finding::NewVersionUnusable {
            key: newest.version.clone().into(),
            fault: fault.name(),
            in_use: set.active.clone().into(),
            error: error.clone(),
        }),
        (Some(error), None) => Some(Finding::KeyRotationFailed {
            set: set_id.clone(),
            key: newest.version.clone().into(),
            error: error.clone(),
        }),
        (None, None) => rotation
            .filter(|rotation| is_new && rotation.is_late(now))
            .map(|_| Finding::KeyRotationLate { set: set_id.clone(), key: newest.version.clone().into() }),
    }
}
