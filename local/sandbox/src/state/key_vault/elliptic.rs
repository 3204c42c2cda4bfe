//! The secret half of an elliptic key, on the curve P-256: real ECDSA, so that others can verify what it signs.
//!
//! The other curves of Key Vault (P-384, P-521, P-256K) are not simulated.

use aws_lc_rs::digest::{Digest, SHA256};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::material::Unfit;

/// A private key on P-256, kept as PKCS#8 (base64 in the state file). Its `Debug` shows the curve alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EllipticKey {
    p256: String,
}

impl EllipticKey {
    /// A new key.
    pub(crate) fn generate() -> Option<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok()?;
        Some(Self { p256: STANDARD.encode(pair.to_pkcs8v1().ok()?.as_ref()) })
    }

    /// The coordinates of the public point, base64url without padding, as a JSON Web Key carries them.
    pub(crate) fn public_parts(&self) -> Result<(String, String), Unfit> {
        let pair = self.pair()?;
        // 4, for a point that is not compressed, and the two coordinates.
        let point = pair.public_key().as_ref().get(1..65).ok_or(Unfit)?;
        let (x, y) = point.split_at(32);
        Ok((URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y)))
    }

    /// The signature over a digest of 32 bytes (ES256): r and s, 32 bytes each.
    pub(crate) fn sign(&self, digest: &[u8]) -> Result<Vec<u8>, Unfit> {
        let signature = self.pair()?.sign_digest(&imported(digest)?).map_err(|_| Unfit)?;
        Ok(signature.as_ref().to_vec())
    }

    /// Whether the signature is this key's over that digest.
    pub(crate) fn verify(&self, digest: &[u8], signature: &[u8]) -> Result<bool, Unfit> {
        let (pair, digest) = (self.pair()?, imported(digest)?);
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref());
        Ok(public.verify_digest(&digest, signature).is_ok())
    }

    fn pair(&self) -> Result<EcdsaKeyPair, Unfit> {
        let der = STANDARD.decode(&self.p256).map_err(|_| Unfit)?;
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).map_err(|_| Unfit)
    }
}

fn imported(digest: &[u8]) -> Result<Digest, Unfit> {
    Digest::import_less_safe(digest, &SHA256).map_err(|_| Unfit)
}

impl std::fmt::Debug for EllipticKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("EllipticKey(P-256)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_key_signs_only_that_key_verifies() {
        let (ours, other) = (EllipticKey::generate().unwrap(), EllipticKey::generate().unwrap());
        let signature = ours.sign(&[7; 32]).unwrap();
        assert_eq!(signature.len(), 64);
        assert_eq!(ours.verify(&[7; 32], &signature), Ok(true));
        assert_eq!(ours.verify(&[8; 32], &signature), Ok(false));
        assert_eq!(other.verify(&[7; 32], &signature), Ok(false));
        assert_eq!(ours.sign(&[7; 20]), Err(Unfit), "a digest of another length");
        assert_eq!(format!("{ours:?}"), "EllipticKey(P-256)");
    }
}
