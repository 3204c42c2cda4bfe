//! Microsoft.Resources: what there is, of whatever type: `GET .../resources`.

use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::resources::described::DESCRIBED_TYPES;

use super::error::ArmError;
use super::limits;
use super::request::{ArmRequest, ArmResponse};
use super::resource::PROVIDERS;
use super::role_definitions::{quoted_after, unsupported_filter};

/// Every resource within a scope. `$filter` may say `resourceType eq '...'` and `name eq '...'`, joined by `and`.
pub(super) fn list(cloud: &Cloud, request: &ArmRequest, scope: &str) -> Result<ArmResponse, ArmError> {
    let filter = request.query.get("$filter").map(String::as_str).unwrap_or_default();
    let conditions = parse_filter(filter)?;
    let listed = PROVIDERS.iter().filter(|registered| registered.resource_type.is_listed);
    let simulated = listed.flat_map(|registered| registered.list(cloud, scope));
    let described = DESCRIBED_TYPES.iter().filter(|known| known.is_listed());
    let resources =
        simulated.chain(described.flat_map(|known| cloud.read(|state| known.list(&state.arm, scope))));
    let wanted = |resource: &Value| {
        conditions.iter().all(|(property, value)| {
            resource[*property].as_str().is_some_and(|found| found.eq_ignore_ascii_case(value))
        })
    };
    let list = ArmResponse::list(resources.filter(wanted).map(|resource| generic(&resource)).collect());
    limits::page(cloud, request, list)
}

/// The fields that all types have.
fn generic(resource: &Value) -> Value {
    let mut shown = json!({});
    for field in ["id", "name", "type", "location", "tags", "sku"] {
        if let Some(value) = resource.get(field) {
            shown[field] = value.clone();
        }
    }
    shown
}

fn parse_filter(filter: &str) -> Result<Vec<(&'static str, &str)>, ArmError> {
    let parts = filter.split(" and ").map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let resource_type = quoted_after(part, "resourceType eq ").map(|value| ("type", value));
            let name = || quoted_after(part, "name eq ").map(|value| ("name", value));
            resource_type.or_else(name).ok_or_else(|| unsupported_filter(filter))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_or_refused() {
        assert_eq!(parse_filter("").unwrap(), []);
        assert_eq!(
            parse_filter("resourceType eq 'Microsoft.KeyVault/vaults' and name eq 'kv'").unwrap(),
            [("type", "Microsoft.KeyVault/vaults"), ("name", "kv")]
        );
        assert_eq!(parse_filter("tagName eq 'x'").unwrap_err().code, "UnsupportedQuery");
    }
}
