//! The secret half of a key: real RSA, so that a wrapped value can only be opened by the vault that wrapped it.
//!
//! Algorithm names and their meaning: Microsoft Learn, "Key types, algorithms, and operations" (Azure Key Vault).

use std::sync::{Arc, OnceLock};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{
    KeyPair, KeyPairComponents, KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm,
    OaepPrivateDecryptingKey, OaepPublicEncryptingKey, Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey,
    PrivateDecryptingKey, PublicKeyComponents,
};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// An RSA private key, kept as PKCS#8 (base64 in the state file). Its `Debug` shows the size alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyMaterial {
    pub(crate) pkcs8: String,
    pub(crate) bits: u32,
    #[serde(skip)]
    opened: Opened,
}

/// The same key, ready to be used: to read and check one takes as long as several uses of it. It says nothing that the
/// text does not.
#[derive(Clone, Default)]
struct Opened(Arc<OnceLock<PrivateDecryptingKey>>);

impl PartialEq for Opened {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Opened {}

/// How a value is encrypted; the names are Key Vault's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    RsaOaep,
    RsaOaep256,
    Rsa15,
}

/// An RSA private key in the parts of a JSON Web Key, as numbers with the highest byte first.
pub(crate) struct RsaParts {
    pub(crate) n: Vec<u8>,
    pub(crate) e: Vec<u8>,
    pub(crate) d: Vec<u8>,
    pub(crate) p: Vec<u8>,
    pub(crate) q: Vec<u8>,
    pub(crate) dp: Vec<u8>,
    pub(crate) dq: Vec<u8>,
    pub(crate) qi: Vec<u8>,
}

/// The bytes did not fit the key: too long to encrypt, or not something that this key encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value does not fit this key and algorithm")]
pub(crate) struct Unfit;

impl Algorithm {
    /// The algorithm of that name, if this sandbox has it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "RSA-OAEP" => Some(Self::RsaOaep),
            "RSA-OAEP-256" => Some(Self::RsaOaep256),
            "RSA1_5" => Some(Self::Rsa15),
            _ => None,
        }
    }

    fn oaep(self) -> Option<&'static OaepAlgorithm> {
        match self {
            Self::RsaOaep => Some(&OAEP_SHA1_MGF1SHA1),
            Self::RsaOaep256 => Some(&OAEP_SHA256_MGF1SHA256),
            Self::Rsa15 => None,
        }
    }
}

