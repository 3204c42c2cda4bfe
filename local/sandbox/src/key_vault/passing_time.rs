//! What time does to keys: rotation by policy, and the end of what was deleted.
//!
//! Looking is when it happens, as everywhere in the sandbox; and now and then without anybody looking, for Event Grid.
//! Our guess: when the clock jumps over several rotations of a key, one version is made and not several.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use crate::cloud::{Cloud, SharedCloud};
use crate::resources::vault;
use crate::state::State;
use crate::state::key_vault::key_version::KeyVersion;
use crate::state::key_vault::keys::Key;
use crate::state::key_vault::rotation_policy::RotationPolicy;
use crate::state::resources::vault::Vault;

/// How often keys are looked at when nobody asks for them.
const TICK: Duration = Duration::from_millis(200);

/// A key that its policy wants to be rotated.
struct Due {
    vault: String,
    key: String,
    newest: KeyVersion,
}

/// Lets time do its work until the sandbox stops.
pub(crate) fn watch(cloud: &SharedCloud) {
    let shared = Arc::clone(cloud);
    cloud.spawn(async move {
        loop {
            tokio::time::sleep(TICK).await;
            let cloud = Arc::clone(&shared);
            // RSA is too slow for a thread that serves connections.
            if tokio::task::spawn_blocking(move || catch_up(&cloud, None)).await.is_err() {
                tracing::error!("looking after rotation failed; it is tried again");
            }
        }
    });
}

/// Does what is due in one vault, or in all of them.
pub(crate) fn catch_up(cloud: &Cloud, vault: Option<&str>) {
    let moment = cloud.clock.now();
    let now = moment.unix_timestamp();
    let (vaults, keys) = cloud.read(|state| (vault::overdue(state, moment), overdue(state, vault, now)));
    if !vaults.is_empty() || !keys.is_empty() {
        cloud.change(|state| {
            vaults.iter().for_each(|vault| vault::forget(state, vault));
            for (vault, key) in keys {
                state.key_vault.keys_of_mut(&vault).purge(&key);
            }
        });
    }
    for due in cloud.read(|state| due(state, vault, now)) {
        rotate(cloud, &due, now);
    }
}

/// Every key, deleted or not, of the vaults that are not deleted themselves.
fn keys<'a>(state: &'a State, only: Option<&'a str>) -> impl Iterator<Item = (&'a Vault, &'a Key)> {
    let wanted = state.key_vault.vaults.iter();
    let wanted = wanted.filter(move |(name, _)| only.is_none_or(|only| name.eq_ignore_ascii_case(only)));
    wanted
        .filter_map(|(name, keys)| Some((vault::named(&state.arm, name)?, keys)))
        .flat_map(|(vault, keys)| keys.all().map(move |key| (vault, key)))
}

/// The deleted keys whose time to be recovered has passed.
fn overdue(state: &State, only: Option<&str>, now: i64) -> Vec<(String, String)> {
    let past = |vault: &Vault, key: &Key| {
        key.deleted_at.is_some_and(|deleted| deleted + vault.facts().retention_seconds() <= now)
    };
    let gone = keys(state, only).filter(|(vault, key)| past(vault, key));
    gone.map(|(vault, key)| (vault.holder(), key.name.clone())).collect()
}

/// When a key is rotated next by its policy, or its end announced or reached.
pub(crate) fn next_due(state: &State, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let now = now.unix_timestamp();
    let alive = keys(state, None).filter(|(_, key)| key.deleted_at.is_none());
    let times = alive.filter_map(|(_, key)| Some((key.rotation_policy.as_ref(), key.versions.last()?)));
    let times = times.flat_map(|(policy, newest)| {
        let rotation = policy.and_then(|policy| policy.rotation_due(newest));
        let announced = newest.expires.map(|expires| expires - RotationPolicy::announced_before(policy));
        [rotation, announced, newest.expires]
    });
    let next = times.flatten().filter(|time| *time > now).min()?;
    OffsetDateTime::from_unix_timestamp(next).ok()
}

fn due(state: &State, only: Option<&str>, now: i64) -> Vec<Due> {
    keys(state, only)
        .filter(|(_, key)| key.deleted_at.is_none() && wants_rotation(key, now))
        .filter_map(|(vault, key)| {
            let newest = key.versions.last()?.clone();
            Some(Due { vault: vault.holder(), key: key.name.clone(), newest })
        })
        .collect()
}

fn wants_rotation(key: &Key, now: i64) -> bool {
    let policy = key.rotation_policy.as_ref().zip(key.versions.last());
    policy.is_some_and(|(policy, newest)| policy.wants_rotation(newest, now))
}

fn rotate(cloud: &Cloud, due: &Due, now: i64) {
    let Some(fresh) = due.newest.successor(now) else { return };
    cloud.change(|state| {
        let Some(key) = state.key_vault.live_key_mut(&due.vault, &due.key) else { return };
        // Somebody else may have made a version meanwhile.
        if key.versions.last().is_some_and(|newest| newest.version == due.newest.version) {
            let expires = RotationPolicy::expiry_of_new_version(key.rotation_policy.as_ref(), now);
            key.versions.push(KeyVersion { expires, ..fresh });
        }
    });
}
