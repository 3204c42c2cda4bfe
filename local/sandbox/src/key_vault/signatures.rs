//! Signing with a key. The client sends the digest of its text, not the text.
//!
//! Algorithms: RFC 7518, RS256 to RS512 and PS256 to PS512, as Key Vault names them.

use aws_lc_rs::digest::{self, Digest, SHA256, SHA384, SHA512};
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaParameters,
    UnparsedPublicKey,
};

use crate::state::key_vault::material::{KeyMaterial, Unfit};

/// How a digest is signed.
#[derive(Clone, Copy)]
pub(super) struct SignatureAlgorithm {
    digest: &'static digest::Algorithm,
    sign: &'static dyn RsaEncoding,
    verify: &'static RsaParameters,
}

impl SignatureAlgorithm {
    /// The algorithm of that name, if RSA keys have it.
    pub(super) fn named(name: &str) -> Option<Self> {
        let (digest, sign, verify): (_, &dyn RsaEncoding, _) = match name {
            "RS256" => (&SHA256, &RSA_PKCS1_SHA256, &RSA_PKCS1_2048_8192_SHA256),
            "RS384" => (&SHA384, &RSA_PKCS1_SHA384, &RSA_PKCS1_2048_8192_SHA384),
            "RS512" => (&SHA512, &RSA_PKCS1_SHA512, &RSA_PKCS1_2048_8192_SHA512),
            "PS256" => (&SHA256, &RSA_PSS_SHA256, &RSA_PSS_2048_8192_SHA256),
            "PS384" => (&SHA384, &RSA_PSS_SHA384, &RSA_PSS_2048_8192_SHA384),
            "PS512" => (&SHA512, &RSA_PSS_SHA512, &RSA_PSS_2048_8192_SHA512),
            _ => return None,
        };
        Some(Self { digest, sign, verify })
    }

    /// The signature over a digest. A digest of another length than the algorithm's does not fit.
    pub(super) fn sign(self, material: &KeyMaterial, digest: &[u8]) -> Result<Vec<u8>, Unfit> {
        let (pair, digest) = (material.pair()?, self.digest(digest)?);
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign_digest(self.sign, &digest, &mut signature).map_err(|_| Unfit)?;
        Ok(signature)
    }

    /// Whether the signature is this key's over that digest.
    pub(super) fn verify(
        self,
        material: &KeyMaterial,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<bool, Unfit> {
        let (pair, digest): (KeyPair, _) = (material.pair()?, self.digest(digest)?);
        let public = UnparsedPublicKey::new(self.verify, pair.public_key().as_ref());
        Ok(public.verify_digest(&digest, signature).is_ok())
    }

    fn digest(self, bytes: &[u8]) -> Result<Digest, Unfit> {
        Digest::import_less_safe(bytes, self.digest).map_err(|_| Unfit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_algorithm_signs_what_it_alone_verifies() {
        let names = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
        let (ours, other) = (KeyMaterial::generate(2048).unwrap(), KeyMaterial::generate(2048).unwrap());
        for name in names {
            let algorithm = SignatureAlgorithm::named(name).unwrap();
            let length = name[2..].parse::<usize>().unwrap() / 8;
            let signature = algorithm.sign(&ours, &vec![7; length]).unwrap();
            for verifying in names {
                let algorithm = SignatureAlgorithm::named(verifying).unwrap();
                let verified = algorithm.verify(&ours, &vec![7; length], &signature);
                assert_eq!(verified.unwrap_or(false), name == verifying, "{name} by {verifying}");
            }
            assert_eq!(algorithm.verify(&ours, &vec![8; length], &signature), Ok(false), "{name}");
            assert_eq!(algorithm.verify(&other, &vec![7; length], &signature), Ok(false), "{name}");
            assert_eq!(algorithm.sign(&ours, &[7; 20]), Err(Unfit), "{name} over a digest of SHA-1");
        }
        assert!(SignatureAlgorithm::named("ES256").is_none());
    }
}
