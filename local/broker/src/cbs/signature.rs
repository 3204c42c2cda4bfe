//! Shared access signatures.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;
use uuid::Uuid;

use crate::address::{covers, path_of};
use crate::clock::Timestamp;
use crate::entra::{Directory, Right};
use crate::options::EntraTokens;

use super::TokenError;

const KEY_NAME: &str = "RootManageSharedAccessKey";

const PREFIX: &str = "SharedAccessSignature ";

/// Whether a token is a shared access signature, whatever type it goes by.
pub(super) fn is_one(token: &str) -> bool {
    token.starts_with(PREFIX)
}

/// The one key there is, made when the broker starts, and what else is taken for a proof.
pub(crate) struct Authority {
    key: String,
    entra_tokens: EntraTokens,
    /// Who verifies tokens of Entra and knows the roles.
    directory: Option<Arc<Directory>>,
}

impl Authority {
    /// An authority with a key that nobody else has.
    pub(crate) fn generate(entra_tokens: EntraTokens) -> Result<Self, aws_lc_rs::error::Unspecified> {
        let mut secret = [0_u8; 32];
        rand::fill(&mut secret)?;
        Ok(Self::with_key(STANDARD.encode(secret), entra_tokens))
    }

    pub(crate) fn with_key(key: String, entra_tokens: EntraTokens) -> Self {
        Self { key, entra_tokens, directory: None }
    }

    pub(crate) fn key_name(&self) -> &'static str {
        KEY_NAME
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The same, with tokens of Entra verified.
    pub(crate) fn trusting(self, directory: Arc<Directory>) -> Self {
        Self { directory: Some(directory), ..self }
    }

    pub(crate) fn entra_tokens(&self) -> &EntraTokens {
        &self.entra_tokens
    }

    pub(crate) fn directory(&self) -> Option<&Arc<Directory>> {
        self.directory.as_ref()
    }

    /// Whether the key is taken at all.
    pub(crate) fn local_auth(&self) -> bool {
        self.directory.as_ref().is_none_or(|directory| directory.local_auth())
    }

    /// Whether a role gives somebody of the tenant a right to a node.
    pub(super) fn grants(&self, principal: Uuid, right: Right, node: &str) -> bool {
        self.directory.as_ref().is_some_and(|directory| directory.grants(principal, right, node))
    }

    /// Whether this is the key, under its name.
    pub(crate) fn is_key(&self, name: &str, key: &str) -> bool {
        let same = aws_lc_rs::constant_time::verify_slices_are_equal(key.as_bytes(), self.key.as_bytes());
        name == KEY_NAME && same.is_ok() && self.local_auth()
    }

    /// Checks a signature for the resource at `path`. Returns when it ends.
    pub(super) fn check_signature(
        &self,
        token: &str,
        path: &str,
        now: Timestamp,
    ) -> Result<Timestamp, TokenError> {
        if !self.local_auth() {
            return Err(TokenError::LocalAuthDisabled);
        }
        let fields = token.strip_prefix(PREFIX).ok_or(TokenError::Malformed("no signature"))?;
        let raw = |name: &str| field(fields, name).ok_or(TokenError::Malformed("a part of it is missing"));
        let (resource, expiry) = (raw("sr")?, raw("se")?);
        if decode(raw("skn")?) != KEY_NAME {
            return Err(TokenError::Signature);
        }
        let signature = STANDARD.decode(decode(raw("sig")?)).map_err(|_| TokenError::Signature)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.key.as_bytes());
        hmac::verify(&key, format!("{resource}\n{expiry}").as_bytes(), &signature)
            .map_err(|_| TokenError::Signature)?;
        let seconds: i64 = expiry.parse().map_err(|_| TokenError::Malformed("its expiry is not a number"))?;
        let until = Timestamp::from_milliseconds(seconds.saturating_mul(1000));
        if until <= now {
            return Err(TokenError::Expired);
        }
        if covers(&path_of(&decode(resource)), path) { Ok(until) } else { Err(TokenError::Audience) }
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Authority").field("entra_tokens", &self.entra_tokens).finish_non_exhaustive()
    }
}

/// A field of the token as it was written: the signature covers the encoded resource.
fn field<'token>(fields: &'token str, name: &str) -> Option<&'token str> {
    fields
        .split('&')
        .find_map(|part| part.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value))
}

fn decode(text: &str) -> String {
    form_urlencoded::parse(format!("x={text}").as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    impl Authority {
        /// A signature as the SDKs make it.
        pub(crate) fn sign(&self, resource: &str, expires_at_seconds: i64) -> String {
            let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let resource = encode(resource);
            let key = hmac::Key::new(hmac::HMAC_SHA256, self.key.as_bytes());
            let tag = hmac::sign(&key, format!("{resource}\n{expires_at_seconds}").as_bytes());
            let signature = encode(&STANDARD.encode(tag));
            format!(
                "SharedAccessSignature sr={resource}&sig={signature}&se={expires_at_seconds}&skn={KEY_NAME}"
            )
        }
    }

    fn check(token: &str, path: &str, authority: &Authority) -> Result<Timestamp, TokenError> {
        authority.check_signature(token, path, Timestamp::from_milliseconds(1_000_000))
    }

    #[test]
    fn a_signature_opens_its_resource_until_it_ends() {
        let authority = Authority::generate(EntraTokens::Refuse).unwrap();
        let token = authority.sign("sb://127.0.0.1:5672/Orders", 2000);
        assert_eq!(check(&token, "orders", &authority), Ok(Timestamp::from_milliseconds(2_000_000)));
        assert_eq!(check(&token, "orders/$deadletterqueue", &authority).map(|_| ()), Ok(()));
        assert_eq!(check(&token, "other", &authority), Err(TokenError::Audience));
        let whole_namespace = authority.sign("sb://127.0.0.1/", 2000);
        assert_eq!(check(&whole_namespace, "other", &authority).map(|_| ()), Ok(()));
    }

    #[test]
    fn an_old_a_forged_and_a_broken_signature_are_refused() {
        let authority = Authority::generate(EntraTokens::Refuse).unwrap();
        let other = Authority::generate(EntraTokens::Refuse).unwrap();
        let token = authority.sign("sb://h/orders", 2000);
        assert_eq!(
            check(&authority.sign("sb://h/orders", 1000), "orders", &authority),
            Err(TokenError::Expired)
        );
        assert_eq!(
            check(&other.sign("sb://h/orders", 2000), "orders", &authority),
            Err(TokenError::Signature)
        );
        assert_eq!(
            check(&token.replace("se=2000", "se=9000"), "orders", &authority),
            Err(TokenError::Signature)
        );
        assert_eq!(check(&token.replace("orders", "other"), "other", &authority), Err(TokenError::Signature));
        assert!(matches!(
            check("SharedAccessSignature sr=x", "x", &authority),
            Err(TokenError::Malformed(_))
        ));
        assert!(matches!(check("Bearer", "x", &authority), Err(TokenError::Malformed(_))));
    }

    #[test]
    fn the_key_does_not_show_in_debug_output() {
        let authority = Authority::generate(EntraTokens::Refuse).unwrap();
        assert!(!format!("{authority:?}").contains(authority.key()));
    }
}
