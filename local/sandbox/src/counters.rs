//! The calls counted since the start. They are no state of any resource: a restart begins with nothing counted.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use time::OffsetDateTime;
use uuid::Uuid;

/// What has been counted since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<Counted>);

#[derive(Debug, Default)]
pub(crate) struct Counted {
    /// By subscription, caller and kind of call: how many calls were left, and when.
    pub(crate) buckets: BTreeMap<(String, Uuid, Use), (f64, OffsetDateTime)>,
    /// By subscription, region, group and minutes: since when, and how many.
    pub(crate) windows: BTreeMap<(String, String, &'static str, i64), (OffsetDateTime, u32)>,
}

impl Counters {
    pub(crate) fn with<T>(&self, count: impl FnOnce(&mut Counted) -> T) -> T {
        count(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Which bucket a call is taken out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Use {
    Reads,
    Writes,
    Deletes,
}
