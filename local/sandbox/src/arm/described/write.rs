//! `PUT` of a described resource, and what it refuses.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::arm::enumeration;
use crate::arm::error::ArmError;
use crate::arm::regions;
use crate::arm::request::{ArmRequest, ArmResponse};
use crate::cloud::Cloud;
use crate::names::arm_id;
use crate::resources::described::{DescribedType, Place, field, is_there, set_field};
use crate::state::State;
use crate::state::resources::described::Described;
use crate::state::tags::Tags;

use super::address::Address;

#[derive(Debug, Deserialize)]
struct Write {
    location: Option<String>,
    #[serde(default)]
    tags: Option<Tags>,
    #[serde(flatten)]
    written: Map<String, Value>,
}

/// What the service alone says of a resource. A client that sends it back is not heard.
const NOT_WRITTEN: [&str; 3] = ["id", "name", "type"];

/// 201 when new, 200 otherwise.
pub(super) fn put(cloud: &Cloud, request: &ArmRequest, address: &Address) -> Result<ArmResponse, ArmError> {
    let Address { known, id, .. } = address;
    let name = id.rsplit('/').next().unwrap_or_default();
    check_name(known, name)?;
    let Write { location, tags, mut written } = request.json()?;
    written.retain(|field, _| !NOT_WRITTEN.contains(&field.as_str()));
    let mut written = Value::Object(written);
    check_values(known, &mut written)?;
    let location = match known.place {
        Place::Region => Some(regions::check(location.as_deref(), &known.name)?),
        Place::Anywhere if location.as_deref() == Some("global") => location,
        Place::Anywhere => Some(regions::check(location.as_deref(), &known.name)?),
        Place::Parent | Place::AnyResource => None,
    };
    let now = cloud.clock.now();
    cloud.change(|state| {
        check_group(state, id)?;
        check_parent(state, known, id)?;
        let key = arm_id::key(id);
        let existing = state.arm.described.get(&key);
        if let (Some(existing), Some(given)) = (existing, &location) {
            let group = id.split('/').nth(4).unwrap_or_default();
            regions::check_unmoved(existing.location.as_deref().unwrap_or_default(), given, name, group)?;
        }
        if let Some(existing) = existing {
            keep_fixed(known, &known.shown(existing), &mut written)?;
        }
        if existing.is_none() {
            check_required(known, &written)?;
        }
        let status = if existing.is_some() { StatusCode::OK } else { StatusCode::CREATED };
        let held = Described {
            id: id.clone(),
            resource_type: known.name.clone(),
            name: name.to_owned(),
            location,
            tags,
            written: written.as_object().cloned().unwrap_or_default(),
            unique: existing.map_or_else(Uuid::new_v4, |existing| existing.unique),
            created_at: existing.map_or(now, |existing| existing.created_at),
            updated_at: now,
        };
        let reply = ArmResponse::new(status, known.shown(&held));
        state.arm.described.insert(key, held);
        Ok(reply)
    })
}

/// The group that an id is in has to be there.
pub(super) fn check_group(state: &State, id: &str) -> Result<(), ArmError> {
    let part = |number: usize| id.split('/').nth(number).unwrap_or_default();
    state.arm.group(part(2), part(4)).map(drop)
}

/// What it stands below, or on, has to be there. Our guess: code and words.
pub(super) fn check_parent(state: &State, known: &DescribedType, id: &str) -> Result<(), ArmError> {
    let above = match known.place {
        Place::Region => return Ok(()),
        Place::Anywhere if known.is_listed() => return Ok(()),
        Place::Anywhere | Place::Parent => arm_id::without(id, 2),
        Place::AnyResource => arm_id::without(id, 4),
    };
    if is_there(&state.arm, above) {
        return Ok(());
    }
    Err(ArmError::new(
        StatusCode::NOT_FOUND,
        "ParentResourceNotFound",
        format!(
            "Failed to perform 'write' on resource(s) of type '{}', because the parent resource '{above}' could not be found.",
            known.name
        ),
    ))
}

/// Our guess: words and code, but for a namespace of Service Bus.
fn check_name(known: &DescribedType, name: &str) -> Result<(), ArmError> {
    if known.name == "Microsoft.ServiceBus/namespaces" && !is_namespace(name) {
        let id = Uuid::new_v4();
        let words = format!("The specified service namespace is invalid. CorrelationId: {id}");
        return Err(ArmError::bad_request("BadRequest", words));
    }
    if known.names.is_empty() || known.names.iter().any(|one| one.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    let words = format!("'{name}' is no name of {}: it is {}.", known.name, known.names.join(" or "));
    Err(ArmError::bad_request("InvalidResourceName", words))
}

/// 6 to 50 letters, digits and hyphens, a letter first, and no hyphen, `-sb` or `-mgmt` last.
fn is_namespace(name: &str) -> bool {
    let plain = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let lower = name.to_ascii_lowercase();
    let ends = !["-", "-sb", "-mgmt"].iter().any(|end| lower.ends_with(end));
    plain && begins && ends && (6..=50).contains(&name.len())
}

/// Puts values of enumerations into Azure's spelling. Our guess: the code and the words of the refusal.
fn check_values(known: &DescribedType, written: &mut Value) -> Result<(), ArmError> {
    for (path, values) in &known.one_of {
        let values: Vec<&str> = values.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let pointer = format!("/{}", path.replace('.', "/"));
        let Some(given) = written.pointer_mut(&pointer) else { continue };
        let spelled = given.as_str().and_then(|given| enumeration::read(given, &values));
        *given = spelled.map(|spelled| json!(spelled)).ok_or_else(|| {
            let words = format!("The value {given} of '{path}' is not one of {}.", values.join(", "));
            ArmError::bad_request("BadRequest", words)
        })?;
    }
    Ok(())
}

/// Our guess: the code and the words.
fn check_required(known: &DescribedType, written: &Value) -> Result<(), ArmError> {
    match known.required.iter().find(|path| field(written, path).is_none()) {
        None => Ok(()),
        Some(path) => Err(ArmError::bad_request("BadRequest", format!("The value of '{path}' is missing."))),
    }
}

/// What stays as it was first written: where nothing is said of it, and not where something else is said. Our guess: both,
/// and the code and the words.
fn keep_fixed(known: &DescribedType, shown: &Value, written: &mut Value) -> Result<(), ArmError> {
    for path in &known.fixed {
        let Some(held) = field(shown, path) else { continue };
        match field(written, path) {
            None => set_field(written, path, held.clone()),
            Some(given) if given == held => {}
            Some(_) => {
                let words =
                    format!("The value of '{path}' cannot be changed after the resource was created.");
                return Err(ArmError::bad_request("BadRequest", words));
            }
        }
    }
    Ok(())
}
