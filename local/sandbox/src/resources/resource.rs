//! What a type of resource is, whichever it is.

use serde_json::Value;
use time::OffsetDateTime;

use crate::names::arm_id;
use crate::state::State;
use crate::state::arm::ArmState;
use crate::state::tags::Tags;
use crate::tracked::Tracked;

/// A type of resource that lives in a group.
///
/// A type is registered once, in [`resource_types`](super::registry::resource_types). Routes, versions, roles, limits,
/// `GET .../resources` and the deletion of a group all follow from there.
pub(crate) trait Resource {
    /// Provider and type, as ids spell them.
    const TYPE: &'static str;
    /// Which service runs its long operations.
    const RUNNER: Runner = Runner::Gateway;
    /// Whether it is one of the resources of its group and can be written by a template. A deployment is not.
    const IS_LISTED: bool = true;
    /// What the state holds of it.
    type Held: 'static;

    /// Every one, by its id in lower case.
    fn all(arm: &ArmState) -> &Tracked<String, Self::Held>;

    /// As [`all`](Self::all), to be changed.
    fn all_mut(arm: &mut ArmState) -> &mut Tracked<String, Self::Held>;

    /// The tags that it carries.
    fn tags(held: &Self::Held) -> &Option<Tags>;

    /// As [`tags`](Self::tags), to be changed.
    fn tags_mut(held: &mut Self::Held) -> &mut Option<Tags>;

    /// Whether this is one of the type and has not been deleted.
    fn is_there(_: &Self::Held) -> bool {
        true
    }

    /// Its id, as it is shown.
    fn id(held: &Self::Held) -> &str;

    /// Its region, as it is shown.
    fn location(held: &Self::Held) -> &str;

    /// The whole resource, as `GET` answers it.
    fn shown(held: &Self::Held, state: &State) -> Value;

    /// Deletes it with all that lives and dies with it.
    fn remove(state: &mut State, key: &str, now: OffsetDateTime);

    /// The id of a resource outside a group that needs one of this type inside.
    fn user_outside(_: &ArmState, _group: &str) -> Option<String> {
        None
    }

    /// The one with this id.
    fn find<'a>(arm: &'a ArmState, id: &str) -> Option<&'a Self::Held> {
        Self::all(arm).get(&arm_id::key(id)).filter(|held| Self::is_there(held))
    }

    /// Every one within a scope.
    fn within<'a>(arm: &'a ArmState, scope: &'a str) -> impl Iterator<Item = &'a Self::Held> {
        let there = Self::all(arm).values().filter(|held| Self::is_there(held));
        there.filter(move |held| arm_id::covers(scope, Self::id(held)))
    }
}

/// The part of [`Resource`] that is alike for every type whose `Held` has an id, a location and tags: where the state keeps
/// it.
macro_rules! held_in {
    ($field:ident) => {
        fn all(arm: &ArmState) -> &Tracked<String, Self::Held> {
            &arm.$field
        }

        fn all_mut(arm: &mut ArmState) -> &mut Tracked<String, Self::Held> {
            &mut arm.$field
        }

        fn tags(held: &Self::Held) -> &Option<Tags> {
            &held.tags
        }

        fn tags_mut(held: &mut Self::Held) -> &mut Option<Tags> {
            &mut held.tags
        }

        fn id(held: &Self::Held) -> &str {
            &held.id
        }

        fn location(held: &Self::Held) -> &str {
            &held.location
        }
    };
}
pub(crate) use held_in;

/// Which service runs an operation: each has addresses of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runner {
    Disks,
    Machines,
    Gateway,
    KeyVault,
}
