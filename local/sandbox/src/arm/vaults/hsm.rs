//! Microsoft.KeyVault/managedHSMs: vaults of hardware keys, with a name of another form and roles of their own.
//!
//! Our guess: an HSM is ready at once. The real one takes half an hour, and then does nothing until somebody has downloaded
//! its security domain, which is not simulated. Purge protection is off unless asked for, so that a name can be used again.

use http::{Method, StatusCode};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use uuid::Uuid;

use crate::arm::api_version::Versions;
use crate::arm::error::ArmError;
use crate::arm::provider::{self, Provider, refused};
use crate::arm::regions;
use crate::arm::request::{ArmRequest, ArmResponse, Target};
use crate::arm::vaults::{live, naming};
use crate::cloud::Cloud;
use crate::key_vault;
use crate::names::arm_id;
use crate::resources::Resource;
use crate::resources::vault::ManagedHsm;
use crate::state::key_vault::local_roles::{ADMINISTRATOR, LocalAssignment};
use crate::state::resources::vault::{NetworkRules, Vault};
use crate::state::tags::Tags;

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

impl Provider for ManagedHsm {
    const VERSIONS: Versions = Versions::Since("2019-09-01");

    fn answer(
        cloud: &Cloud,
        request: &ArmRequest,
        target: &Target,
        rest: &[&str],
    ) -> Result<ArmResponse, ArmError> {
        match (&request.method, rest) {
            (&Method::PUT, []) => put(cloud, request, target),
            (&Method::GET, []) => live::get::<Self>(cloud, target),
            (&Method::DELETE, []) => Ok(provider::delete::<Self>(cloud, target)),
            _ => refused(request, rest),
        }
    }
}

/// `PUT`. The administrators that it names get the local role of that name; without one nobody could ever use the HSM.
pub(in crate::arm) fn put(
    cloud: &Cloud,
    request: &ArmRequest,
    target: &Target,
) -> Result<ArmResponse, ArmError> {
    let Write { location, tags, sku, properties } = request.json()?;
    let location = regions::normalised(&regions::check(location.as_deref(), ManagedHsm::TYPE)?);
    naming::check_name(&target.name)?;
    check(&sku, &properties, request.caller.tenant)?;
    key_vault::catch_up(cloud, None);
    cloud.change(|state| {
        state.arm.group(&target.subscription, &target.group)?;
        let key = arm_id::key(&target.id);
        if properties.create_mode.as_deref().is_some_and(|mode| mode.eq_ignore_ascii_case("recover")) {
            return live::recover::<ManagedHsm>(state, target, &location);
        }
        let there = state.arm.vaults.get(&key).filter(|held| !held.is_deleted()).cloned();
        let mut hsm = match there {
            Some(there) => {
                regions::check_unmoved(&there.location, &location, &target.name, &target.group)?;
                there
            }
            None => {
                naming::refuse_taken(state, (&target.name, true), &target.subscription)?;
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
        let reply = ArmResponse::ok(hsm.shown_as_hsm());
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
