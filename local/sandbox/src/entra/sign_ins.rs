//! Sign-ins that have begun and not ended: authorization codes and device codes.
//!
//! Codes are kept, rather than signed and forgotten, because each may be redeemed once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// How long an authorization code holds (Microsoft Learn, authorization code flow: about ten minutes at most).
pub(super) const CODE_LIFETIME: Duration = Duration::minutes(10);

/// How long a device code holds (Microsoft Learn, device authorization grant: fifteen minutes by default).
pub(super) const DEVICE_LIFETIME: Duration = Duration::minutes(15);

/// Every sign-in under way.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct SignIns {
    /// By authorization code.
    pub(super) codes: BTreeMap<String, Code>,
    /// By device code.
    pub(super) devices: BTreeMap<String, Device>,
}

/// What an authorization code stands for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Code {
    pub(super) person: Person,
    pub(super) client: Uuid,
    pub(super) redirect_uri: String,
    pub(super) scope: String,
    pub(super) nonce: Option<String>,
    /// The SHA-256 of the client's verifier in base64url, when the client sent one (RFC 7636).
    pub(super) challenge: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) until: OffsetDateTime,
    pub(super) redeemed: bool,
}

/// A sign-in on one machine for a program on another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Device {
    pub(super) user_code: String,
    pub(super) client: Uuid,
    pub(super) scope: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(super) until: OffsetDateTime,
    pub(super) answer: DeviceAnswer,
}

/// How the person with the user code has decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum DeviceAnswer {
    Pending,
    Approved(Person),
    Declined,
}

/// Somebody of some organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Person {
    pub(super) tenant: Uuid,
    pub(super) object_id: Uuid,
}

impl SignIns {
    /// Forgets what nobody can redeem any more.
    pub(super) fn forget_expired(&mut self, now: OffsetDateTime) {
        // A while longer than they hold, so that a late client hears "expired" and not "unknown".
        let kept = now - Duration::hours(1);
        self.codes.retain(|_, code| code.until > kept);
        self.devices.retain(|_, device| device.until > kept);
    }
}
