//! Rotation policies of keys.

use serde_json::Value;

use crate::key_vault::access::KeyAction;
use crate::state::key_vault::error::VaultError;
use crate::state::key_vault::rotation_policy::{PolicyBody, RotationPolicy};

use super::Call;

impl Call<'_> {
    /// `GET /keys/{name}/rotationpolicy`.
    pub(in crate::key_vault) fn rotation_policy(&self, name: &str) -> Result<Value, VaultError> {
        self.cloud.read(|state| {
            self.may(state, KeyAction::GetRotationPolicy, Some(name))?;
            let key = self.keys(state).live(name)?;
            Ok(RotationPolicy::shown(key.rotation_policy.as_ref(), &key.url(&self.vault.facts())))
        })
    }

    /// `PUT /keys/{name}/rotationpolicy`: the whole of it.
    pub(in crate::key_vault) fn set_rotation_policy(
        &self,
        name: &str,
        body: PolicyBody,
    ) -> Result<Value, VaultError> {
        let now = self.now();
        self.cloud.change(|state| {
            self.may(state, KeyAction::SetRotationPolicy, Some(name))?;
            let key = state.key_vault.keys_of_mut(&self.vault.holder()).live_mut(name)?;
            key.rotation_policy = Some(body.accept(key.rotation_policy.as_ref(), now)?);
            Ok(RotationPolicy::shown(key.rotation_policy.as_ref(), &key.url(&self.vault.facts())))
        })
    }
}
