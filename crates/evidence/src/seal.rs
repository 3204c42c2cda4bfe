//! Makes a pack: chains the entries, and puts the signature under them.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    Draft, Entry, Evidence, FORMAT, Faults, PublicKey, canonical, signature::Statement, verify::verify,
};

/// A pack that is complete but for its signature.
#[derive(Debug, Clone)]
pub struct Sealed {
    evidence: Value,
    key: PublicKey,
    input: String,
}

/// Why no pack could be made.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Something in it has no one form.
    #[error("a pack cannot hold {0}")]
    NotPlain(String),
    /// The pack does not hold together: whoever signed did not sign this, or with another key.
    #[error("the pack that was made does not hold together")]
    DoesNotHold(#[source] Faults),
}

impl Sealed {
    /// Chains the entries. `kid` is what the key that is to sign is called, with its version.
    ///
    /// # Errors
    /// [`SealError::NotPlain`] for a fact with a fraction in it, or a name that is not ASCII.
    pub fn new(draft: Draft, kid: &str, key: &PublicKey) -> Result<Self, SealError> {
        let mut previous: Option<String> = None;
        let mut entries = Vec::with_capacity(draft.entries.len());
        for (number, told) in (1..).zip(draft.entries) {
            canonical::check(&told.fact).map_err(|fault| SealError::NotPlain(format!("{fault:?}")))?;
            let entry = Entry { pack: draft.pack.clone(), number, previous, told };
            previous = Some(canonical::hash(&json!(entry)));
            entries.push(entry);
        }
        let evidence = Evidence {
            format: FORMAT,
            pack: draft.pack,
            onboarding: draft.onboarding,
            made_at: draft.made_at,
            customer: draft.customer,
            present: draft.present,
            healthy: draft.healthy,
            entries,
            head: previous,
            anchors: draft.anchors,
            anchors_apart: draft.anchors_apart,
        };
        let value = json!(evidence);
        let input = Statement::about(&evidence, canonical::hash(&value)).signing_input(kid, key);
        Ok(Self { evidence: value, key: key.clone(), input })
    }

    /// What is to be signed with ES256: the SHA-256 of the signing input.
    #[must_use]
    pub fn digest(&self) -> Vec<u8> {
        digest(&SHA256, self.input.as_bytes()).as_ref().to_vec()
    }

    /// The file, with its signature: r and s, 32 bytes each.
    ///
    /// # Errors
    /// [`SealError::DoesNotHold`] when the signature is not the key's over this pack: such a pack is not handed out.
    pub fn signed(self, signature: &[u8]) -> Result<Vec<u8>, SealError> {
        let signature = format!("{}.{}", self.input, URL_SAFE_NO_PAD.encode(signature));
        let mut file = canonical::bytes(&json!({"evidence": self.evidence, "signature": signature}));
        file.push(b'\n');
        match verify(&file, Some(&self.key)) {
            Ok(_) => Ok(file),
            Err(faults) => Err(SealError::DoesNotHold(faults)),
        }
    }
}
