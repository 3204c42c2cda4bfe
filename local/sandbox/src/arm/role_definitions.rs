//! Microsoft.Authorization: role definitions, as they are read. What others define is written in `custom_roles`.

use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::moments;
use crate::roles;
use crate::state::arm::ArmState;
use crate::state::resources::custom_role::CustomRole;

use super::error::ArmError;
use super::request::{ArmRequest, ArmResponse};

/// What `$filter` keeps of a list.
struct Wanted<'a> {
    name: Option<&'a str>,
    kind: Option<&'a str>,
}

/// `GET {scope}/providers/Microsoft.Authorization/roleDefinitions`, with `$filter=roleName eq '...'` or
/// `type eq 'CustomRole'` if wanted.
pub(super) fn list(cloud: &Cloud, request: &ArmRequest, scope: &str) -> Result<ArmResponse, ArmError> {
    let filter = request.query.get("$filter").map(|filter| filter.trim()).unwrap_or_default();
    let wanted = Wanted::parse(filter)?;
    let subscription = request.segments[1].as_str();
    let built_in = roles::BUILT_IN.iter().filter(|role| wanted.keeps(&role.name, "BuiltInRole"));
    let mut listed: Vec<Value> = built_in.map(|role| role.shown_in(subscription)).collect();
    cloud.read(|state| {
        let seen = state.arm.custom_roles.values().filter(|role| role.is_seen_from(scope));
        let kept = seen.filter(|role| wanted.keeps(&role.definition.name, CUSTOM));
        listed.extend(kept.map(|role| shown(role, subscription)));
    });
    Ok(ArmResponse::list(listed))
}

/// `GET .../roleDefinitions/{guid}`.
pub(super) fn get(cloud: &Cloud, request: &ArmRequest, name: &str) -> Result<ArmResponse, ArmError> {
    let subscription = request.segments[1].as_str();
    let id = Uuid::parse_str(name).map_err(|_| no_such_role(name))?;
    if let Some(role) = roles::by_id(id) {
        return Ok(ArmResponse::ok(role.shown_in(subscription)));
    }
    cloud.read(|state| {
        let custom = state.arm.custom_roles.get(&id).filter(|role| role.tenant == request.caller.tenant);
        custom.map(|role| ArmResponse::ok(shown(role, subscription))).ok_or_else(|| no_such_role(name))
    })
}

/// What ARM calls the type of a role that somebody defined.
const CUSTOM: &str = "CustomRole";

/// A role that somebody defined, as ARM shows it.
pub(super) fn shown(role: &CustomRole, subscription: &str) -> Value {
    let mut shown = role.definition.shown(subscription, CUSTOM, &role.assignable_scopes);
    shown["properties"]["createdOn"] = moments::zulu(role.created_on).into();
    shown["properties"]["updatedOn"] = moments::zulu(role.updated_on).into();
    shown["properties"]["createdBy"] = Value::Null;
    shown["properties"]["updatedBy"] = role.written_by.to_string().into();
    shown
}

/// The role that a definition's id names, if it can be assigned at the scope.
///
/// Our guess: that a role which may not be assigned there is refused as one that does not exist.
pub(super) fn role_of(arm: &ArmState, definition_id: &str, scope: &str) -> Result<Uuid, ArmError> {
    let name = definition_id.rsplit('/').next().unwrap_or_default();
    let id = Uuid::parse_str(name).map_err(|_| no_such_role(name))?;
    let assignable =
        roles::by_id(id).is_some() || arm.custom_roles.get(&id).is_some_and(|role| role.covers(scope));
    if assignable { Ok(id) } else { Err(no_such_role(name)) }
}

pub(super) fn no_such_role(name: &str) -> ArmError {
    ArmError::new(
        StatusCode::NOT_FOUND,
        "RoleDefinitionDoesNotExist",
        format!("The specified role definition with ID '{name}' does not exist."),
    )
}

impl<'a> Wanted<'a> {
    fn parse(filter: &'a str) -> Result<Self, ArmError> {
        let (name, kind) = (quoted_after(filter, "roleName eq "), quoted_after(filter, "type eq "));
        let understood = name.is_some() || kind.is_some();
        if understood || filter.is_empty() || filter.eq_ignore_ascii_case("atScopeAndBelow()") {
            return Ok(Self { name, kind });
        }
        Err(unsupported_filter(filter))
    }

    fn keeps(&self, name: &str, kind: &str) -> bool {
        self.name.is_none_or(|wanted| wanted.eq_ignore_ascii_case(name))
            && self.kind.is_none_or(|wanted| wanted.eq_ignore_ascii_case(kind))
    }
}

/// The text between quotes that follows `prefix`, which is compared without case.
pub(super) fn quoted_after<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(())?;
    rest.trim_end_matches(')').strip_prefix('\'')?.strip_suffix('\'')
}

pub(super) fn unsupported_filter(filter: &str) -> ArmError {
    ArmError::bad_request("UnsupportedQuery", format!("The filter '{filter}' is not supported."))
}
