//! Microsoft.Resources: the tags of a group or a resource as something of their own, so that who may write tags need not be
//! allowed to write what carries them.
//!
//! Azure REST API descriptions, Resources, `Tags - Create Or Update At Scope` and its neighbours.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::cloud::Cloud;
use crate::names::arm_id::{self, ResourceId};
use crate::resources::ResourceType;
use crate::state::arm::ArmState;
use crate::state::tags::Tags;

use super::access::authorize_request;
use super::enumeration;
use super::error::ArmError;
use super::operations;
use super::request::{ArmRequest, ArmResponse};

#[derive(Debug, Deserialize)]
struct TagsBody {
    #[serde(default)]
    operation: Option<String>,
    properties: TagsProperties,
}

#[derive(Debug, Deserialize)]
struct TagsProperties {
    #[serde(default)]
    tags: Option<Tags>,
}

/// Everything under `{scope}/providers/Microsoft.Resources/tags/default`.
pub(super) fn answer(cloud: &Cloud, request: &ArmRequest, scope: &str) -> Result<ArmResponse, ArmError> {
    let may =
        |verb: &str| authorize_request(cloud, request, &format!("Microsoft.Resources/tags/{verb}"), scope);
    match request.method {
        Method::GET => {
            may("read")?;
            let tags = cloud.read(|state| Ok(of(&state.arm, scope)?.clone().unwrap_or_default()))?;
            Ok(shown(scope, &tags))
        }
        Method::PUT => {
            may("write")?;
            let body: TagsBody = request.json()?;
            change(cloud, scope, |_| body.properties.tags.unwrap_or_default())
        }
        Method::PATCH => {
            may("write")?;
            let body: TagsBody = request.json()?;
            let given = body.operation.unwrap_or_default();
            let operation = enumeration::read(&given, &["Replace", "Merge", "Delete"]);
            let operation = operation.ok_or_else(|| {
                // Our guess: code and words.
                ArmError::bad_request(
                    "BadRequest",
                    format!("The tags patch operation '{given}' is not valid."),
                )
            })?;
            let named = body.properties.tags.unwrap_or_default();
            change(cloud, scope, |held| match operation {
                "Replace" => named,
                "Merge" => merged(held, named),
                _ => without(held, &named),
            })
        }
        Method::DELETE => {
            may("delete")?;
            change(cloud, scope, |_| Tags::new())?;
            Ok(ArmResponse::empty(StatusCode::OK))
        }
        _ => Err(ArmError::method_not_allowed(&request.method)),
    }
}

fn change(cloud: &Cloud, scope: &str, to: impl FnOnce(Tags) -> Tags) -> Result<ArmResponse, ArmError> {
    let now = cloud.clock.now();
    cloud.change(|state| {
        // What a write is still making would come with the old tags.
        operations::finish_all(state, scope, now);
        let tags = to(of(&state.arm, scope)?.clone().unwrap_or_default());
        set(&mut state.arm, scope, tags.clone());
        Ok(shown(scope, &tags))
    })
}

/// The tags of what a scope names.
fn of<'a>(arm: &'a ArmState, scope: &str) -> Result<&'a Option<Tags>, ArmError> {
    if let Some(group) = arm.resource_groups.get(&arm_id::key(scope)) {
        return Ok(&group.tags);
    }
    let Some(parsed) = ResourceId::parse(scope) else {
        let group = scope.split('/').nth(4).unwrap_or_default();
        return Err(ArmError::group_not_found(group));
    };
    let described = arm.described.get(&arm_id::key(scope)).map(|held| &held.tags);
    let found = described.or_else(|| ResourceType::of_id(scope).and_then(|known| known.tags(arm, scope)));
    found.ok_or_else(|| ArmError::resource_not_found(&parsed.resource_type, &parsed.name, &parsed.group))
}

fn set(arm: &mut ArmState, scope: &str, tags: Tags) {
    if let Some(group) = arm.resource_groups.get_mut(&arm_id::key(scope)) {
        group.tags = Some(tags);
    } else if let Some(held) = arm.described.get_mut(&arm_id::key(scope)) {
        held.tags = Some(tags);
    } else if let Some(known) = ResourceType::of_id(scope) {
        known.set_tags(arm, scope, tags);
    }
}

/// Names are compared without case (documented); the values of those that are there already are replaced.
fn merged(mut held: Tags, named: Tags) -> Tags {
    for (name, value) in named {
        let known = held.keys().find(|known| known.eq_ignore_ascii_case(&name)).cloned();
        held.insert(known.unwrap_or(name), value);
    }
    held
}

/// Without what is given by its name, or by its name and value.
fn without(mut held: Tags, named: &Tags) -> Tags {
    held.retain(|name, value| {
        !named
            .iter()
            .any(|(gone, given)| gone.eq_ignore_ascii_case(name) && (given.is_empty() || given == value))
    });
    held
}

fn shown(scope: &str, tags: &Tags) -> ArmResponse {
    ArmResponse::ok(json!({
        "id": format!("{scope}/providers/Microsoft.Resources/tags/default"),
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": { "tags": tags },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_merged_and_taken_away_whatever_the_case_of_their_names() {
        let tags = |pairs: &[(&str, &str)]| -> Tags {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let held = tags(&[("Team", "a"), ("env", "x")]);
        assert_eq!(
            merged(held.clone(), tags(&[("team", "b"), ("n", "")])),
            tags(&[("Team", "b"), ("env", "x"), ("n", "")])
        );
        assert_eq!(without(held.clone(), &tags(&[("TEAM", ""), ("env", "y")])), tags(&[("env", "x")]));
        assert_eq!(without(held, &tags(&[("env", "x")])), tags(&[("Team", "a")]));
    }
}
