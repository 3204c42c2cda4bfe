//! Writing a vault: what a client may say, and what the service makes of it.

use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::arm::error::ArmError;
use crate::arm::regions;
use crate::arm::request::{ArmRequest, ArmResponse, Target};
use crate::arm::vaults::{live, naming};
use crate::cloud::Cloud;
use crate::key_vault;
use crate::names::arm_id;
use crate::resources::Resource;
use crate::state::resources::vault::{AccessPolicy, NetworkRules, Vault, allow, azure_services};
use crate::state::tags::Tags;

/// From this version on a new vault uses roles unless it says otherwise (Microsoft Learn, "Prepare for Key Vault
/// API version 2026-02-01").
const ROLES_BY_DEFAULT_SINCE: &str = "2026-02-01";

#[derive(Debug, Deserialize)]
struct Write {
    location: Option<String>,
    #[serde(default)]
    tags: Option<Tags>,
    #[serde(default)]
    properties: WriteProperties,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WriteProperties {
    tenant_id: Option<Uuid>,
    sku: Option<Sku>,
    access_policies: Option<Vec<AccessPolicy>>,
    enable_rbac_authorization: Option<bool>,
    enable_soft_delete: Option<bool>,
    enable_purge_protection: Option<bool>,
    soft_delete_retention_in_days: Option<u32>,
    network_acls: Option<NetworkRules>,
    public_network_access: Option<String>,
    enabled_for_deployment: Option<bool>,
    enabled_for_disk_encryption: Option<bool>,
    enabled_for_template_deployment: Option<bool>,
    create_mode: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Sku {
    name: String,
    family: String,
}

impl Vault {
    /// A vault as it is made when nothing else is said.
    pub(super) fn new(target: &Target, location: String, tenant_id: Uuid, uses_roles: bool) -> Self {
        Self {
            id: target.id.clone(),
            name: target.name.clone(),
            location,
            tags: None,
            tenant_id,
            sku: "standard".into(),
            uses_roles,
            access_policies: Vec::new(),
            purge_protection: false,
            retention_days: 90,
            network: NetworkRules {
                bypass: azure_services(),
                default_action: allow(),
                ip_rules: Vec::new(),
                virtual_network_rules: Vec::new(),
            },
            public_network_access: true,
            enabled_for_deployment: false,
            enabled_for_disk_encryption: false,
            enabled_for_template_deployment: false,
            deleted_at: None,
            local_roles: None,
        }
    }

    fn apply(&mut self, properties: WriteProperties) {
        if let Some(sku) = properties.sku {
            self.sku = sku.name;
        }
        if let Some(policies) = properties.access_policies {
            self.access_policies = policies;
        }
        if let Some(network) = properties.network_acls {
            self.network = network;
        }
        if let Some(access) = properties.public_network_access {
            self.public_network_access = !access.eq_ignore_ascii_case("Disabled");
        }
        self.uses_roles = properties.enable_rbac_authorization.unwrap_or(self.uses_roles);
        self.purge_protection |= properties.enable_purge_protection.unwrap_or(false);
        self.retention_days = properties.soft_delete_retention_in_days.unwrap_or(self.retention_days);
        self.enabled_for_deployment =
            properties.enabled_for_deployment.unwrap_or(self.enabled_for_deployment);
        self.enabled_for_disk_encryption =
            properties.enabled_for_disk_encryption.unwrap_or(self.enabled_for_disk_encryption);
        self.enabled_for_template_deployment =
            properties.enabled_for_template_deployment.unwrap_or(self.enabled_for_template_deployment);
    }
}

/// `PUT`: 200, whether the vault is new or not (recorded).
pub(in crate::arm) fn put(
    cloud: &Cloud,
    request: &ArmRequest,
    target: &Target,
) -> Result<ArmResponse, ArmError> {
    let Write { location, tags, properties } = request.json()?;
    let location = regions::normalised(&regions::check(location.as_deref(), Vault::TYPE)?);
    naming::check_name(&target.name)?;
    check_properties(&properties, request.caller.tenant)?;
    let (Some(tenant_id), Some(_)) = (properties.tenant_id, &properties.sku) else {
        return Err(ArmError::bad_request("BadRequest", "The properties 'tenantId' and 'sku' are required."));
    };
    key_vault::catch_up(cloud, None);
    cloud.change(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        let key = arm_id::key(&target.id);
        if properties.create_mode.as_deref().is_some_and(|mode| mode.eq_ignore_ascii_case("recover")) {
            return live::recover::<Vault>(state, target, &location);
        }
        if let Some(existing) = state.arm.vaults.get_mut(&key).filter(|existing| !existing.is_deleted()) {
            regions::check_unmoved(&existing.location, &location, &target.name, &target.group)?;
            existing.tags = tags;
            existing.apply(properties);
            return Ok(ArmResponse::ok(existing.shown_as_vault()));
        }
        naming::refuse_taken(state, (&target.name, false), &target.subscription)?;
        let uses_roles = request.api_version.as_str() >= ROLES_BY_DEFAULT_SINCE;
        let mut vault = Vault::new(target, location, tenant_id, uses_roles);
        vault.tags = tags;
        vault.apply(properties);
        let reply = ArmResponse::ok(vault.shown_as_vault());
        state.arm.vaults.insert(key, vault);
        Ok(reply)
    })
}

/// `PATCH`: only what is named changes.
pub(in crate::arm) fn patch(
    cloud: &Cloud,
    request: &ArmRequest,
    target: &Target,
) -> Result<ArmResponse, ArmError> {
    let Write { tags, properties, .. } = request.json()?;
    check_properties(&properties, request.caller.tenant)?;
    cloud.change(|state| {
        let vault = live::find_mut::<Vault>(&mut state.arm, target)?;
        if tags.is_some() {
            vault.tags = tags;
        }
        vault.apply(properties);
        Ok(ArmResponse::ok(vault.shown_as_vault()))
    })
}

/// `PUT .../accessPolicies/{add|replace|remove}`: changes single entries. Permissions of one entry are replaced whole.
/// Our guess: "add" replaces the permissions of an object that has an entry already, as the real service merges them.
pub(in crate::arm) fn put_access_policies(
    cloud: &Cloud,
    request: &ArmRequest,
    target: &Target,
    operation: &str,
) -> Result<ArmResponse, ArmError> {
    let Write { properties, .. } = request.json()?;
    let given = properties.access_policies.unwrap_or_default();
    cloud.change(|state| {
        let vault = live::find_mut::<Vault>(&mut state.arm, target)?;
        let concerns = |held: &AccessPolicy| given.iter().any(|new| new.object_id == held.object_id);
        match operation.to_ascii_lowercase().as_str() {
            "add" | "replace" => {
                vault.access_policies.retain(|held| !concerns(held));
                vault.access_policies.extend(given.iter().cloned());
            }
            "remove" => vault.access_policies.retain(|held| !concerns(held)),
            _ => {
                return Err(ArmError::bad_request("BadRequest", format!("Unknown operation '{operation}'.")));
            }
        }
        Ok(ArmResponse::ok(json!({
            "id": format!("{}/accessPolicies/", vault.id),
            "type": "Microsoft.KeyVault/vaults/accessPolicies",
            "properties": { "accessPolicies": vault.access_policies },
        })))
    })
}

fn check_properties(properties: &WriteProperties, tenant: Uuid) -> Result<(), ArmError> {
    let bad = |message: &str| Err(ArmError::bad_request("BadRequest", message));
    if properties.tenant_id.is_some_and(|given| given != tenant) {
        // Our guess: the words. The service does refuse a vault of another tenant than its subscription's.
        return bad("The tenant ID of the vault must be the tenant ID of its subscription.");
    }
    if properties.enable_purge_protection == Some(false) {
        return bad(
            "The property \"enablePurgeProtection\" cannot be set to false. Enabling the purge protection for a vault is \
             an irreversible action.",
        );
    }
    if properties.enable_soft_delete == Some(false) {
        return bad("The property \"enableSoftDelete\" can be set to false only for creating new vault.");
    }
    if properties.soft_delete_retention_in_days.is_some_and(|days| !(7..=90).contains(&days)) {
        return bad("The property \"softDeleteRetentionInDays\" must be between 7 and 90.");
    }
    let sku_fits = |sku: &Sku| sku.family == "A" && ["standard", "premium"].contains(&sku.name.as_str());
    if properties.sku.as_ref().is_some_and(|sku| !sku_fits(sku)) {
        return bad("The sku must be of family 'A' and named 'standard' or 'premium'.");
    }
    Ok(())
}
