//! Microsoft.KeyVault: the vaults themselves. What they hold is the data plane's business (`key_vault`).

pub(crate) mod deleted;
pub(in crate::arm) mod hsm;
mod write;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::key_vault::keys::{VaultFacts, recovery_level};
use crate::key_vault::local_roles::LocalAssignment;
use crate::world::World;

use super::body::Tags;
use super::error::ArmError;
use super::request::Reply;
use super::resource::Target;
use super::{ArmState, path};

pub(super) use write::{patch, put, put_access_policies};

pub(super) const TYPE: &str = "Microsoft.KeyVault/vaults";

/// What makes the name of an HSM another than a vault's: no vault's name has a full stop.
pub(crate) const HSM_SUFFIX: &str = ".managedhsm";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Vault {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) location: String,
    pub(crate) tags: Option<Tags>,
    pub(crate) tenant_id: Uuid,
    pub(crate) sku: String,
    /// Roles decide who may use the keys; otherwise access policies do.
    pub(crate) uses_roles: bool,
    pub(crate) access_policies: Vec<AccessPolicy>,
    pub(crate) purge_protection: bool,
    pub(crate) retention_days: u32,
    pub(crate) network: NetworkRules,
    pub(crate) public_network_access: bool,
    enabled_for_deployment: bool,
    enabled_for_disk_encryption: bool,
    enabled_for_template_deployment: bool,
    /// When it was deleted, while it can be recovered: the name stays taken and does not resolve.
    #[serde(default, with = "time::serde::rfc3339::option")]
    deleted_at: Option<OffsetDateTime>,
    /// A managed HSM has roles of its own; a vault has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) local_roles: Option<Vec<LocalAssignment>>,
}

/// One entry of the older permission model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccessPolicy {
    pub(crate) tenant_id: Uuid,
    pub(crate) object_id: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) application_id: Option<Uuid>,
    /// Kind of object (`keys`, `secrets`, ...) to permissions.
    pub(crate) permissions: BTreeMap<String, Vec<String>>,
}

/// The firewall of a vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NetworkRules {
    /// `AzureServices` lets Microsoft's own services past the rules, `None` does not.
    #[serde(default = "azure_services")]
    pub(crate) bypass: String,
    #[serde(default = "allow")]
    pub(crate) default_action: String,
    #[serde(default)]
    pub(crate) ip_rules: Vec<IpRule>,
    #[serde(default)]
    pub(crate) virtual_network_rules: Vec<Value>,
}

/// One address, or one range in CIDR form, that the firewall lets in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IpRule {
    pub(crate) value: String,
}

fn azure_services() -> String {
    "AzureServices".into()
}

fn allow() -> String {
    "Allow".into()
}

impl Vault {
    /// What the data plane calls it: its name, and that it is an HSM if it is, since a vault and an HSM may share a name.
    pub(crate) fn holder(&self) -> String {
        let name = self.name.to_ascii_lowercase();
        if self.is_hsm() { name + HSM_SUFFIX } else { name }
    }

    /// What the data plane shows of the vault beside each key.
    pub(crate) fn facts(&self) -> VaultFacts {
        VaultFacts {
            base_url: base_url(&self.holder()),
            recovery_level: recovery_level(self.purge_protection, self.retention_days),
            retention_days: self.retention_days,
        }
    }

    fn shown(&self) -> Value {
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
            "type": TYPE,
            "location": self.location,
            "tags": self.tags.clone().unwrap_or_default(),
            "properties": properties,
        })
    }
}

/// Where what a holder holds is reached.
pub(crate) fn base_url(holder: &str) -> String {
    match holder.strip_suffix(HSM_SUFFIX) {
        Some(name) => format!("https://{name}.managedhsm.azure.net"),
        None => format!("https://{holder}.vault.azure.net"),
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

/// `GET` one.
pub(super) fn get(world: &World, target: &Target) -> Result<Reply, ArmError> {
    world.read(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        let vault = state.arm.vaults.get(&path::key(&target.id)).filter(|vault| !vault.is_deleted());
        vault
            .map(|vault| Reply::ok(vault.shown()))
            .ok_or_else(|| ArmError::resource_not_found(TYPE, &target.name, &target.group))
    })
}

/// `GET` all within a group or a subscription.
pub(super) fn list(world: &World, scope: &str) -> Reply {
    world.read(|state| {
        let vaults = state.arm.vaults.values().filter(|vault| !vault.is_deleted() && !vault.is_hsm());
        Reply::list(vaults.filter(|vault| path::covers(scope, &vault.id)).map(Vault::shown).collect())
    })
}

fn live_mut<'a>(arm: &'a mut ArmState, target: &Target) -> Result<&'a mut Vault, ArmError> {
    arm.vaults
        .get_mut(&path::key(&target.id))
        .filter(|vault| !vault.is_deleted())
        .ok_or_else(|| ArmError::resource_not_found(TYPE, &target.name, &target.group))
}
