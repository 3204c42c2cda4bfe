//! Keys that were deleted, and can be recovered for as long as the vault says.

use http::StatusCode;
use serde_json::Value;

use crate::key_vault::access::KeyAction;
use crate::key_vault::paging::Page;
use crate::state::key_vault::error::VaultError;

use super::Call;

impl Call<'_> {
    /// `DELETE /keys/{name}`.
    pub(in crate::key_vault) fn delete(&self, name: &str) -> Result<Value, VaultError> {
        let now = self.now();
        self.cloud.change(|state| {
            self.may(state, KeyAction::Delete, Some(name))?;
            let key = state.key_vault.keys_of_mut(&self.vault.holder()).live_mut(name)?;
            key.deleted_at = Some(now);
            key.deleted_bundle(&self.vault.facts())
        })
    }

    /// `GET /deletedkeys`.
    pub(in crate::key_vault) fn list_deleted(&self, page: &Page) -> Result<Value, VaultError> {
        self.cloud.read(|state| {
            self.may(state, KeyAction::List, None)?;
            let facts = self.vault.facts();
            let deleted = self.keys(state).all().filter(|key| key.deleted_at.is_some());
            let items = deleted
                .filter_map(|key| Some((key.name.to_ascii_lowercase(), key.deleted_item(&facts).ok()?)));
            Ok(page.of(&facts.base_url, items))
        })
    }

    /// `GET /deletedkeys/{name}`.
    pub(in crate::key_vault) fn get_deleted(&self, name: &str) -> Result<Value, VaultError> {
        self.cloud.read(|state| {
            self.may(state, KeyAction::Get, Some(name))?;
            let deleted = self.keys(state).deleted(name).ok_or_else(|| not_deleted(name))?;
            deleted.deleted_bundle(&self.vault.facts())
        })
    }

    /// `POST /deletedkeys/{name}/recover`.
    pub(in crate::key_vault) fn recover(&self, name: &str) -> Result<Value, VaultError> {
        self.cloud.change(|state| {
            self.may(state, KeyAction::Recover, Some(name))?;
            let keys = state.key_vault.keys_of_mut(&self.vault.holder());
            let key = keys.recover(name).ok_or_else(|| not_deleted(name))?;
            Ok(key.bundle(key.version(None)?, &self.vault.facts()))
        })
    }

    /// `DELETE /deletedkeys/{name}`: for good.
    pub(in crate::key_vault) fn purge(&self, name: &str) -> Result<(), VaultError> {
        self.cloud.change(|state| {
            self.may(state, KeyAction::Purge, Some(name))?;
            if self.vault.purge_protection {
                return Err(VaultError::new(
                    StatusCode::FORBIDDEN,
                    "Forbidden",
                    "Operation \"purge\" is not allowed because purge protection is enabled for this vault. Key Vault service \
                     will automatically purge it after the retention period has passed.",
                ));
            }
            let purged = state.key_vault.keys_of_mut(&self.vault.holder()).purge(name);
            purged.map(|_| ()).ok_or_else(|| not_deleted(name))
        })
    }
}

fn not_deleted(name: &str) -> VaultError {
    VaultError::new(StatusCode::NOT_FOUND, "KeyNotFound", format!("Deleted Key not found: {name}"))
}
