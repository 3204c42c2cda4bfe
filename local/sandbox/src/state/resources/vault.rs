//! A vault, or a managed HSM: both hold keys under a name, and are deleted alike.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::state::key_vault::local_roles::LocalAssignment;
use crate::state::tags::Tags;

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
    pub(crate) enabled_for_deployment: bool,
    pub(crate) enabled_for_disk_encryption: bool,
    pub(crate) enabled_for_template_deployment: bool,
    /// When it was deleted, while it can be recovered: the name stays taken and does not resolve.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub(crate) deleted_at: Option<OffsetDateTime>,
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

pub(crate) fn azure_services() -> String {
    "AzureServices".into()
}

pub(crate) fn allow() -> String {
    "Allow".into()
}
