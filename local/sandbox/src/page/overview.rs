//! What the sandbox's own page shows of the resources, without anybody's token.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use crate::names::arm_id;
use crate::resources::store::Stored;
use crate::state::State;

/// One role assignment, in words.
pub(crate) struct GrantLine {
    pub(crate) id: String,
    pub(crate) scope: String,
    pub(crate) role: String,
    pub(crate) principal: uuid::Uuid,
    /// Removed, and counting until it has spread.
    pub(crate) removed: bool,
    pub(crate) in_force: bool,
}

/// One disk encryption set.
pub(crate) struct SetLine {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) key_url: String,
    pub(crate) rotates: bool,
    pub(crate) rotating: bool,
    pub(crate) error: Option<String>,
    pub(crate) provisioning_state: String,
    pub(crate) disks: usize,
}

/// One disk.
pub(crate) struct DiskLine {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) encryption: String,
    pub(crate) set: Option<String>,
    pub(crate) state: String,
}

/// Every role assignment that counts, or that was removed a moment ago.
pub(crate) fn grants(state: &State, now: OffsetDateTime) -> Vec<GrantLine> {
    let assignments = state.arm.role_assignments.values();
    assignments
        .filter(|assignment| !assignment.removed() || assignment.in_force(now))
        .map(|assignment| GrantLine {
            id: assignment.id.clone(),
            scope: assignment.scope.clone(),
            role: state
                .arm
                .role(assignment.role)
                .map_or("a role unknown here", |role| role.name.as_str())
                .to_owned(),
            principal: assignment.principal_id,
            removed: assignment.removed(),
            in_force: assignment.in_force(now),
        })
        .collect()
}

/// Every disk encryption set, as it was when somebody last looked at it.
pub(crate) fn sets(state: &State) -> Vec<SetLine> {
    let mut disks: BTreeMap<String, usize> = BTreeMap::new();
    for set in state.arm.disks.values().filter_map(|disk| disk.common.set()) {
        *disks.entry(arm_id::key(set)).or_default() += 1;
    }
    let sets = state.arm.disk_encryption_sets.values();
    sets.map(|set| SetLine {
        id: set.id.clone(),
        name: set.name.clone(),
        key_url: set.active_key.key_url.clone(),
        rotates: set.rotation_enabled == Some(true),
        rotating: !set.previous_keys.is_empty(),
        error: set.rotation_error.as_ref().map(|(code, message)| format!("{code}: {message}")),
        provisioning_state: set.provisioning_state.clone(),
        disks: disks.get(&arm_id::key(&set.id)).copied().unwrap_or_default(),
    })
    .collect()
}

/// Every disk.
pub(crate) fn disks(state: &State) -> Vec<DiskLine> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let disks = state.arm.disks.values().map(|disk| (disk, Stored::shown(disk)));
    disks
        .map(|(disk, shown)| DiskLine {
            id: disk.common.id.clone(),
            name: text(&shown["name"]),
            encryption: text(&shown["properties"]["encryption"]["type"]),
            set: shown["properties"]["encryption"]["diskEncryptionSetId"].as_str().map(str::to_owned),
            state: text(&shown["properties"]["diskState"]),
        })
        .collect()
}
