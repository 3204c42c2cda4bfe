//! Vaults that were deleted: they can be recovered with all they hold for as long as they were made to say, and their
//! names stay taken. After that, or when they are purged, nothing is left.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::arm::error::ArmError;
use crate::arm::request::{ArmRequest, ArmResponse};
use crate::arm::vaults::naming;
use crate::arm::{operations, regions};
use crate::cloud::Cloud;
use crate::names::arm_id;
use crate::state::State;
use crate::state::operation::Outcome;
use crate::state::resources::vault::Vault;
use crate::{key_vault, moments};

/// What deleted ones are called in an address.
fn collection(is_hsm: bool) -> &'static str {
    if is_hsm { "deletedManagedHSMs" } else { "deletedVaults" }
}

#[derive(Debug, Deserialize)]
struct NameToCheck {
    name: String,
}

impl Vault {
    fn shown_deleted(&self) -> Value {
        let subscription = self.id.split('/').nth(2).unwrap_or_default();
        let mut properties = json!({
            "location": self.location,
            "tags": self.tags.clone().unwrap_or_default(),
            "deletionDate": self.deleted_at.map(moments::zulu),
            "scheduledPurgeDate": self.gone_at().map(moments::zulu),
        });
        // As with a live vault, the service shows the property only where protection is on.
        if self.purge_protection {
            properties["purgeProtectionEnabled"] = json!(true);
        }
        properties[if self.is_hsm() { "mhsmId" } else { "vaultId" }] = json!(self.id);
        let collection = collection(self.is_hsm());
        json!({
            "id": format!(
                "/subscriptions/{subscription}/providers/Microsoft.KeyVault/locations/{}/{collection}/{}",
                self.location, self.name
            ),
            "name": self.name,
            "type": format!("Microsoft.KeyVault/{collection}"),
            "properties": properties,
        })
    }
}

/// `GET .../deletedVaults`: all of a subscription.
pub(in crate::arm) fn list(cloud: &Cloud, is_hsm: bool, subscription: &str) -> ArmResponse {
    key_vault::catch_up(cloud, None);
    let scope = format!("/subscriptions/{subscription}");
    cloud.read(|state| {
        let deleted =
            state.arm.vaults.values().filter(|vault| vault.is_deleted() && vault.is_hsm() == is_hsm);
        ArmResponse::list(
            deleted.filter(|vault| arm_id::covers(&scope, &vault.id)).map(Vault::shown_deleted).collect(),
        )
    })
}

/// `GET .../locations/{location}/deletedVaults/{name}`.
pub(in crate::arm) fn get(
    cloud: &Cloud,
    is_hsm: bool,
    (subscription, location, name): (&str, &str, &str),
) -> Result<ArmResponse, ArmError> {
    key_vault::catch_up(cloud, None);
    cloud.read(|state| {
        Ok(ArmResponse::ok(find(state, is_hsm, (subscription, location, name))?.shown_deleted()))
    })
}

/// `POST .../deletedVaults/{name}/purge`: 202 with a Location to follow.
pub(in crate::arm) fn purge(
    cloud: &Cloud,
    is_hsm: bool,
    request: &ArmRequest,
    (subscription, location, name): (&str, &str, &str),
) -> Result<ArmResponse, ArmError> {
    key_vault::catch_up(cloud, None);
    cloud.change(|state| {
        let (id, location, protected) = {
            let vault = find(state, is_hsm, (subscription, location, name))?;
            (vault.id.clone(), vault.location.clone(), vault.purge_protection)
        };
        if protected {
            return Err(ArmError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "MethodNotAllowed",
                "Operation 'DeletedVaultPurge' is not allowed.",
            ));
        }
        let headers = operations::begin(cloud, state, request, (&id, &location), Outcome::PurgeVault);
        Ok(ArmResponse { headers, ..ArmResponse::empty(StatusCode::ACCEPTED) })
    })
}

/// `POST .../checkNameAvailability`.
pub(in crate::arm) fn check_name(cloud: &Cloud, request: &ArmRequest) -> Result<ArmResponse, ArmError> {
    let NameToCheck { name } = request.json()?;
    key_vault::catch_up(cloud, None);
    if let Err(error) = naming::check_name(&name) {
        return Ok(ArmResponse::ok(json!({
            "nameAvailable": false, "reason": "AccountNameInvalid", "message": error.message,
        })));
    }
    let taken = cloud.read(|state| naming::refuse_taken(state, (&name, false), &request.segments[1]));
    Ok(ArmResponse::ok(match taken {
        Ok(()) => json!({ "nameAvailable": true }),
        Err(error) => json!({ "nameAvailable": false, "reason": "AlreadyExists", "message": error.message }),
    }))
}

fn find<'a>(
    state: &'a State,
    is_hsm: bool,
    (subscription, location, name): (&str, &str, &str),
) -> Result<&'a Vault, ArmError> {
    let scope = format!("/subscriptions/{subscription}");
    let fits = |vault: &&Vault| {
        vault.is_deleted()
            && vault.is_hsm() == is_hsm
            && vault.name.eq_ignore_ascii_case(name)
            && regions::same(&vault.location, location)
            && arm_id::covers(&scope, &vault.id)
    };
    state.arm.vaults.values().find(fits).ok_or_else(|| {
        ArmError::new(
            StatusCode::NOT_FOUND,
            "DeletedVaultNotFound",
            format!("The specified deleted vault '{name}' does not exist."),
        )
    })
}
