//! Applications and service principals that were deleted: kept for thirty days, in which they can be restored.
//!
//! Source: Microsoft Learn, "Restore deleted item (directory object)".

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::Directory;
use super::deleted::{Deleted, DeletedObject};

const KEPT_FOR: Duration = Duration::days(30);

impl Directory {
    /// Deletes an application. Its service principal at home goes with it; those in other tenants stay behind and are of
    /// no use while it is gone.
    pub(crate) fn delete_application(&mut self, object_id: Uuid, at: OffsetDateTime) {
        let Some(application) = self.applications.remove(&object_id) else { return };
        let at_home = self.service_principal_of(application.tenant, application.app_id);
        if let Some(id) = at_home.map(|principal| principal.object_id) {
            self.delete_service_principal(id, at);
        }
        self.deleted.insert(object_id, Deleted { at, object: DeletedObject::Application(application) });
    }

    /// Deletes a service principal: its tenant takes its consent back.
    pub(crate) fn delete_service_principal(&mut self, object_id: Uuid, at: OffsetDateTime) {
        if let Some(principal) = self.service_principals.remove(&object_id) {
            self.deleted
                .insert(object_id, Deleted { at, object: DeletedObject::ServicePrincipal(principal) });
        }
    }

    /// What a tenant has deleted and can still restore, by object id.
    pub(crate) fn deleted_in(
        &self,
        tenant: Uuid,
        now: OffsetDateTime,
    ) -> impl Iterator<Item = (Uuid, &Deleted)> {
        self.deleted
            .iter()
            .filter(move |(_, deleted)| deleted.object.tenant() == tenant && now < deleted.at + KEPT_FOR)
            .map(|(id, deleted)| (*id, deleted))
    }

    /// Brings a deleted object back as it was. An application comes without its service principal.
    pub(crate) fn restore(&mut self, object_id: Uuid) {
        match self.deleted.remove(&object_id).map(|deleted| deleted.object) {
            Some(DeletedObject::Application(application)) => {
                self.applications.insert(object_id, application);
            }
            Some(DeletedObject::ServicePrincipal(principal)) => {
                self.service_principals.insert(object_id, principal);
            }
            None => {}
        }
    }
}
