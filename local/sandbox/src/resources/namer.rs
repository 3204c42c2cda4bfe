//! Images and scale sets.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::state::State;
use crate::state::arm::ArmState;
use crate::state::resources::namer::Namer;
use crate::state::tags::{Tags, add_tags};
use crate::tracked::Tracked;

use super::resource::{Resource, held_in};

/// A managed image.
pub(crate) struct Image;

/// A scale set of virtual machines.
pub(crate) struct ScaleSet;

/// Implements [`Resource`] for a type of which no more is kept than what was written.
macro_rules! resource {
    ($type:literal, $held:ident) => {
        const TYPE: &'static str = $type;
        type Held = Namer;

        held_in!($held);

        fn shown(held: &Namer, _: &State) -> Value {
            shown(held, Self::TYPE)
        }

        fn remove(state: &mut State, key: &str, _: OffsetDateTime) {
            state.arm.$held.remove(key);
        }
    };
}

impl Resource for Image {
    resource!("Microsoft.Compute/images", images);
}

impl Resource for ScaleSet {
    resource!("Microsoft.Compute/virtualMachineScaleSets", scale_sets);
}

fn shown(held: &Namer, resource_type: &str) -> Value {
    let mut properties: Map<String, Value> = held.properties.clone();
    properties.insert("provisioningState".to_owned(), json!("Succeeded"));
    let mut shown = Value::Object(held.written.clone());
    shown["name"] = json!(held.name);
    shown["id"] = json!(held.id);
    shown["type"] = json!(resource_type);
    shown["location"] = json!(held.location);
    shown["properties"] = Value::Object(properties);
    add_tags(&mut shown, held.tags.as_ref());
    shown
}
