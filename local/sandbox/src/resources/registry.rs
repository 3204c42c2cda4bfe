//! The one list of the types of resource.

use serde_json::Value;
use time::OffsetDateTime;

use crate::names::arm_id::{self, ResourceId};
use crate::state::State;
use crate::state::arm::ArmState;
use crate::state::resources::deployment::Deployment;
use crate::state::resources::disk::Disk;
use crate::state::resources::disk_encryption_set::DiskEncryptionSet;
use crate::state::resources::identity::Identity;
use crate::state::resources::snapshot::Snapshot;
use crate::state::resources::vault::Vault;
use crate::state::resources::virtual_machine::VirtualMachine;
use crate::state::tags::Tags;

use super::resource::{Resource, Runner};
use super::vault::ManagedHsm;

/// Hands every type of resource to another macro. A new type is added here and nowhere else; the gateway makes its own
/// table of the same list and does not compile while a type of it answers no calls.
macro_rules! resource_types {
    ($table:ident) => {
        $table!(Identity, Vault, ManagedHsm, DiskEncryptionSet, Disk, Snapshot, VirtualMachine, Deployment)
    };
}
pub(crate) use resource_types;

macro_rules! table {
    ($($resource:ty),+) => { &[$(ResourceType::of::<$resource>()),+] };
}

/// Every type of resource.
pub(crate) static RESOURCE_TYPES: &[ResourceType] = resource_types!(table);

/// A [`Resource`] as a value.
pub(crate) struct ResourceType {
    pub(crate) name: &'static str,
    pub(crate) runner: Runner,
    pub(crate) is_listed: bool,
    location: fn(&ArmState, &str) -> Option<String>,
    list: fn(&State, &str) -> Vec<Value>,
    keys: fn(&ArmState, &str) -> Vec<String>,
    remove: fn(&mut State, &str, OffsetDateTime),
    tags: for<'a> fn(&'a ArmState, &str) -> Option<&'a Option<Tags>>,
    set_tags: fn(&mut ArmState, &str, Tags),
    user_outside: fn(&ArmState, &str) -> Option<String>,
}

impl ResourceType {
    pub(crate) const fn of<R: Resource>() -> Self {
        Self {
            name: R::TYPE,
            runner: R::RUNNER,
            is_listed: R::IS_LISTED,
            location: |arm, id| R::find(arm, id).map(|held| R::location(held).to_owned()),
            list: |state, scope| R::within(&state.arm, scope).map(|held| R::shown(held, state)).collect(),
            keys: |arm, scope| R::within(arm, scope).map(|held| arm_id::key(R::id(held))).collect(),
            remove: R::remove,
            tags: |arm, id| R::find(arm, id).map(R::tags),
            set_tags: |arm, id, tags| {
                if let Some(held) = R::all_mut(arm).get_mut(&arm_id::key(id)) {
                    *R::tags_mut(held) = Some(tags);
                }
            },
            user_outside: R::user_outside,
        }
    }

    /// The type with this name, in whatever case.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        RESOURCE_TYPES.iter().find(|known| known.name.eq_ignore_ascii_case(name))
    }

    /// The type of the resource with this id.
    pub(crate) fn of_id(id: &str) -> Option<&'static Self> {
        Self::named(&ResourceId::parse(id)?.resource_type)
    }

    /// Where the resource with this id is; none where there is no such resource.
    pub(crate) fn location(&self, arm: &ArmState, id: &str) -> Option<String> {
        (self.location)(arm, id)
    }

    /// Every resource of the type within a scope, as `GET` answers it.
    pub(crate) fn list(&self, state: &State, scope: &str) -> Vec<Value> {
        (self.list)(state, scope)
    }

    /// The tags of the resource with this id; none where there is no such resource.
    pub(crate) fn tags<'a>(&self, arm: &'a ArmState, id: &str) -> Option<&'a Option<Tags>> {
        (self.tags)(arm, id)
    }

    /// Gives the resource with this id other tags.
    pub(crate) fn set_tags(&self, arm: &mut ArmState, id: &str, tags: Tags) {
        (self.set_tags)(arm, id, tags);
    }

    /// Deletes the resource with this key.
    pub(crate) fn remove(&self, state: &mut State, key: &str, now: OffsetDateTime) {
        state.arm.remove_below(key);
        (self.remove)(state, key, now);
    }

    /// The id of a resource outside a group that needs one of this type inside.
    pub(crate) fn user_outside(&self, arm: &ArmState, group: &str) -> Option<String> {
        (self.user_outside)(arm, group)
    }
}

/// Deletes everything in a group.
pub(crate) fn remove_all(state: &mut State, group: &str, now: OffsetDateTime) {
    for resource_type in RESOURCE_TYPES {
        for key in (resource_type.keys)(&state.arm, group) {
            resource_type.remove(state, &key, now);
        }
    }
    state.arm.remove_below(group);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::behaviours;

    macro_rules! names {
        ($($resource:ident),+) => { [$(stringify!($resource)),+] };
    }

    #[test]
    fn every_type_has_a_row_of_evidence_in_a_file_of_its_own() {
        let src = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let places = behaviours().iter().filter_map(|row| std::fs::read_to_string(src.join(&row.place)).ok());
        let places: Vec<String> = places.collect();
        for name in resource_types!(names) {
            let own = [format!("impl Provider for {name} "), format!("impl Resource for {name} ")];
            let told = places.iter().any(|text| own.iter().any(|own| text.contains(own)));
            assert!(told, "{name} has no row of evidence");
        }
    }

    #[test]
    fn ids_are_of_registered_types() {
        let id = |kind: &str| format!("/subscriptions/s/resourceGroups/g/providers/{kind}/x");
        assert_eq!(
            ResourceType::of_id(&id("microsoft.keyvault/MANAGEDHSMS")).unwrap().name,
            ManagedHsm::TYPE
        );
        assert!(ResourceType::of_id(&id("Microsoft.Nothing/things")).is_none());
    }
}
