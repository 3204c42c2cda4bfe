//! `GET {site}/config/configreferences/appsettings`: what has become of the settings that are references to a vault.
//!
//! The shape is what users quote of it. Our guess: that a reference is resolved as soon as the secret is there, whoever may
//! read it; Azure asks with the app's identity, and when the app starts.

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::arm::access::authorize_request;
use crate::arm::api_version::{self, Versions};
use crate::arm::error::ArmError;
use crate::arm::request::{ArmRequest, ArmResponse};
use crate::cloud::Cloud;
use crate::names::arm_id;
use crate::state::arm::ArmState;
use crate::state::resources::vault::Vault;

const TYPE: &str = "Microsoft.Web/sites/config";
/// The oldest version that has it.
const SINCE: &str = "2022-03-01";

/// Answers this one call; none for any other.
pub(super) fn answer(cloud: &Cloud, request: &ArmRequest) -> Option<Result<ArmResponse, ArmError>> {
    let site = request.segments.len().checked_sub(3).filter(|_| request.method == Method::GET)?;
    let (site, below) = request.segments.split_at(site);
    let asked = ["config", "configreferences", "appsettings"];
    let is_asked = below.iter().zip(asked).all(|(is, asked)| is.eq_ignore_ascii_case(asked));
    let is_site = matches!(site, [.., namespace, kind, _]
        if namespace.eq_ignore_ascii_case("Microsoft.Web") && kind.eq_ignore_ascii_case("sites"));
    (is_asked && is_site).then(|| references(cloud, request, &format!("/{}", site.join("/"))))
}

fn references(cloud: &Cloud, request: &ArmRequest, site: &str) -> Result<ArmResponse, ArmError> {
    api_version::check(Some(&request.api_version), Versions::Since(SINCE), TYPE)?;
    authorize_request(cloud, request, &format!("{TYPE}/read"), site)?;
    cloud.read(|state| {
        super::write::check_group(state, site)?;
        if !state.arm.described.contains_key(&arm_id::key(site)) {
            let parts: Vec<&str> = site.split('/').collect();
            let (group, name) =
                (parts.get(4).copied().unwrap_or_default(), parts.last().copied().unwrap_or_default());
            return Err(ArmError::resource_not_found("Microsoft.Web/sites", name, group));
        }
        let settings = state.arm.described.get(&arm_id::key(&format!("{site}/config/appsettings")));
        let written =
            settings.and_then(|settings| settings.written.get("properties")).and_then(Value::as_object);
        let listed = written.into_iter().flatten().filter_map(|(name, value)| {
            let properties = reference(&state.arm, request.caller.tenant, value.as_str()?)?;
            let id = format!("{site}/config/configreferences/appsettings/{name}");
            Some(json!({ "id": id, "name": name, "type": TYPE, "properties": properties }))
        });
        Ok(ArmResponse::list(listed.collect()))
    })
}

/// What is told of a setting that is a reference.
fn reference(arm: &ArmState, tenant: Uuid, setting: &str) -> Option<Value> {
    let inner = setting.strip_prefix("@Microsoft.KeyVault(")?.strip_suffix(')')?;
    let mut told = json!({ "reference": setting, "identityType": "UserAssigned" });
    let named = inner.strip_prefix("SecretUri=https://").and_then(|address| {
        let (host, path) = address.split_once('/')?;
        let secret = path.strip_prefix("secrets/")?.split('/').next()?;
        Some((host.split('.').next()?.to_owned(), secret.to_owned()))
    });
    let Some((vault, secret)) = named else {
        told["status"] = json!("InvalidSyntax");
        return Some(told);
    };
    let below = format!("/providers/microsoft.keyvault/vaults/{}", vault.to_lowercase());
    let is_ours = |vault: &Vault| vault.tenant_id == tenant && !vault.is_deleted();
    let known =
        arm.vaults.iter().find(|(id, vault)| id.ends_with(&below) && is_ours(vault)).map(|(id, _)| id);
    let has = |id: &String| arm.described.contains_key(&arm_id::key(&format!("{id}/secrets/{secret}")));
    told["status"] = json!(match known {
        None => "VaultNotFound",
        Some(id) if has(id) => "Resolved",
        Some(_) => "SecretNotFound",
    });
    told["vaultName"] = json!(vault);
    told["secretName"] = json!(secret);
    Some(told)
}
