//! Using a key: wrapping and unwrapping, encrypting and decrypting, signing and verifying.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::key_vault::access::KeyAction;
use crate::key_vault::crypto;
use crate::state::key_vault::error::VaultError;
use crate::state::key_vault::key_version::KeyVersion;

use super::Call;

#[derive(Debug, Deserialize)]
pub(in crate::key_vault) struct OperationBody {
    alg: String,
    value: String,
}

#[derive(Debug, Deserialize)]
pub(in crate::key_vault) struct VerifyBody {
    alg: String,
    digest: String,
    /// The signature.
    value: String,
}

impl Call<'_> {
    /// `POST /keys/{name}/{version}/{wrapkey|unwrapkey|encrypt|decrypt|sign}`.
    pub(in crate::key_vault) fn operate(
        &self,
        name: &str,
        version: Option<&str>,
        action: KeyAction,
        body: &OperationBody,
    ) -> Result<Value, VaultError> {
        let value = decoded("value", &body.value)?;
        let (held, id) = self.held(name, version, action)?;
        let result = crypto::apply(&held, action, &body.alg, &value, self.cloud.clock.now())?;
        Ok(json!({ "kid": id, "value": URL_SAFE_NO_PAD.encode(result) }))
    }

    /// `POST /keys/{name}/{version}/verify`. A signature that does not fit is an answer, not a refusal.
    pub(in crate::key_vault) fn verify(
        &self,
        name: &str,
        version: Option<&str>,
        body: &VerifyBody,
    ) -> Result<Value, VaultError> {
        let (digest, signature) = (decoded("digest", &body.digest)?, decoded("value", &body.value)?);
        let (held, _) = self.held(name, version, KeyAction::Verify)?;
        let verified = crypto::verify(&held, &body.alg, (&digest, &signature), self.cloud.clock.now())?;
        Ok(json!({ "value": verified }))
    }

    /// The version and its address, copied out so that RSA does not hold the state.
    fn held(
        &self,
        name: &str,
        version: Option<&str>,
        action: KeyAction,
    ) -> Result<(KeyVersion, String), VaultError> {
        self.cloud.read(|state| {
            self.may(state, action, Some(name))?;
            let key = self.keys(state).live(name)?;
            let held = key.version(version)?;
            Ok((held.clone(), key.id(held, &self.vault.facts())))
        })
    }
}

/// Values are base64url without padding.
fn decoded(property: &str, text: &str) -> Result<Vec<u8>, VaultError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| {
        VaultError::bad_parameter(format!(
            "Content of '{property}' is not base64url.\r\nProperty '{property}' is required.\r\n"
        ))
    })
}
