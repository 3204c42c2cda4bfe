//! The keys of Entra, and tokens that are signed with them.
//!
//! Tokens for Service Bus have the claims of version 1.0 (Microsoft Learn, "Access token claims reference").

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::cbs::AUDIENCES;
use crate::clock::Timestamp;

/// Clocks may differ by so much before a token is taken for one of the future.
const SKEW_SECONDS: i64 = 300;

/// Whose token it is, and until when it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) principal: Uuid,
    pub(crate) until: Timestamp,
}

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenFault {
    Malformed(&'static str),
    UnknownKey,
    Signature,
    Issuer,
    Audience,
    Expired,
}

/// A JSON Web Key Set.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Keys {
    keys: Vec<Key>,
}

/// A key of another kind than RSA has no modulus.
#[derive(Debug, Clone, Deserialize)]
struct Key {
    kid: String,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    oid: Uuid,
    exp: i64,
    nbf: i64,
}

impl Keys {
    pub(super) fn check(&self, token: &str, tenant: Uuid, now: Timestamp) -> Result<Holder, TokenFault> {
        let malformed = || TokenFault::Malformed("a token has three parts");
        let (signed, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
        let header: Header = read(header)?;
        if header.alg != "RS256" {
            return Err(TokenFault::Signature);
        }
        let key = self.keys.iter().find(|key| key.kid == header.kid).ok_or(TokenFault::UnknownKey)?;
        key.verify(signed, &bytes(signature)?)?;
        let claims: Claims = read(claims)?;
        if claims.iss != format!("https://sts.windows.net/{tenant}/") {
            return Err(TokenFault::Issuer);
        }
        if !AUDIENCES.contains(&claims.aud.as_str()) {
            return Err(TokenFault::Audience);
        }
        let at = |seconds: i64| Timestamp::from_milliseconds(seconds.saturating_mul(1000));
        let until = at(claims.exp);
        if until <= now || at(claims.nbf.saturating_sub(SKEW_SECONDS)) > now {
            return Err(TokenFault::Expired);
        }
        Ok(Holder { principal: claims.oid, until })
    }
}

impl Key {
    fn verify(&self, signed: &str, signature: &[u8]) -> Result<(), TokenFault> {
        let key = RsaPublicKeyComponents { n: bytes(&self.n)?, e: bytes(&self.e)? };
        key.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), signature)
            .map_err(|_| TokenFault::Signature)
    }
}

fn bytes(part: &str) -> Result<Vec<u8>, TokenFault> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::Malformed("a part of it is not base64"))
}

fn read<T: DeserializeOwned>(part: &str) -> Result<T, TokenFault> {
    serde_json::from_slice(&bytes(part)?).map_err(|_| TokenFault::Malformed("a part of it is not readable"))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
    use serde_json::{Value, json};

    use super::*;

    const TENANT: Uuid = Uuid::from_u128(1);
    const NOW: i64 = 10_000;

    fn sign(key: &RsaKeyPair, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    #[test]
    fn a_token_is_believed_for_its_signature_issuer_audience_and_time_alone() {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let other = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = pair.public_key();
        let keys: Keys = serde_json::from_value(json!({ "keys": [
            { "kty": "EC", "kid": "curve" },
            {
                "kid": "one",
                "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
                "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
            },
        ]}))
        .unwrap();
        let header = json!({ "alg": "RS256", "kid": "one" });
        let principal = Uuid::from_u128(7);
        let claims = json!({
            "aud": "https://servicebus.azure.net", "iss": format!("https://sts.windows.net/{TENANT}/"),
            "oid": principal, "exp": NOW + 60, "nbf": NOW,
        });
        let with = |name: &str, value: Value| {
            let mut changed = claims.clone();
            changed[name] = value;
            sign(&pair, &header, &changed)
        };
        let check = |token: &str| keys.check(token, TENANT, Timestamp::from_milliseconds(NOW * 1000));
        let good = sign(&pair, &header, &claims);
        let until = Timestamp::from_milliseconds((NOW + 60) * 1000);
        assert_eq!(check(&good), Ok(Holder { principal, until }));
        let (_, signature) = good.rsplit_once('.').unwrap();
        let swapped = with("oid", json!(TENANT));
        let (signed, _) = swapped.rsplit_once('.').unwrap();
        let table = [
            (format!("{signed}.{signature}"), TokenFault::Signature),
            (sign(&other, &header, &claims), TokenFault::Signature),
            (sign(&pair, &json!({ "alg": "none", "kid": "one" }), &claims), TokenFault::Signature),
            (sign(&pair, &json!({ "alg": "RS256", "kid": "two" }), &claims), TokenFault::UnknownKey),
            (sign(&pair, &json!({ "alg": "RS256", "kid": "curve" }), &claims), TokenFault::Signature),
            (with("iss", json!("https://sts.windows.net/other/")), TokenFault::Issuer),
            (with("aud", json!("https://vault.azure.net")), TokenFault::Audience),
            (with("exp", json!(NOW)), TokenFault::Expired),
            (with("nbf", json!(NOW + SKEW_SECONDS + 1)), TokenFault::Expired),
            ("one.two".to_owned(), TokenFault::Malformed("a part of it is not base64")),
        ];
        for (token, expected) in table {
            let found = check(&token);
            let malformed =
                matches!((found, expected), (Err(TokenFault::Malformed(_)), TokenFault::Malformed(_)));
            assert!(found == Err(expected) || malformed, "{expected:?}: {found:?}");
        }
    }
}
