//! What uses the disk encryption set of an onboarding, wherever Azure knows of it.
//!
//! Disks and snapshots are what the set itself names, and the disks that the journal knows: Azure's lists lag behind.
//! Images, versions in galleries and scale sets are not among what the set names, so each that is in the estate is read.
//! A list says no more than that something is there; a disk is read before it counts.

use std::collections::{BTreeMap, BTreeSet};

use azure_clients::{
    ArmError,
    compute::{Disk, GALLERY_VERSIONS, IMAGES, SCALE_SETS},
};
use azure_ids::ArmId;
use onboarding::{
    DiskState, Onboarding, Set,
    leaving::{SetIs, Sweep, User, UserKind},
};

use super::{
    disk_encryption_set::{id_of_name, is_ours},
    disks::{is_gone, is_tagged_for_another},
};
use crate::{App, step::StepError};

const DISKS: &str = "Microsoft.Compute/disks";
const SNAPSHOTS: &str = "Microsoft.Compute/snapshots";

/// Looks at everything that uses the set, now.
pub(crate) async fn sweep(app: &App, onboarding: &Onboarding) -> Result<Sweep, StepError> {
    let at = app.clock.now();
    let set = match onboarding.set() {
        Set::Requested { set, .. } | Set::Ready { set } => set.clone(),
        // A run that was killed may have asked for it.
        Set::None => id_of_name(app, &onboarding.set_name())?,
    };
    let key_held_by = match onboarding.key() {
        Some(used) => app.claims.holder(&app.journal, &used.version).await.map_err(StepError::retry)?,
        None => None,
    };
    let key_held_by = key_held_by.filter(|holder| *holder != onboarding.id());
    let set_is = match app.compute.disk_encryption_set(&set).await {
        Ok(found) if is_ours(&found, onboarding) => SetIs::Ours,
        Ok(_) => SetIs::NotOurs,
        Err(error) if is_gone(&error) => SetIs::NotThere,
        Err(error) => return Err(error.into()),
    };
    let users = match set_is {
        SetIs::Ours => users_of(app, onboarding, &set).await?,
        SetIs::NotOurs | SetIs::NotThere => vec![],
    };
    Ok(Sweep { at, set, set_is, key_held_by, users })
}

async fn users_of(app: &App, onboarding: &Onboarding, set: &ArmId) -> Result<Vec<User>, StepError> {
    let all = app.compute.resources(app.settings.vendor_subscription, &app.settings.resource_group).await?;
    // The set names its disks in capitals; the list has the names that people know.
    let spelled: BTreeSet<ArmId> = all.iter().cloned().collect();
    let spelling = |id: ArmId| spelled.get(&id).cloned().unwrap_or(id);
    let named = match app.compute.associated_resources(set).await {
        Ok(named) => named,
        // It was deleted in this very moment.
        Err(error) if is_gone(&error) => return Ok(vec![]),
        Err(error) => return Err(error.into()),
    };
    let known = onboarding.disks().iter().filter(|(_, state)| **state != DiskState::Found);
    let known = known.map(|(disk, _)| disk).chain(onboarding.dropped().keys());
    let candidates: BTreeSet<ArmId> = named.into_iter().map(spelling).chain(known.cloned()).collect();
    let mut users = BTreeMap::new();
    for id in candidates {
        let user = if id.is_of_type(DISKS) {
            disk(app, onboarding, set, &id).await?
        } else {
            let kind = if id.is_of_type(SNAPSHOTS) { UserKind::Snapshot } else { UserKind::Other };
            Some(User { id: id.clone(), kind, machine: None })
        };
        users.extend(user.map(|user| (id, user)));
    }
    for id in all {
        if let Some(kind) = kind_of_namer(&id)
            && names(app, &id, set).await?
        {
            users.insert(id.clone(), User { id, kind, machine: None });
        }
    }
    Ok(users.into_values().collect())
}

/// A disk, if it is under the set now.
async fn disk(
    app: &App,
    onboarding: &Onboarding,
    set: &ArmId,
    id: &ArmId,
) -> Result<Option<User>, StepError> {
    let read = match app.compute.disk(id).await {
        Ok(read) => read,
        Err(error) if is_gone(&error) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if read.encryption.disk_encryption_set.as_ref() != Some(set) {
        return Ok(None);
    }
    let kind = if is_ours_to_change(app, onboarding, &read) { UserKind::Disk } else { UserKind::OtherDisk };
    Ok(Some(User { id: id.clone(), kind, machine: read.machines.first().cloned() }))
}

/// In the estate, and not said to be another purchase's. One that lost its tag is still under this customer's key.
fn is_ours_to_change(app: &App, onboarding: &Onboarding, read: &Disk) -> bool {
    let in_group = read.id.segment("resourceGroups").is_some_and(|group| {
        group.eq_ignore_ascii_case(&app.settings.resource_group)
            && read.id.subscription() == app.settings.vendor_subscription
    });
    in_group && !is_tagged_for_another(read, onboarding)
}

fn kind_of_namer(id: &ArmId) -> Option<UserKind> {
    [
        (IMAGES, UserKind::Image),
        (GALLERY_VERSIONS, UserKind::GalleryVersion),
        (SCALE_SETS, UserKind::ScaleSet),
    ]
    .into_iter()
    .find_map(|(kind, is)| id.is_of_type(kind).then_some(is))
}

async fn names(app: &App, id: &ArmId, set: &ArmId) -> Result<bool, ArmError> {
    match app.compute.ids_named_by(id).await {
        Ok(named) => Ok(named.contains(set)),
        Err(error) if is_gone(&error) => Ok(false),
        Err(error) => Err(error),
    }
}
