//! Vaults that were deleted: they can be recovered with all they hold for as long as they were made to say, and their
//! names stay taken. After that, or when they are purged, nothing is left.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::arm::error::ArmError;
use crate::arm::operations::{self, Outcome};
use crate::arm::request::{ArmRequest, Reply};
use crate::arm::resource::Target;
use crate::arm::{path, regions};
use crate::key_vault;
use crate::moments;
use crate::state::State;
use crate::world::World;

use super::{Vault, live_mut};

/// Vaults and managed HSMs are deleted alike, and listed apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::arm) enum Sort {
    Vault,
    Hsm,
}

impl Sort {
    pub(super) fn of(held: &Vault) -> Self {
        if held.is_hsm() { Self::Hsm } else { Self::Vault }
    }

    /// What its deleted ones are called in an address.
    fn collection(self) -> &'static str {
        match self {
            Self::Vault => "deletedVaults",
            Self::Hsm => "deletedManagedHSMs",
        }
    }
}

#[derive(Debug, Deserialize)]
struct NameToCheck {
    name: String,
}

impl Vault {
    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }

    /// From when on a deleted vault cannot be recovered any more.
    fn gone_at(&self) -> Option<OffsetDateTime> {
        self.deleted_at.map(|deleted| deleted + Duration::days(self.retention_days.into()))
    }

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
        let sort = Sort::of(self);
        properties[if sort == Sort::Hsm { "mhsmId" } else { "vaultId" }] = json!(self.id);
        let collection = sort.collection();
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

/// `DELETE`: the vault's name does not resolve any more. Role assignments and event subscriptions go for good; recovering
/// the vault does not bring them back (documented).
pub(in crate::arm) fn delete(world: &World, target: &Target) -> Reply {
    let now = world.clock.now();
    world.change(|state| {
        let Ok(vault) = live_mut(&mut state.arm, target) else { return Reply::empty(StatusCode::NO_CONTENT) };
        let id = vault.id.clone();
        mark_deleted(state, &id, now);
        Reply::empty(StatusCode::OK)
    })
}

/// Deletes the vault with this id, if it is there and live.
pub(in crate::arm) fn mark_deleted(state: &mut State, id: &str, now: OffsetDateTime) {
    let Some(vault) = state.arm.vaults.get_mut(&path::key(id)).filter(|vault| !vault.is_deleted()) else {
        return;
    };
    vault.deleted_at = Some(now);
    let gone: Vec<String> = state
        .arm
        .role_assignments
        .iter()
        .filter(|(_, assignment)| path::covers(id, &assignment.scope))
        .map(|(key, _)| key.clone())
        .collect();
    for key in gone {
        state.arm.role_assignments.remove(&key);
    }
    state.event_grid.forget_topic(id);
}

/// `GET .../deletedVaults`: all of a subscription.
pub(in crate::arm) fn list(world: &World, sort: Sort, subscription: &str) -> Reply {
    key_vault::catch_up(world, None);
    let scope = format!("/subscriptions/{subscription}");
    world.read(|state| {
        let deleted = state.arm.vaults.values().filter(|vault| vault.is_deleted() && Sort::of(vault) == sort);
        Reply::list(
            deleted.filter(|vault| path::covers(&scope, &vault.id)).map(Vault::shown_deleted).collect(),
        )
    })
}

/// `GET .../locations/{location}/deletedVaults/{name}`.
pub(in crate::arm) fn get(
    world: &World,
    sort: Sort,
    (subscription, location, name): (&str, &str, &str),
) -> Result<Reply, ArmError> {
    key_vault::catch_up(world, None);
    world.read(|state| Ok(Reply::ok(find(state, sort, (subscription, location, name))?.shown_deleted())))
}

/// `POST .../deletedVaults/{name}/purge`: 202 with a Location to follow.
pub(in crate::arm) fn purge(
    world: &World,
    sort: Sort,
    request: &ArmRequest,
    (subscription, location, name): (&str, &str, &str),
) -> Result<Reply, ArmError> {
    key_vault::catch_up(world, None);
    world.change(|state| {
        let (id, location, protected) = {
            let vault = find(state, sort, (subscription, location, name))?;
            (vault.id.clone(), vault.location.clone(), vault.purge_protection)
        };
        if protected {
            return Err(ArmError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "MethodNotAllowed",
                "Operation 'DeletedVaultPurge' is not allowed.",
            ));
        }
        let headers = operations::begin(world, state, request, (&id, &location), Outcome::PurgeVault);
        Ok(Reply { headers, ..Reply::empty(StatusCode::ACCEPTED) })
    })
}

/// Forgets a deleted vault and all it holds for good. One that was recovered meanwhile stays.
pub(crate) fn forget(state: &mut State, key: &str) {
    if state.arm.vaults.get(key).is_some_and(Vault::is_deleted)
        && let Some(vault) = state.arm.vaults.remove(key)
    {
        state.key_vault.forget(&vault.holder());
    }
}

/// The ids, as keys, of the vaults whose time to be recovered has passed.
pub(crate) fn overdue(state: &State, now: OffsetDateTime) -> Vec<String> {
    let past = |vault: &Vault| vault.gone_at().is_some_and(|gone| gone <= now);
    state.arm.vaults.iter().filter(|(_, vault)| past(vault)).map(|(key, _)| key.clone()).collect()
}

/// `POST .../checkNameAvailability`.
pub(in crate::arm) fn check_name(world: &World, request: &ArmRequest) -> Result<Reply, ArmError> {
    let NameToCheck { name } = request.json()?;
    key_vault::catch_up(world, None);
    if let Err(error) = super::write::check_name(&name) {
        return Ok(Reply::ok(json!({
            "nameAvailable": false, "reason": "AccountNameInvalid", "message": error.message,
        })));
    }
    let taken =
        world.read(|state| super::write::refuse_taken(state, (&name, Sort::Vault), &request.segments[1]));
    Ok(Reply::ok(match taken {
        Ok(()) => json!({ "nameAvailable": true }),
        Err(error) => json!({ "nameAvailable": false, "reason": "AlreadyExists", "message": error.message }),
    }))
}

fn find<'a>(
    state: &'a State,
    sort: Sort,
    (subscription, location, name): (&str, &str, &str),
) -> Result<&'a Vault, ArmError> {
    let scope = format!("/subscriptions/{subscription}");
    let fits = |vault: &&Vault| {
        vault.is_deleted()
            && Sort::of(vault) == sort
            && vault.name.eq_ignore_ascii_case(name)
            && regions::same(&vault.location, location)
            && path::covers(&scope, &vault.id)
    };
    state.arm.vaults.values().find(fits).ok_or_else(|| {
        ArmError::new(
            StatusCode::NOT_FOUND,
            "DeletedVaultNotFound",
            format!("The specified deleted vault '{name}' does not exist."),
        )
    })
}
