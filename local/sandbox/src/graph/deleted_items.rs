//! What was deleted and can be restored: `/directory/deletedItems`.
//!
//! Source: Microsoft Learn, "directory resource type: deletedItems".

use serde_json::{Value, json};
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::state::directory::{Deleted, DeletedObject, Directory};

use super::fault::GraphFault;
use super::request::{GraphRequest, GraphResponse};
use super::shapes;

/// The deleted objects of one kind, such as `microsoft.graph.application`.
pub(super) fn list(cloud: &Cloud, request: &GraphRequest, kind: &str) -> Result<GraphResponse, GraphFault> {
    cloud.read(|state| {
        let directory = &state.directory;
        let found = directory
            .deleted_in(request.caller.tenant, request.now)
            .filter(|(_, deleted)| kind_of(&deleted.object) == kind)
            .map(|(_, deleted)| shown(directory, deleted))
            .collect();
        request.collection("directoryObjects", found).map(GraphResponse::Found)
    })
}

pub(super) fn show(cloud: &Cloud, request: &GraphRequest, key: &str) -> Result<GraphResponse, GraphFault> {
    cloud.read(|state| {
        let (_, deleted) = find(&state.directory, request, key)?;
        Ok(GraphResponse::Found(request.entity("directoryObjects", shown(&state.directory, deleted))))
    })
}

/// Brings it back. For an application that is not its service principal, which is restored by itself.
pub(super) fn restore(cloud: &Cloud, request: &GraphRequest, key: &str) -> Result<GraphResponse, GraphFault> {
    cloud.change(|state| {
        let directory = &mut state.directory;
        let (id, deleted) = find(directory, request, key)?;
        let mut restored = shown(directory, deleted);
        restored["deletedDateTime"] = Value::Null;
        if let DeletedObject::ServicePrincipal(principal) = &deleted.object
            && directory.service_principal_of(principal.tenant, principal.app_id).is_some()
        {
            return Err(GraphFault::name_in_use(&principal.app_id.to_string()));
        }
        directory.restore(id);
        Ok(GraphResponse::Found(request.entity("directoryObjects", restored)))
    })
}

/// Forgets it for good.
pub(super) fn purge(cloud: &Cloud, request: &GraphRequest, key: &str) -> Result<GraphResponse, GraphFault> {
    cloud.change(|state| {
        let (id, _) = find(&state.directory, request, key)?;
        state.directory.deleted.remove(&id);
        Ok(GraphResponse::Done)
    })
}

fn find<'a>(
    directory: &'a Directory,
    request: &GraphRequest,
    key: &str,
) -> Result<(Uuid, &'a Deleted), GraphFault> {
    let wanted = Uuid::parse_str(key).ok();
    directory
        .deleted_in(request.caller.tenant, request.now)
        .find(|(id, _)| Some(*id) == wanted)
        .ok_or_else(|| GraphFault::not_found(key))
}

fn kind_of(object: &DeletedObject) -> &'static str {
    match object {
        DeletedObject::Application(_) => "microsoft.graph.application",
        DeletedObject::ServicePrincipal(_) => "microsoft.graph.servicePrincipal",
    }
}

fn shown(directory: &Directory, deleted: &Deleted) -> Value {
    let mut shown = match &deleted.object {
        DeletedObject::Application(application) => shapes::application(directory, application),
        DeletedObject::ServicePrincipal(principal) => shapes::service_principal(directory, principal),
    };
    shown["@odata.type"] = json!(format!("#{}", kind_of(&deleted.object)));
    shown["deletedDateTime"] = json!(shapes::moment(deleted.at));
    shown
}
