//! How what was seen of a rotation is stored.

use azure_ids::KeyUrl;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::finding::FindingV1;
use crate::rotation::{NewestVersion, Reminder, Rotation, SetLook};

/// What a look at the newest version showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewestVersionV1 {
    pub(super) version: KeyUrl,
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    created: Option<OffsetDateTime>,
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    expires: Option<OffsetDateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fault: Option<String>,
}

/// What a look at the set showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetLookV1 {
    pub(super) active: KeyUrl,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) previous: Vec<KeyUrl>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lost: Option<KeyUrl>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    former: Option<FindingV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    rotated_at: Option<OffsetDateTime>,
}

/// One rotation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RotationV1 {
    from: Vec<KeyUrl>,
    to: KeyUrl,
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    made_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    seen_at: OffsetDateTime,
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    taken_over_at: Option<OffsetDateTime>,
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    over_at: Option<OffsetDateTime>,
}

/// The last reminder that a key expires.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ReminderV1 {
    #[serde(with = "time::serde::rfc3339")]
    expires: OffsetDateTime,
    days: u32,
}

impl From<NewestVersion> for NewestVersionV1 {
    fn from(domain: NewestVersion) -> Self {
        let NewestVersion { version, created, expires, fault } = domain;
        Self { version, created, expires, fault: fault.map(crate::finding::Code::name) }
    }
}

impl From<SetLook> for SetLookV1 {
    fn from(domain: SetLook) -> Self {
        let SetLook { active, previous, lost, former, error, rotated_at } = domain;
        Self { active, previous, lost, former: former.map(Into::into), error, rotated_at }
    }
}

impl From<Rotation> for RotationV1 {
    fn from(domain: Rotation) -> Self {
        let Rotation { from, to, made_at, seen_at, taken_over_at, over_at } = domain;
        Self { from, to, made_at, seen_at, taken_over_at, over_at }
    }
}

impl From<RotationV1> for Rotation {
    fn from(stored: RotationV1) -> Self {
        let RotationV1 { from, to, made_at, seen_at, taken_over_at, over_at } = stored;
        Self { from, to, made_at, seen_at, taken_over_at, over_at }
    }
}

impl From<Reminder> for ReminderV1 {
    fn from(domain: Reminder) -> Self {
        let Reminder { expires, days } = domain;
        Self { expires, days }
    }
}

impl From<ReminderV1> for Reminder {
    fn from(stored: ReminderV1) -> Self {
        let ReminderV1 { expires, days } = stored;
        Self { expires, days }
    }
}