impl KeyMaterial {
    /// A new key of 2048, 3072 or 4096 bits; `None` for any other size. Takes up to seconds: call it outside of any lock.
    pub(crate) fn generate(bits: u32) -> Option<Self> {
        let size = match bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            _ => return None,
        };
        let private =
            PrivateDecryptingKey::generate(size).expect("generating one of the three usual sizes works");
        let pkcs8 = private.as_der().expect("a key that was just made can be written down");
        Some(Self::written(pkcs8.as_ref(), bits))
    }

    /// A key that was made elsewhere. `None` when its parts do not belong together, or its size is none of the three.
    pub(crate) fn import(parts: &RsaParts) -> Option<Self> {
        // A text may write numbers with zeros in front; the modulus and the exponent must have none here.
        let plain =
            |number: &[u8]| -> Vec<u8> { number.iter().copied().skip_while(|byte| *byte == 0).collect() };
        let pair = KeyPair::from_components(&KeyPairComponents {
            public_key: PublicKeyComponents { n: plain(&parts.n), e: plain(&parts.e) },
            d: &parts.d,
            p: &parts.p,
            q: &parts.q,
            dP: &parts.dp,
            dQ: &parts.dq,
            qInv: &parts.qi,
        })
        .ok()?;
        let bits = u32::try_from(pair.public_modulus_len() * 8).ok()?;
        let pkcs8 = pair.as_der().ok()?;
        [2048, 3072, 4096].contains(&bits).then(|| Self::written(pkcs8.as_ref(), bits))
    }

    /// The length of the modulus.
    pub(crate) fn bits(&self) -> u32 {
        self.bits
    }

    /// Modulus and public exponent, base64url without padding, as a JSON Web Key carries them.
    pub(crate) fn public_parts(&self) -> Result<(String, String), Unfit> {
        let pair = KeyPair::from_pkcs8(&self.der()?).map_err(|_| Unfit)?;
        let public = pair.public_key();
        let modulus = URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero());
        let exponent = URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero());
        Ok((modulus, exponent))
    }

    /// Encrypts with the public half.
    pub(crate) fn encrypt(&self, algorithm: Algorithm, plain: &[u8]) -> Result<Vec<u8>, Unfit> {
        let public = self.private()?.public_key();
        let mut out = vec![0; public.key_size_bytes()];
        let length = match algorithm.oaep() {
            Some(oaep) => OaepPublicEncryptingKey::new(public)
                .and_then(|key| key.encrypt(oaep, plain, &mut out, None).map(|written| written.len())),
            None => Pkcs1PublicEncryptingKey::new(public)
                .and_then(|key| key.encrypt(plain, &mut out).map(|written| written.len())),
        };
        out.truncate(length.map_err(|_| Unfit)?);
        Ok(out)
    }

    /// Decrypts with the private half.
    pub(crate) fn decrypt(&self, algorithm: Algorithm, cipher: &[u8]) -> Result<Vec<u8>, Unfit> {
        let private = self.private()?;
        let mut out = vec![0; private.key_size_bytes()];
        let length = match algorithm.oaep() {
            Some(oaep) => OaepPrivateDecryptingKey::new(private)
                .and_then(|key| key.decrypt(oaep, cipher, &mut out, None).map(|written| written.len())),
            None => Pkcs1PrivateDecryptingKey::new(private)
                .and_then(|key| key.decrypt(cipher, &mut out).map(|written| written.len())),
        };
        out.truncate(length.map_err(|_| Unfit)?);
        Ok(out)
    }

    /// The pair that signs.
    pub(crate) fn pair(&self) -> Result<KeyPair, Unfit> {
        KeyPair::from_pkcs8(&self.der()?).map_err(|_| Unfit)
    }

    fn written(pkcs8: &[u8], bits: u32) -> Self {
        Self { pkcs8: STANDARD.encode(pkcs8), bits, opened: Opened::default() }
    }

    fn der(&self) -> Result<Vec<u8>, Unfit> {
        STANDARD.decode(&self.pkcs8).map_err(|_| Unfit)
    }

    fn private(&self) -> Result<PrivateDecryptingKey, Unfit> {
        if let Some(opened) = self.opened.0.get() {
            return Ok(opened.clone());
        }
        let opened = PrivateDecryptingKey::from_pkcs8(&self.der()?).map_err(|_| Unfit)?;
        Ok(self.opened.0.get_or_init(|| opened).clone())
    }
}

impl std::fmt::Debug for KeyMaterial {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "KeyMaterial({} bits)", self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_key_wraps_only_that_key_unwraps() {
        let (ours, other) = (KeyMaterial::generate(2048).unwrap(), KeyMaterial::generate(2048).unwrap());
        for algorithm in [Algorithm::RsaOaep, Algorithm::RsaOaep256] {
            let wrapped = ours.encrypt(algorithm, &[7; 32]).unwrap();
            assert_eq!(wrapped.len(), 256);
            assert_eq!(ours.decrypt(algorithm, &wrapped), Ok(vec![7; 32]));
            assert_eq!(other.decrypt(algorithm, &wrapped), Err(Unfit), "{algorithm:?}");
        }
        let wrapped = ours.encrypt(Algorithm::Rsa15, &[7; 32]).unwrap();
        assert_eq!(ours.decrypt(Algorithm::Rsa15, &wrapped), Ok(vec![7; 32]));
    }

    #[test]
    fn the_two_oaep_kinds_do_not_open_each_other() {
        let key = KeyMaterial::generate(2048).unwrap();
        let wrapped = key.encrypt(Algorithm::RsaOaep, &[1; 16]).unwrap();
        assert_eq!(key.decrypt(Algorithm::RsaOaep256, &wrapped), Err(Unfit));
    }

    #[test]
    fn a_value_longer_than_the_key_allows_is_refused() {
        let key = KeyMaterial::generate(2048).unwrap();
        assert_eq!(key.encrypt(Algorithm::RsaOaep256, &[0; 191]), Err(Unfit));
        assert!(key.encrypt(Algorithm::RsaOaep256, &[0; 190]).is_ok());
    }

    #[test]
    fn odd_sizes_are_not_made_and_the_private_half_is_not_shown() {
        assert_eq!(KeyMaterial::generate(1024), None);
        let key = KeyMaterial::generate(2048).unwrap();
        assert_eq!(format!("{key:?}"), "KeyMaterial(2048 bits)");
        let (modulus, exponent) = key.public_parts().unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(modulus).unwrap().len(), 256);
        assert_eq!(exponent, "AQAB");
    }
}
