//! Notices what happened to the keys of watched vaults by looking at them, whoever changed them and why.
//!
//! Expiry comes with time alone, so looking is needed anyway; and rotation by policy, the page and the data plane need
//! no hook each.

use std::collections::{BTreeMap, BTreeSet};

use time::OffsetDateTime;
use uuid::Uuid;

use crate::state::State;
use crate::state::event_grid::EventGridState;
use crate::state::event_grid::event::{KeyEvent, Object};
use crate::state::key_vault::key_version::KeyVersion;
use crate::state::key_vault::keys::Key;
use crate::state::key_vault::rotation_policy::RotationPolicy;
use crate::state::resources::vault::Vault;

const NEW_VERSION: &str = "Microsoft.KeyVault.KeyNewVersionCreated";
const NEAR_EXPIRY: &str = "Microsoft.KeyVault.KeyNearExpiry";
const EXPIRED: &str = "Microsoft.KeyVault.KeyExpired";
const ACCESS_CHANGED: &str = "Microsoft.KeyVault.VaultAccessPolicyChanged";

/// What happened since somebody looked last.
#[derive(Debug, Default)]
pub(super) struct News {
    events: Vec<(String, KeyEvent)>,
    access: BTreeMap<String, String>,
}

impl News {
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.access.is_empty()
    }
}

/// Marks everything that a vault holds as told: a subscription hears of what comes after it.
pub(crate) fn begin_to_watch(state: &mut State, vault: &Vault) {
    let everything: BTreeSet<String> = [NEW_VERSION, NEAR_EXPIRY, EXPIRED].map(str::to_owned).into();
    let versions: Vec<String> = keys_of(state, vault)
        .flat_map(|key| key.versions.iter().map(|version| key.id(version, &vault.facts())))
        .collect();
    let grid = &mut state.event_grid;
    // A vault that is watched already goes on telling its other subscriptions what is not told yet.
    let first = !grid.access.contains_key(&topic_key(vault));
    for version in versions.into_iter().filter(|_| first) {
        grid.told.insert(version, everything.clone());
    }
    grid.access.entry(topic_key(vault)).or_insert_with(|| access_of(vault));
}

/// Looks at every vault that somebody has subscribed to.
pub(super) fn look(state: &State, now: OffsetDateTime) -> News {
    let mut news = News::default();
    let grid = &state.event_grid;
    let topics: BTreeSet<String> = grid
        .subscriptions
        .values()
        .map(|subscription| crate::names::arm_id::key(&subscription.topic))
        .collect();
    for vault in topics.iter().filter_map(|topic| state.arm.vaults.get(topic)) {
        if vault.is_deleted() {
            continue;
        }
        let access = access_of(vault);
        let before = grid.access.get(&topic_key(vault));
        if before != Some(&access) {
            if before.is_some() {
                news.events.push((String::new(), event(vault, ACCESS_CHANGED, vault_object(vault), now)));
            }
            news.access.insert(topic_key(vault), access);
        }
        for key in keys_of(state, vault) {
            look_at_key(grid, vault, key, now, &mut news);
        }
    }
    news
}

/// Takes the news down as told, and sends it to whoever wants it.
pub(super) fn tell(grid: &mut EventGridState, news: News, now: OffsetDateTime) {
    grid.access.extend(news.access);
    for (url, event) in news.events {
        if !url.is_empty() {
            grid.told.entry(url).or_default().insert(event.kind.clone());
        }
        let wants = |id: &Uuid| grid.subscriptions[id].wants(&event.topic, &event.kind);
        let receivers: Vec<Uuid> = grid.subscriptions.keys().filter(|id| wants(id)).copied().collect();
        for receiver in receivers {
            grid.send(receiver, event.clone(), now);
        }
    }
}

fn look_at_key(grid: &EventGridState, vault: &Vault, key: &Key, now: OffsetDateTime, news: &mut News) {
    let is_told = |url: &str, kind: &str| grid.told.get(url).is_some_and(|told| told.contains(kind));
    let mut tell = |version: &KeyVersion, kind: &str| {
        let url = key.id(version, &vault.facts());
        if !is_told(&url, kind) {
            let object = key_object(vault, key, version, url.clone());
            news.events.push((url, event(vault, kind, object, now)));
        }
    };
    for version in &key.versions {
        tell(version, NEW_VERSION);
    }
    // Only the current version is told of when it expires.
    let Some(current) = key.versions.last() else { return };
    let Some(expires) = current.expires else { return };
    let seconds = now.unix_timestamp();
    if seconds >= expires {
        tell(current, EXPIRED);
    } else if seconds >= expires - RotationPolicy::announced_before(key.rotation_policy.as_ref()) {
        tell(current, NEAR_EXPIRY);
    }
}

fn event(vault: &Vault, kind: &str, object: Object, now: OffsetDateTime) -> KeyEvent {
    KeyEvent { id: Uuid::new_v4(), kind: kind.to_owned(), topic: vault.id.clone(), at: now, object }
}

fn key_object(vault: &Vault, key: &Key, version: &KeyVersion, url: String) -> Object {
    Object {
        url,
        vault: vault.name.clone(),
        kind: "Key".to_owned(),
        name: key.name.clone(),
        version: version.version.clone(),
        not_before: version.not_before,
        expires: version.expires,
    }
}

/// Our guess: how a vault fills the properties that are meant for what it holds.
fn vault_object(vault: &Vault) -> Object {
    Object {
        url: vault.facts().base_url,
        vault: vault.name.clone(),
        kind: "Vault".to_owned(),
        name: vault.name.clone(),
        version: String::new(),
        not_before: None,
        expires: None,
    }
}

fn keys_of<'a>(state: &'a State, vault: &Vault) -> impl Iterator<Item = &'a Key> {
    state.key_vault.live_keys(&vault.holder())
}

fn topic_key(vault: &Vault) -> String {
    crate::names::arm_id::key(&vault.id)
}

/// The permission model and, in older vaults, who may do what.
fn access_of(vault: &Vault) -> String {
    serde_json::json!({ "roles": vault.uses_roles, "policies": vault.access_policies }).to_string()
}
