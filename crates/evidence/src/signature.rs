//! The signature of a pack: a compact JWS (RFC 7515) with ES256 (RFC 7518) over a short statement about it.
//!
//! The statement is inside the JWS, so that any library for JOSE verifies it as it stands, and so that a signature which
//! belongs to another pack says to which. It names the SHA-256 of the evidence.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{PublicKey, canonical, pack::Evidence};

/// The type of the JWS.
const TYPE: &str = "latchkey-evidence+json";

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Statement {
    /// SHA-256 of the evidence in its one form.
    pub(crate) evidence: String,
    /// The pack's id.
    pub(crate) pack: String,
    /// The onboarding.
    pub(crate) onboarding: String,
    /// When the pack was made.
    pub(crate) made_at: String,
    /// How many entries it has.
    pub(crate) entries: u64,
    /// SHA-256 of the last of them.
    pub(crate) head: Option<String>,
}

impl Statement {
    /// The statement about this evidence, of which `hash` is the SHA-256.
    pub(crate) fn about(evidence: &Evidence, hash: String) -> Self {
        Self {
            evidence: hash,
            pack: evidence.pack.clone(),
            onboarding: evidence.onboarding.clone(),
            made_at: evidence.made_at.clone(),
            entries: evidence.entries.len() as u64,
            head: evidence.head.clone(),
        }
    }

    /// What the key signs: protected header and statement.
    pub(crate) fn signing_input(&self, kid: &str, key: &PublicKey) -> String {
        let header = json!({"alg": "ES256", "jwk": key.jwk(), "kid": kid, "typ": TYPE});
        let statement = json!(self);
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(canonical::bytes(value));
        format!("{}.{}", encoded(&header), encoded(&statement))
    }
}

/// A signature as it was read: not yet known to fit.
pub(crate) struct Signature {
    pub(crate) statement: Statement,
    /// What the key says it is called.
    pub(crate) kid: String,
    /// The key that the signature names.
    pub(crate) key: PublicKey,
    input: String,
    signature: Vec<u8>,
}

impl Signature {
    /// Reads a compact JWS. The error says what is wrong with it.
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        let (input, signature) = text.rsplit_once('.').ok_or("it is no compact JWS")?;
        let (header, statement) = input.split_once('.').ok_or("it is no compact JWS")?;
        let decoded =
            |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| "it is not base64url without padding");
        let header: Value =
            serde_json::from_slice(&decoded(header)?).map_err(|_| "its header is not JSON")?;
        // No choice is left to whoever made the file: neither another algorithm nor extensions that we do not know.
        if header["alg"] != "ES256" || header["typ"] != TYPE || !header["crit"].is_null() {
            return Err("its header is not the one of a pack's signature");
        }
        let kid = header["kid"].as_str().ok_or("its header names no key")?.to_owned();
        let key =
            PublicKey::from_jwk(&header["jwk"]).map_err(|_| "its header holds no public key on P-256")?;
        let statement =
            serde_json::from_slice(&decoded(statement)?).map_err(|_| "it signs no statement about a pack")?;
        let signature = decoded(signature)?;
        Ok(Self { statement, kid, key, input: input.to_owned(), signature })
    }

    /// Whether the key that it names made it.
    pub(crate) fn fits_its_key(&self) -> bool {
        self.key.signed(self.input.as_bytes(), &self.signature)
    }
}
