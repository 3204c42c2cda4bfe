//! Microsoft.Authorization: role definitions, of which there are only built-in ones here.

use http::StatusCode;
use uuid::Uuid;

use crate::roles;

use super::error::ArmError;
use super::request::{ArmRequest, ArmResponse};

/// `GET {scope}/providers/Microsoft.Authorization/roleDefinitions`, with `$filter=roleName eq '...'` if wanted.
pub(super) fn list(request: &ArmRequest, subscription: &str) -> Result<ArmResponse, ArmError> {
    let filter = request.query.get("$filter").map(|filter| filter.trim().to_owned()).unwrap_or_default();
    let wanted = match quoted_after(&filter, "roleName eq ") {
        Some(name) => Some(name),
        None if filter.is_empty() || filter.eq_ignore_ascii_case("atScopeAndBelow()") => None,
        None => return Err(unsupported_filter(&filter)),
    };
    let listed = roles::BUILT_IN
        .iter()
        .filter(|role| wanted.is_none_or(|wanted| role.name.eq_ignore_ascii_case(wanted)));
    Ok(ArmResponse::list(listed.map(|role| role.shown_in(subscription)).collect()))
}

/// `GET .../roleDefinitions/{guid}`.
pub(super) fn get(subscription: &str, name: &str) -> Result<ArmResponse, ArmError> {
    let role = Uuid::parse_str(name).ok().and_then(roles::by_id);
    role.map(|role| ArmResponse::ok(role.shown_in(subscription))).ok_or_else(|| no_such_role(name))
}

/// The role that a definition's id names.
pub(super) fn role_of(definition_id: &str) -> Result<Uuid, ArmError> {
    let name = definition_id.rsplit('/').next().unwrap_or_default();
    let role = Uuid::parse_str(name).ok().filter(|id| roles::by_id(*id).is_some());
    role.ok_or_else(|| no_such_role(name))
}

fn no_such_role(name: &str) -> ArmError {
    ArmError::new(
        StatusCode::NOT_FOUND,
        "RoleDefinitionDoesNotExist",
        format!("The specified role definition with ID '{name}' does not exist."),
    )
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
