//! The public half of the key that signs packs: EC, on the curve P-256.

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

/// What a public key on P-256 begins with in DER (RFC 5480), before the 64 bytes of its point.
const HEAD_OF_DER: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];

/// A public key on P-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    x: [u8; 32],
    y: [u8; 32],
}

/// Why something is no public key that can be used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither of the two forms.
    #[error("expected a public key in PEM (BEGIN PUBLIC KEY) or a JSON Web Key")]
    NeitherForm,
    /// Another type of key, or another curve.
    #[error("expected an EC key on the curve P-256")]
    NotP256,
    /// A private key was given: it does not belong into a file that is handed around.
    #[error("this is a private key; give the public one, and keep this one where it belongs")]
    Private,
}

impl PublicKey {
    /// A key from its two coordinates.
    ///
    /// # Errors
    /// [`KeyError::NotP256`] when they do not have 32 bytes each.
    pub fn new(x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        match (x.try_into(), y.try_into()) {
            (Ok(x), Ok(y)) => Ok(Self { x, y }),
            _ => Err(KeyError::NotP256),
        }
    }

    /// A key in PEM, as `az keyvault key download` writes it, or a JSON Web Key, also as `az keyvault key show` wraps it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.starts_with("-----BEGIN") {
            return Self::from_pem(text);
        }
        let value: Value = serde_json::from_str(text).map_err(|_| KeyError::NeitherForm)?;
        Self::from_jwk(if value["key"].is_object() { &value["key"] } else { &value })
    }

    fn from_pem(text: &str) -> Result<Self, KeyError> {
        if text.contains("PRIVATE KEY") {
            return Err(KeyError::Private);
        }
        let body = text
            .strip_prefix("-----BEGIN PUBLIC KEY-----")
            .and_then(|text| text.strip_suffix("-----END PUBLIC KEY-----"))
            .ok_or(KeyError::NeitherForm)?;
        let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let der = STANDARD.decode(body).map_err(|_| KeyError::NeitherForm)?;
        let point = der.strip_prefix(&HEAD_OF_DER).filter(|point| point.len() == 64);
        let (x, y) = point.ok_or(KeyError::NotP256)?.split_at(32);
        Self::new(x, y)
    }

    /// A key as a JSON Web Key (RFC 7517). Key Vault says `EC-HSM` of one that is kept in hardware.
    pub(crate) fn from_jwk(jwk: &Value) -> Result<Self, KeyError> {
        if !jwk["d"].is_null() {
            return Err(KeyError::Private);
        }
        let is_elliptic = matches!(jwk["kty"].as_str(), Some("EC" | "EC-HSM"));
        if !is_elliptic || jwk["crv"] != "P-256" {
            return Err(if jwk["kty"].is_string() { KeyError::NotP256 } else { KeyError::NeitherForm });
        }
        let number = |name: &str| {
            let text = jwk[name].as_str().ok_or(KeyError::NeitherForm)?;
            URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::NeitherForm)
        };
        Self::new(&number("x")?, &number("y")?)
    }

    /// As a JSON Web Key.
    pub(crate) fn jwk(&self) -> Value {
        let (x, y) = (URL_SAFE_NO_PAD.encode(self.x), URL_SAFE_NO_PAD.encode(self.y));
        json!({"crv": "P-256", "kty": "EC", "x": x, "y": y})
    }

    /// The key's thumbprint (RFC 7638, SHA-256): short enough to be compared by eye.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, &crate::canonical::bytes(&self.jwk())))
    }

    /// Whether this key signed these bytes (ES256).
    #[must_use]
    pub fn signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        let point: Vec<u8> = [4].iter().chain(&self.x).chain(&self.y).copied().collect();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(bytes, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A public key that OpenSSL made once: `openssl ecparam -name prime256v1 -genkey | openssl ec -pubout`.
    const PEM: &str = include_str!("../tests/openssl.pem");

    #[test]
    fn a_key_is_the_same_in_either_form() {
        let key = PublicKey::from_text(PEM).unwrap();
        let jwk = key.jwk();
        assert_eq!(PublicKey::from_text(&jwk.to_string()), Ok(key.clone()));
        let mut in_hardware = jwk.clone();
        in_hardware["kty"] = json!("EC-HSM");
        let shown = json!({"attributes": {}, "key": in_hardware});
        assert_eq!(PublicKey::from_text(&shown.to_string()), Ok(key.clone()));
        assert_eq!(key.thumbprint().len(), 43);
    }

    /// RFC 7638 has an RSA key only; this is the example of RFC 8037's method applied to RFC 7517's first key, computed with
    /// another library (`jwcrypto`).
    #[test]
    fn the_thumbprint_is_the_one_that_others_compute() {
        let jwk = json!({
            "kty": "EC", "crv": "P-256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        });
        let key = PublicKey::from_jwk(&jwk).unwrap();
        assert_eq!(key.thumbprint(), "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s");
    }

    #[test]
    fn what_is_no_public_key_on_p_256_is_refused() {
        let check =
            |text: &str, expected: KeyError| assert_eq!(PublicKey::from_text(text), Err(expected), "{text}");
        check("", KeyError::NeitherForm);
        check("{}", KeyError::NeitherForm);
        check("[]", KeyError::NeitherForm);
        check("-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----", KeyError::NeitherForm);
        check("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", KeyError::NotP256);
        check("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----", KeyError::Private);
        check(r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, KeyError::NotP256);
        check(r#"{"kty":"EC","crv":"P-384","x":"","y":""}"#, KeyError::NotP256);
        check(r#"{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}"#, KeyError::NotP256);
        check(r#"{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ","d":"AQ"}"#, KeyError::Private);
    }
}
