//! Vaults and managed HSMs. Both hold keys; they are shown, listed and named apart.

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::names::arm_id;
use crate::names::vaults::{HSM_SUFFIX, base_url};
use crate::state::State;
use crate::state::arm::ArmState;
use crate::state::key_vault::key_version::{VaultFacts, recovery_level};
use crate::state::key_vault::local_roles::ADMINISTRATOR;
use crate::state::resources::vault::Vault;
use crate::state::tags::Tags;
use crate::tracked::Tracked;

use super::resource::{Resource, Runner, held_in};

/// The type of a vault that is a managed HSM.
pub(crate) struct ManagedHsm;

impl Resource for Vault {
    const TYPE: &'static str = "Microsoft.KeyVault/vaults";
    const RUNNER: Runner = Runner::KeyVault;
    type Held = Self;

    held_in!(vaults);

    fn is_there(held: &Self::Held) -> bool {
        !held.is_deleted() && !held.is_hsm()
    }

    fn shown(held: &Self, _: &State) -> Value {
        held.shown_as_vault()
    }

    /// It can be recovered.
    fn remove(state: &mut State, key: &str, now: OffsetDateTime) {
        mark_deleted(state, key, now);
    }
}

impl Resource for ManagedHsm {
    const TYPE: &'static str = "Microsoft.KeyVault/managedHSMs";
    const RUNNER: Runner = Runner::KeyVault;
    type Held = Vault;

    held_in!(vaults);

    fn is_there(held: &Self::Held) -> bool {
        !held.is_deleted() && held.is_hsm()
    }

    fn shown(held: &Vault, _: &State) -> Value {
        held.shown_as_hsm()
    }

    /// It can be recovered.
    fn remove(state: &mut State, key: &str, now: OffsetDateTime) {
        mark_deleted(state, key, now);
    }
}

impl Vault {
    /// What the data plane calls it: its name, and that it is an HSM if it is, since a vault and an HSM may share a name.
    pub(crate) fn holder(&self) -> String {
        let name = self.name.to_ascii_lowercase();
        if self.is_hsm() { name + HSM_SUFFIX } else { name }
    }

    pub(crate) fn is_hsm(&self) -> bool {
        self.local_roles.is_some()
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }

    /// From when on a deleted vault cannot be recovered any more.
    pub(crate) fn gone_at(&self) -> Option<OffsetDateTime> {
        self.deleted_at.map(|deleted| deleted + Duration::days(self.retention_days.into()))
    }

    /// What the data plane shows of the vault beside each key.
    pub(crate) fn facts(&self) -> VaultFacts {
        VaultFacts {
            base_url: base_url(&self.holder()),
            recovery_level: recovery_level(self.purge_protection, self.retention_days),
            retention_days: self.retention_days,
        }
    }

    pub(crate) fn shown_as_vault(&self) -> Value {
        let mut properties = json!({
            "sku": { "family": "A", "name": self.sku },
            "tenantId": self.tenant_id,
            "accessPolicies": self.access_policies,
            "enabledForDeployment": self.enabled_for_deployment,
            "enabledForDiskEncryption": self.enabled_for_disk_encryption,
            "enabledForTemplateDeployment": self.enabled_for_template_deployment,
            "enableSoftDelete": true,
            "softDeleteRetentionInDays": self.retention_days,
            "enableRbacAuthorization": self.uses_roles,
            "networkAcls": self.network,
            "publicNetworkAccess": if self.public_network_access { "Enabled" } else { "Disabled" },
            "vaultUri": format!("{}/", self.facts().base_url),
            "provisioningState": "Succeeded",
        });
        // The service shows the property only where protection is on (recorded).
        if self.purge_protection {
            properties["enablePurgeProtection"] = json!(true);
        }
        json!({
            "id": self.id,
            "name": self.name,
            "type": <Self as Resource>::TYPE,
            "location": self.location,
            "tags": self.tags.clone().unwrap_or_default(),
            "properties": properties,
        })
    }

    pub(crate) fn shown_as_hsm(&self) -> Value {
        let local = self.local_roles.iter().flatten();
        let administrators: Vec<Uuid> =
            local.filter(|held| held.role == ADMINISTRATOR).map(|held| held.principal).collect();
        let mut properties = json!({
            "tenantId": self.tenant_id,
            "hsmUri": format!("{}/", self.facts().base_url),
            "initialAdminObjectIds": administrators,
            "enableSoftDelete": true,
            "softDeleteRetentionInDays": self.retention_days,
            "networkAcls": self.network,
            "publicNetworkAccess": if self.public_network_access { "Enabled" } else { "Disabled" },
            "provisioningState": "Succeeded",
        });
        if self.purge_protection {
            properties["enablePurgeProtection"] = json!(true);
        }
        json!({
            "id": self.id,
            "name": self.name,
            "type": ManagedHsm::TYPE,
            "location": self.location,
            "sku": { "family": "B", "name": self.sku },
            "tags": self.tags.clone().unwrap_or_default(),
            "properties": properties,
        })
    }
}

/// The vault or HSM that the data plane calls so, wherever it is.
pub(crate) fn named<'a>(arm: &'a ArmState, holder: &str) -> Option<&'a Vault> {
    let (name, is_hsm) = match holder.strip_suffix(HSM_SUFFIX) {
        Some(name) => (name, true),
        None => (holder, false),
    };
    let fits = |vault: &&Vault| vault.is_hsm() == is_hsm && vault.name.eq_ignore_ascii_case(name);
    arm.vaults.values().filter(|vault| !vault.is_deleted()).find(fits)
}

/// Deletes the vault with this id, if it is there and live.
pub(crate) fn mark_deleted(state: &mut State, id: &str, now: OffsetDateTime) {
    let Some(vault) = state.arm.vaults.get_mut(&arm_id::key(id)).filter(|vault| !vault.is_deleted()) else {
        return;
    };
    vault.deleted_at = Some(now);
    let gone: Vec<String> = state
        .arm
        .role_assignments
        .iter()
        .filter(|(_, assignment)| arm_id::covers(id, &assignment.scope))
        .map(|(key, _)| key.clone())
        .collect();
    for key in gone {
        state.arm.role_assignments.remove(&key);
    }
    state.event_grid.forget_topic(id);
}

/// Forgets a deleted vault and all it holds for good. One that was recovered meanwhile stays.
pub(crate) fn forget(state: &mut State, key: &str) {
    if state.arm.vaults.get(key).is_some_and(Vault::is_deleted)
        && let Some(vault) = state.arm.vaults.remove(key)
    {
        state.key_vault.forget(&vault.holder());
        state.arm.forget_secrets(&vault.id);
    }
}

/// The ids, as keys, of the vaults whose time to be recovered has passed.
pub(crate) fn overdue(state: &State, now: OffsetDateTime) -> Vec<String> {
    let past = |vault: &Vault| vault.gone_at().is_some_and(|gone| gone <= now);
    state.arm.vaults.iter().filter(|(_, vault)| past(vault)).map(|(key, _)| key.clone()).collect()
}
