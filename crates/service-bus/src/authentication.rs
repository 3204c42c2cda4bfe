//! Tokens for the service: signed with a key, brought along, or from Entra.

use std::{fmt, sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use azure_core::credentials::{Secret, TokenCredential};
use base64::Engine as _;
use time::OffsetDateTime;

use crate::{connection_string::SharedAccess, error::ServiceBusError};

/// What Entra calls Service Bus (Microsoft Learn, "Authenticate with Microsoft Entra ID").
const SCOPE: &str = "https://servicebus.azure.net/.default";
/// How long a token that we sign is good for, as in Microsoft's SDKs.
const SIGNED_LIFETIME: Duration = Duration::from_secs(3600);

/// How this client proves who it is. `Debug` shows no secret.
#[derive(Clone)]
pub(crate) enum Authentication {
    SharedAccess(SharedAccess),
    Entra(Arc<dyn TokenCredential>),
}

/// A token as the claims-based security node takes it.
pub(crate) struct Token {
    /// The kind, in the words of the put-token operation.
    pub(crate) kind: &'static str,
    pub(crate) value: Secret,
    pub(crate) expires_at: OffsetDateTime,
}

impl Authentication {
    /// A token for `audience`.
    pub(crate) async fn token(&self, audience: &str, now: OffsetDateTime) -> Result<Token, ServiceBusError> {
        match self {
            Self::SharedAccess(SharedAccess::Key { name, key }) => {
                let expires_at = now + SIGNED_LIFETIME;
                Ok(shared_access_token(sign(audience, name, key, expires_at.unix_timestamp()), expires_at))
            }
            Self::SharedAccess(SharedAccess::Signature(signature)) => {
                let expires_at = expiry_of(signature.secret()).unwrap_or(now + SIGNED_LIFETIME);
                Ok(shared_access_token(signature.clone(), expires_at))
            }
            Self::Entra(credential) => {
                let token =
                    credential.get_token(&[SCOPE], None).await.map_err(ServiceBusError::Credential)?;
                Ok(Token { kind: "jwt", value: token.token, expires_at: token.expires_on })
            }
        }
    }
}

impl fmt::Debug for Authentication {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SharedAccess(access) => access.fmt(formatter),
            // A credential's own `Debug` is beyond our control.
            Self::Entra(_) => formatter.write_str("Entra(..)"),
        }
    }
}

fn shared_access_token(value: Secret, expires_at: OffsetDateTime) -> Token {
    Token { kind: "servicebus.windows.net:sastoken", value, expires_at }
}

/// Signs a shared access signature (Microsoft Learn, "Service Bus access control with shared access signatures"): the
/// key's text, not what it may be the base64 of, keys an HMAC-SHA256 over the encoded audience and the expiry.
fn sign(audience: &str, key_name: &str, key: &Secret, expires_at: i64) -> Secret {
    let audience = percent_encoded(audience);
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.secret().as_bytes());
    let tag = hmac::sign(&key, format!("{audience}\n{expires_at}").as_bytes());
    let signature = percent_encoded(&base64::engine::general_purpose::STANDARD.encode(tag));
    let key_name = percent_encoded(key_name);
    format!("SharedAccessSignature sr={audience}&sig={signature}&se={expires_at}&skn={key_name}").into()
}

/// When a signature that somebody else made ends, if it says so.
fn expiry_of(signature: &str) -> Option<OffsetDateTime> {
    let (_, fields) = signature.split_once(' ')?;
    let (_, seconds) =
        fields.split('&').filter_map(|field| field.split_once('=')).find(|(name, _)| *name == "se")?;
    OffsetDateTime::from_unix_timestamp(seconds.parse().ok()?).ok()
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calculated with Python:
    /// `hmac.new(b"a+key/with=signs", (quote(audience, safe="") + "\n1700000000").encode(), sha256)`.
    #[test]
    fn the_signature_is_the_one_that_python_calculates() {
        let key = Secret::new("a+key/with=signs");
        let token = sign("sb://contoso.servicebus.windows.net/q1", "Root", &key, 1_700_000_000);
        assert_eq!(token.secret(), EXPECTED);
    }

    const EXPECTED: &str = "SharedAccessSignature sr=sb%3A%2F%2Fcontoso.servicebus.windows.net%2Fq1&sig=WMgEgOIbOsSIK5zqFGTf7RH3qi2jPnWEao6qlWAI3r0%3D&se=1700000000&skn=Root";

    #[test]
    fn the_expiry_of_a_signature_is_read_from_it() {
        let seconds = |text: &str| expiry_of(text).map(OffsetDateTime::unix_timestamp);
        assert_eq!(seconds("SharedAccessSignature sr=a&sig=b&se=1700000000&skn=c"), Some(1_700_000_000));
        assert_eq!(seconds("SharedAccessSignature sr=a&sig=b&skn=c"), None);
        assert_eq!(seconds("nonsense"), None);
    }

    #[tokio::test]
    async fn nothing_secret_is_printed() {
        let key = SharedAccess::Key { name: "Root".to_owned(), key: Secret::new("hidden") };
        let signature = SharedAccess::Signature(Secret::new("hidden"));
        for access in [key, signature] {
            let printed = format!("{:?}", Authentication::SharedAccess(access));
            assert!(!printed.contains("hidden"), "{printed}");
        }
    }
}
