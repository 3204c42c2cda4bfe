//! The rotation of the key in use: from the moment its new version was seen until the older ones are needed no more.
//!
//! Azure's disk service takes a new version over by itself; nobody writes to the disk encryption set for it. Microsoft
//! Learn, "Server-side encryption of Azure Disk Storage": disks, snapshots and images are updated within one hour.

use std::time::Duration;

use azure_ids::KeyUrl;
use time::OffsetDateTime;

use crate::finding::{Code, Finding};

/// How long Azure may take, as documented. Before that has passed, no older version is called unneeded.
pub const DOCUMENTED: Duration = Duration::from_secs(3600);

/// A rotation that Azure has not begun after this is somebody's turn.
pub const LATE: Duration = Duration::from_secs(3 * 3600);

/// How many days before the key expires the customer is reminded.
pub const REMINDERS: [u32; 3] = [30, 7, 1];

/// So many older versions are remembered: each was in use, and Azure takes one over within the hour.
const MOST_OLDER: usize = 10;

/// What a look at the newest version of the key in use showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewestVersion {
    /// The key with this version.
    pub version: KeyUrl,
    /// When it was made.
    pub created: Option<OffsetDateTime>,
    /// When it expires.
    pub expires: Option<OffsetDateTime>,
    /// What makes it useless for disks.
    pub fault: Option<Code>,
}

/// What a look at the disk encryption set showed, once it was found to be as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetLook {
    /// The version that it uses.
    pub active: KeyUrl,
    /// The versions that disks still use while a rotation is under way.
    pub previous: Vec<KeyUrl>,
    /// An older version that is still needed and does not work.
    pub lost: Option<KeyUrl>,
    /// What is wrong with the key that was replaced, while it is still needed.
    pub former: Option<Finding>,
    /// Azure's code for why it follows no new versions any more.
    pub error: Option<String>,
    /// When it changed its key last.
    pub rotated_at: Option<OffsetDateTime>,
}

/// One rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The older versions that have to stay enabled until it is over; the one that was in use last comes last.
    pub from: Vec<KeyUrl>,
    /// The version that the set takes over.
    pub to: KeyUrl,
    /// When that version was made.
    pub made_at: Option<OffsetDateTime>,
    /// When that version was seen.
    pub seen_at: OffsetDateTime,
    /// When the set took it over.
    pub taken_over_at: Option<OffsetDateTime>,
    /// Since when the older versions are not needed any more.
    pub over_at: Option<OffsetDateTime>,
}

/// The last reminder that a key expires: one for each of [`REMINDERS`], and again when its expiry was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reminder {
    /// When the key expires.
    pub expires: OffsetDateTime,
    /// Which of the reminders it was.
    pub days: u32,
}

impl Reminder {
    /// The reminder that is due now, if any is.
    pub(crate) fn due(expires: OffsetDateTime, now: OffsetDateTime) -> Option<Self> {
        let is_due = |days: &u32| expires - now <= time::Duration::days(i64::from(*days));
        REMINDERS.into_iter().filter(is_due).min().map(|days| Self { expires, days })
    }

    /// Whether it, or a later one, was the last. The clocks of two instances differ.
    pub(crate) fn came_before(self, last: Option<Self>) -> bool {
        last.is_some_and(|last| last.expires == self.expires && last.days <= self.days)
    }
}

impl Rotation {
    /// How long it took until the set had the new version.
    #[must_use]
    pub fn lag(&self) -> Option<Duration> {
        let since = self.made_at.unwrap_or(self.seen_at);
        Some(Duration::try_from(self.taken_over_at? - since).unwrap_or_default())
    }

    /// Whether the set should have taken the new version over by now.
    pub(crate) fn is_late(&self, now: OffsetDateTime) -> bool {
        self.taken_over_at.is_none() && now - self.seen_at > LATE
    }

    /// The older versions that are of another key, which this one replaced.
    pub fn other_keys(&self) -> impl Iterator<Item = &KeyUrl> {
        self.from.iter().filter(|older| !older.is_same_key(&self.to))
    }

    /// The set was changed from one key to another. A rotation of the one before that is not over needs its versions too.
    pub(crate) fn of_replacement(
        before: Option<&Self>,
        former: &KeyUrl,
        set: &SetLook,
        now: OffsetDateTime,
    ) -> Self {
        let followed = before.filter(|rotation| rotation.over_at.is_none());
        let mut from = followed.map(|known| known.from.clone()).unwrap_or_default();
        for older in set.previous.iter().chain([former]) {
            if !from.contains(older) {
                from.push(older.clone());
            }
        }
        from.retain(|older| *older != set.active);
        let taken_over_at = Some(set.rotated_at.filter(|at| *at <= now).unwrap_or(now));
        Self { from, to: set.active.clone(), made_at: None, seen_at: now, taken_over_at, over_at: None }
    }

    /// What is so of the rotation after this look; `None`: there is none, and there was none.
    pub(crate) fn after(
        before: Option<&Self>,
        in_use: &KeyUrl,
        newest: &NewestVersion,
        set: &SetLook,
        now: OffsetDateTime,
    ) -> Option<Self> {
        let followed = before.filter(|rotation| rotation.over_at.is_none());
        let is_settled = *in_use == newest.version && set.active == newest.version && set.previous.is_empty();
        let mut rotation = match followed {
            None if is_settled => return before.cloned(),
            Some(known) if known.to == newest.version => known.clone(),
            // Another version before the one before was taken over, or before its older versions could be let go.
            _ => Self {
                from: followed.map(|known| known.from.clone()).unwrap_or_default(),
                to: newest.version.clone(),
                made_at: newest.created,
                seen_at: now,
                taken_over_at: None,
                over_at: None,
            },
        };
        for older in set.previous.iter().chain([in_use, &set.active]) {
            if !rotation.from.contains(older) {
                rotation.from.push(older.clone());
            }
        }
        rotation.from.retain(|older| *older != rotation.to);
        let mut too_many = rotation.from.len().saturating_sub(MOST_OLDER);
        let to = rotation.to.clone();
        // Another key is not forgotten: it is held for this customer as long as disks need it.
        rotation.from.retain(|older| {
            let goes = too_many > 0 && older.is_same_key(&to);
            too_many -= usize::from(goes);
            !goes
        });
        rotation.taken_over_at = match rotation.taken_over_at {
            _ if set.active != rotation.to => None,
            Some(known) => Some(known),
            None => Some(set.rotated_at.filter(|at| *at <= now).unwrap_or(now)),
        };
        let is_over = set.previous.is_empty()
            && rotation.taken_over_at.is_some_and(|taken_over_at| now - taken_over_at >= DOCUMENTED);
        rotation.over_at = is_over.then_some(now);
        Some(rotation)
    }
}
