//! Microsoft.KeyVault/managedHSMs: vaults of hardware keys, with a name of another form and roles of their own.
//!
//! Our guess: an HSM is ready at once. The real one takes half an hour, and then does nothing until somebody has downloaded
//! its security domain, which is not simulated. Purge protection is off unless asked for, so that a name can be used again.

use http::StatusCode;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::arm::body::Tags;
use crate::arm::error::ArmError;
use crate::arm::request::{ArmRequest, Reply};
use crate::arm::resource::Target;
use crate::arm::{path, regions};
use crate::key_vault;
use crate::key_vault::local_roles::{ADMINISTRATOR, LocalAssignment};
use crate::state::State;
use crate::world::World;

use super::deleted::Sort;
use super::{NetworkRules, Vault, write};

pub(in crate::arm) const TYPE: &str = "Microsoft.KeyVault/managedHSMs";

#[derive(Debug, Deserialize)]
struct Write {
    location: Option<String>,
    #[serde(default)]
    tags: Option<Tags>,
    sku: Sku,
    properties: Properties,
}

#[derive(Debug, Deserialize)]
struct Sku {
    family: String,
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    tenant_id: Uuid,
    #[serde(default)]
    initial_admin_object_ids: Vec<Uuid>,
    #[serde(default, deserialize_with = "number_or_text")]
    soft_delete_retention_in_days: Option<u32>,
    enable_purge_protection: Option<bool>,
    network_acls: Option<NetworkRules>,
    public_network_access: Option<String>,
    create_mode: Option<String>,
}

impl Vault {
    pub(crate) fn is_hsm(&self) -> bool {
        self.local_roles.is_some()
    }

    fn shown_as_hsm(&self) -> Value {
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
            "type": TYPE,
            "location": self.location,
            "sku": { "family": "B", "name": self.sku },
            "tags": self.tags.clone().unwrap_or_default(),
            "properties": properties,
        })
    }
}

/// `PUT`. The administrators that it names get the local role of that name; without one nobody could ever use the HSM.
pub(in crate::arm) fn put(world: &World, request: &ArmRequest, target: &Target) -> Result<Reply, ArmError> {
    let Write { location, tags, sku, properties } = request.json()?;
    let location = regions::normalised(&regions::check(location.as_deref(), TYPE)?);
    write::check_name(&target.name)?;
    check(&sku, &properties, request.caller.tenant)?;
    key_vault::catch_up(world, None);
    world.change(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        let key = path::key(&target.id);
        if properties.create_mode.as_deref().is_some_and(|mode| mode.eq_ignore_ascii_case("recover")) {
            return recover(state, target, &location);
        }
        let there = state.arm.vaults.get(&key).filter(|held| !held.is_deleted()).cloned();
        let mut hsm = match there {
            Some(there) => {
                regions::check_unmoved(&there.location, &location, &target.name, &target.group)?;
                there
            }
            None => {
                write::refuse_taken(state, (&target.name, Sort::Hsm), &target.subscription)?;
                new(target, location, &properties)?
            }
        };
        (hsm.tags, hsm.sku) = (tags, sku.name);
        hsm.purge_protection |= properties.enable_purge_protection.unwrap_or(false);
        hsm.retention_days = properties.soft_delete_retention_in_days.unwrap_or(hsm.retention_days);
        if let Some(network) = properties.network_acls {
            hsm.network = network;
        }
        if let Some(access) = properties.public_network_access {
            hsm.public_network_access = !access.eq_ignore_ascii_case("Disabled");
        }
        let reply = Reply::ok(hsm.shown_as_hsm());
        state.arm.vaults.insert(key, hsm);
        Ok(reply)
    })
}

fn new(target: &Target, location: String, properties: &Properties) -> Result<Vault, ArmError> {
    let administrators = &properties.initial_admin_object_ids;
    if administrators.is_empty() {
        return Err(ArmError::bad_request(
            "BadRequest",
            "The property 'initialAdminObjectIds' must name at least one administrator.",
        ));
    }
    let roles = administrators.iter().map(|admin| LocalAssignment::new("/", ADMINISTRATOR, *admin));
    Ok(Vault {
        local_roles: Some(roles.collect()),
        ..Vault::new(target, location, properties.tenant_id, true)
    })
}

fn recover(state: &mut State, target: &Target, location: &str) -> Result<Reply, ArmError> {
    let hsm = state
        .arm
        .vaults
        .get_mut(&path::key(&target.id))
        .filter(|hsm| regions::same(&hsm.location, location))
        .ok_or_else(|| not_found(target))?;
    hsm.deleted_at = None;
    Ok(Reply::ok(hsm.shown_as_hsm()))
}

/// `GET` one.
pub(in crate::arm) fn get(world: &World, target: &Target) -> Result<Reply, ArmError> {
    world.read(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        let hsm = state.arm.vaults.get(&path::key(&target.id)).filter(|hsm| !hsm.is_deleted());
        hsm.map(|hsm| Reply::ok(hsm.shown_as_hsm())).ok_or_else(|| not_found(target))
    })
}

/// `GET` all within a group or a subscription.
pub(in crate::arm) fn list(world: &World, scope: &str) -> Reply {
    world.read(|state| {
        let hsms = state.arm.vaults.values().filter(|held| held.is_hsm() && !held.is_deleted());
        Reply::list(hsms.filter(|hsm| path::covers(scope, &hsm.id)).map(Vault::shown_as_hsm).collect())
    })
}

fn check(sku: &Sku, properties: &Properties, tenant: Uuid) -> Result<(), ArmError> {
    let bad = |message: &str| Err(ArmError::new(StatusCode::BAD_REQUEST, "BadRequest", message));
    if sku.family != "B" || !["Standard_B1", "Custom_B32", "Custom_B6"].contains(&sku.name.as_str()) {
        return bad("The sku must be of family 'B' and named 'Standard_B1', 'Custom_B32' or 'Custom_B6'.");
    }
    if properties.tenant_id != tenant {
        return bad("The tenant ID of the managed HSM must be the tenant ID of its subscription.");
    }
    if properties.soft_delete_retention_in_days.is_some_and(|days| !(7..=90).contains(&days)) {
        return bad("The property \"softDeleteRetentionInDays\" must be between 7 and 90.");
    }
    Ok(())
}

/// Azure CLI writes this number as a text, and the service takes it.
fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    match Option::<Value>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Value::String(text)) => text.parse().map(Some).map_err(serde::de::Error::custom),
        Some(number) => serde_json::from_value(number).map(Some).map_err(serde::de::Error::custom),
    }
}

fn not_found(target: &Target) -> ArmError {
    ArmError::resource_not_found(TYPE, &target.name, &target.group)
}
