//! Directory objects of any kind, by their ids: `/directoryObjects/getByIds`.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::state::directory::Directory;

use super::fault::GraphFault;
use super::request::{GraphRequest, GraphResponse};
use super::shapes;

/// What is found of the ids; the others are left out without a word. Every object says its type.
pub(super) fn by_ids(cloud: &Cloud, request: &GraphRequest) -> Result<GraphResponse, GraphFault> {
    let given = request.object()?;
    shapes::check_properties(given, &json!({"ids": [], "types": []}))?;
    let texts = |property: &str| -> Vec<&str> {
        given
            .get(property)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    };
    let types = texts("types");
    let ids: Vec<Uuid> = texts("ids")
        .into_iter()
        .map(|id| {
            Uuid::parse_str(id).map_err(|_| GraphFault::bad_request(format!("Invalid object id '{id}'.")))
        })
        .collect::<Result<_, _>>()?;
    if ids.is_empty() {
        return Err(GraphFault::bad_request("A value is required for parameter 'ids'."));
    }
    cloud.read(|state| {
        let found = ids
            .iter()
            .filter_map(|id| object(&state.directory, request.caller.tenant, *id))
            .filter(|(kind, _)| {
                types.is_empty() || types.contains(kind) || types.contains(&"directoryObject")
            })
            .map(|(kind, mut object)| {
                object["@odata.type"] = format!("#microsoft.graph.{kind}").into();
                object
            })
            .collect();
        request.collection("directoryObjects", found).map(GraphResponse::Found)
    })
}

fn object(directory: &Directory, tenant: Uuid, id: Uuid) -> Option<(&'static str, Value)> {
    if let Some(principal) = directory.service_principal(tenant, id) {
        return Some(("servicePrincipal", shapes::service_principal(directory, principal)));
    }
    if let Some(user) = directory.user(tenant, id) {
        return Some(("user", shapes::user(user)));
    }
    let application = directory.applications.get(&id).filter(|application| application.tenant == tenant)?;
    Some(("application", shapes::application(directory, application)))
}
