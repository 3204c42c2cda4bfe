//! Sign-ins that have begun and not ended: authorization codes and device codes.
//!
//! Codes are kept, rather than signed and forgotten, because each may be redeemed once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// How long an authorization code holds (Microsoft Learn, authorization code flow: about ten minutes at most).
pub(crate) const CODE_LIFETIME: Duration = Duration::minutes(10);

/// How long a device code holds (Microsoft Learn, device authorization grant: fifteen minutes by default).
pub(crate) const DEVICE_LIFETIME: Duration = Duration::minutes(15);

/// Every sign-in under way.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct SignIns {
    /// By authorization code.
    pub(crate) codes: BTreeMap<String, Code>,
    /// By device code.
    pub(crate) devices: BTreeMap<String, Device>,
}

/// What an authorization code stands for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) person: Person,
    pub(crate) client: Uuid,
    pub(crate) redirect_uri: String,
    pub(crate) scope: String,
    pub(crate) nonce: Option<String>,
    /// The SHA-256 of the client's verifier in base64url, when the client sent one (RFC 7636).
    pub(crate) challenge: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) until: OffsetDateTime,
    pub(crate) redeemed: bool,
}

/// A sign-in on one machine for a program on another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Device {
    pub(crate) user_code: String,
    pub(crate) client: Uuid,
    pub(crate) scope: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) until: OffsetDateTime,
    pub(crate) answer: DeviceAnswer,
}

/// How the person with the user code has decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DeviceAnswer {
    Pending,
    Approved(Person),
    Declined,
}

/// Somebody of some organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) tenant: Uuid,
    pub(crate) object_id: Uuid,
}

impl SignIns {
    /// Forgets what nobody can redeem any more.
    pub(crate) fn forget_expired(&mut self, now: OffsetDateTime) {
        // A while longer than they hold, so that a late client hears "expired" and not "unknown".
        let kept = now - Duration::hours(1);
        self.codes.retain(|_, code| code.until > kept);
        self.devices.retain(|_, device| device.until > kept);
    }
}
