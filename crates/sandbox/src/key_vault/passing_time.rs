//! What time does to keys: rotation by policy, and the end of what was deleted.
//!
//! Looking is when it happens, as everywhere in the sandbox; and now and then without anybody looking, for Event Grid.
//! Our guess: when the clock jumps over several rotations of a key, one version is made and not several.

use std::sync::Arc;
use std::time::Duration;

use crate::arm::vaults;
use crate::state::State;
use crate::world::{SharedWorld, World};

use super::keys::{Key, KeyVersion};
use super::rotation_policy::RotationPolicy;

/// How often keys are looked at when nobody asks for them.
const TICK: Duration = Duration::from_millis(200);

/// A key that its policy wants to be rotated.
struct Due {
    vault: String,
    key: String,
    newest: KeyVersion,
}

/// Lets time do its work until the world stops.
pub(crate) fn watch(world: &SharedWorld) {
    let shared = Arc::clone(world);
    world.spawn(async move {
        loop {
            tokio::time::sleep(TICK).await;
            let world = Arc::clone(&shared);
            // RSA is too slow for a thread that serves connections.
            if tokio::task::spawn_blocking(move || catch_up(&world, None)).await.is_err() {
                tracing::error!("looking after rotation failed; it is tried again");
            }
        }
    });
}

/// Does what is due in one vault, or in all of them.
pub(crate) fn catch_up(world: &World, vault: Option<&str>) {
    let now = world.clock.now().unix_timestamp();
    for due in world.read(|state| due(state, vault, now)) {
        rotate(world, &due, now);
    }
}

fn due(state: &State, only: Option<&str>, now: i64) -> Vec<Due> {
    let vaults = state.key_vault.vaults.iter();
    let wanted = vaults.filter(|(name, _)| only.is_none_or(|only| name.eq_ignore_ascii_case(only)));
    let keys = wanted.flat_map(|(name, keys)| keys.all_live().map(move |key| (name, key)));
    keys.filter(|(_, key)| wants_rotation(key, now))
        .filter(|(vault, _)| vaults::named(&state.arm, vault).is_some())
        .filter_map(|(vault, key)| {
            let newest = key.versions.last()?.clone();
            Some(Due { vault: vault.clone(), key: key.name.clone(), newest })
        })
        .collect()
}

fn wants_rotation(key: &Key, now: i64) -> bool {
    let policy = key.rotation_policy.as_ref().zip(key.versions.last());
    policy.is_some_and(|(policy, newest)| policy.wants_rotation(newest, now))
}

fn rotate(world: &World, due: &Due, now: i64) {
    let Some(fresh) = due.newest.successor(now) else { return };
    world.change(|state| {
        let Some(key) = state.key_vault.live_key_mut(&due.vault, &due.key) else { return };
        // Somebody else may have made a version meanwhile.
        if key.versions.last().is_some_and(|newest| newest.version == due.newest.version) {
            let expires = RotationPolicy::expiry_of_new_version(key.rotation_policy.as_ref(), now);
            key.versions.push(KeyVersion { expires, ..fresh });
        }
    });
}
