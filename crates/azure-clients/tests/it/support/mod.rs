//! A cloud of one function: whatever host a client calls, the test's own closure answers.
//!
//! Clients reach it by Azure's real names through its CONNECT proxy and trust its certificate, so that the code under
//! test is the code of production, host names included.

mod fake_cloud;
pub(crate) mod scene;

use std::sync::Arc;

use azure_clients::{IdentitySettings, SystemClock, TokenCredential, WorkloadIdentity};
use azure_core::credentials::{AccessToken, TokenRequestOptions};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) use fake_cloud::{Answer, FakeCloud, Seen};

/// A GUID-shaped id of any type, new for every call.
pub(crate) fn new_id<T: std::str::FromStr<Err: std::fmt::Debug>>() -> T {
    Uuid::new_v4().to_string().parse().unwrap()
}

/// A managed identity that gives the same token every time.
#[derive(Debug, Clone)]
pub(crate) struct FixedIdentity {
    pub(crate) token: Arc<str>,
}

impl FixedIdentity {
    pub(crate) fn new() -> Self {
        Self { token: Uuid::new_v4().to_string().into() }
    }
}

#[async_trait::async_trait]
impl TokenCredential for FixedIdentity {
    async fn get_token(
        &self,
        _scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let expires = time::OffsetDateTime::from_unix_timestamp(32_503_680_000).unwrap();
        Ok(AccessToken::new(self.token.to_string(), expires))
    }
}

/// The vendor's identity, with any ids.
pub(crate) fn identity(cloud: &FakeCloud) -> WorkloadIdentity {
    identity_from(cloud, FixedIdentity::new())
}

pub(crate) fn identity_from(cloud: &FakeCloud, managed_identity: FixedIdentity) -> WorkloadIdentity {
    let settings = IdentitySettings {
        application_id: new_id(),
        vendor_tenant: new_id(),
        managed_identity_client_id: new_id(),
    };
    WorkloadIdentity::with_managed_identity(
        settings,
        &cloud.transport(),
        Arc::new(managed_identity),
        Arc::new(SystemClock),
    )
}

/// A token endpoint's answer: a token of this tenant that any JWT reader can read and nobody can verify.
pub(crate) fn token_for(tenant: &str, object_id: &str) -> Answer {
    let claims = json!({ "oid": object_id, "tid": tenant, "jti": Uuid::new_v4() }).to_string();
    let token = format!("e30.{}.c2lnbmF0dXJl", BASE64_URL_SAFE_NO_PAD.encode(claims));
    Answer::json(200, &json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": token }))
}

/// A token endpoint's answer to a request for a token in the tenant that its path names.
pub(crate) fn token_in_the_tenant_asked(seen: &Seen) -> Answer {
    let tenant = seen.path.trim_start_matches('/').split('/').next().unwrap();
    token_for(tenant, &Uuid::new_v4().to_string())
}

/// A refusal of Entra's.
pub(crate) fn entra_refusal(status: u16, code: u32) -> Answer {
    Answer::json(
        status,
        &json!({
            "error": "invalid_client", "error_description": format!("AADSTS{code}: words. Trace ID: t"),
            "error_codes": [code], "timestamp": "2026-01-01 00:00:00Z", "trace_id": "t", "correlation_id": "c",
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        }),
    )
}

/// A refusal of ARM's or of Key Vault's.
pub(crate) fn refusal(status: u16, code: &str) -> Answer {
    Answer::json(status, &json!({ "error": { "code": code, "message": "words" } }))
}

/// The challenge of a vault.
pub(crate) fn challenge(tenant: &str) -> Answer {
    Answer::json(401, &json!({ "error": { "code": "Unauthorized", "message": "AKV10000: no token" } }))
        .with_header(
            "www-authenticate",
            &format!(r#"Bearer authorization="https://login.microsoftonline.com/{tenant}", resource="https://vault.azure.net""#),
        )
        .with_header("x-ms-keyvault-region", "westeurope")
        .with_header("x-ms-keyvault-network-info", "conn_type=Ipv4;addr=203.0.113.5;act_addr_fam=InterNetwork;")
}

pub(crate) fn body_of(seen: &Seen) -> Value {
    serde_json::from_slice(&seen.body).unwrap()
}
