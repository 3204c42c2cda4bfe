//! The keys that Entra signs with.
//!
//! Entra rolls them without notice (Microsoft Learn, "Signing key rollover in the Microsoft identity platform"): a key
//! that we do not know makes us read the list again, but not more often than every five minutes, because anybody can
//! send tokens with made-up key ids.

use std::{collections::HashMap, fmt, time::Duration};

use azure_ids::TenantId;
use jsonwebtoken::DecodingKey;
use reqwest::Method;
use serde::Deserialize;
use tokio::{sync::Mutex, time::Instant};

use super::WebhookTokenError;
use crate::{Outage, Transport};

/// The shortest time between two readings because of an unknown key.
const UNKNOWN_KEY_PAUSE: Duration = Duration::from_secs(300);

/// The shortest time after a reading that failed.
const FAILURE_PAUSE: Duration = Duration::from_secs(5);

/// Keys older than this are read again even if they are known: one may have been withdrawn.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// The published keys of a tenant, read when they are needed.
pub(super) struct SigningKeys {
    transport: Transport,
    url: String,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    keys: HashMap<String, DecodingKey>,
    read_at: Option<Instant>,
    failed_at: Option<Instant>,
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys").field("url", &self.url).finish_non_exhaustive()
    }
}

impl SigningKeys {
    pub(super) fn new(transport: &Transport, tenant: TenantId) -> Self {
        // The list of the version 2 endpoint; tokens of version 1 are signed with the same keys.
        let url = format!("https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys");
        Self { transport: transport.clone(), url, known: Mutex::default() }
    }

    /// The key of this id. The lock is held while the list is read, so that it is read once for all who wait.
    pub(super) async fn get(&self, kid: &str) -> Result<DecodingKey, WebhookTokenError> {
        let mut known = self.known.lock().await;
        let age = known.read_at.map(|at| at.elapsed());
        let found = known.keys.get(kid).cloned();
        match (found, age) {
            (Some(key), Some(age)) if age < LONGEST_LIFE => return Ok(key),
            (None, Some(age)) if age < UNKNOWN_KEY_PAUSE => return Err(WebhookTokenError::UnknownKey),
            _ => {}
        }
        if known.failed_at.is_some_and(|at| at.elapsed() < FAILURE_PAUSE) {
            let outage = Outage::Status { status: 503, code: None, retry_after: Some(FAILURE_PAUSE) };
            return Err(WebhookTokenError::Unavailable(outage));
        }
        match self.read().await {
            Ok(keys) => *known = Known { keys, read_at: Some(Instant::now()), failed_at: None },
            Err(error) => {
                known.failed_at = Some(Instant::now());
                return Err(error);
            }
        }
        known.keys.get(kid).cloned().ok_or(WebhookTokenError::UnknownKey)
    }

    async fn read(&self) -> Result<HashMap<String, DecodingKey>, WebhookTokenError> {
        let reply = self.transport.within_time_limit(async {
            let reply = self.transport.send(self.transport.request(Method::GET, &self.url)).await?;
            if reply.status.is_success() {
                return Ok(reply);
            }
            let (status, retry_after) = (reply.status.as_u16(), reply.retry_after());
            Err(Outage::Status { status, code: None, retry_after })
        });
        decode(&reply.await.map_err(WebhookTokenError::Unavailable)?.body)
    }
}

#[derive(Deserialize)]
struct JsonWebKeys {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct RsaKey {
    kty: String,
    kid: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    n: String,
    e: String,
}

/// Keys of other kinds may join the list any day; they are passed over.
fn decode(body: &[u8]) -> Result<HashMap<String, DecodingKey>, WebhookTokenError> {
    let keys: JsonWebKeys = serde_json::from_slice(body).map_err(WebhookTokenError::KeysUndecodable)?;
    let rsa_keys = keys.keys.into_iter().filter_map(|key| serde_json::from_value::<RsaKey>(key).ok());
    let signing =
        rsa_keys.filter(|key| key.kty == "RSA" && key.purpose.as_deref().is_none_or(|use_| use_ == "sig"));
    Ok(signing
        .filter_map(|key| Some((key.kid, DecodingKey::from_rsa_components(&key.n, &key.e).ok()?)))
        .collect())
}
