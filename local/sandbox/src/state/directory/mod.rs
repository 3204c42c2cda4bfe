//! The directories of all organisations: their people, applications, service principals and identities.
//!
//! One application object lives in its home tenant; a service principal stands for it in every tenant that lets
//! it in. A managed identity is a service principal without an application object.

mod deleted;
mod deleting;
mod objects;
mod policy;
mod sign_ins;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::options::Lags;
use crate::tracked::Tracked;

pub(crate) use deleted::{Deleted, DeletedObject};
pub(crate) use objects::{
    Application, ClientSecret, FederatedCredential, ManagedIdentity, ServicePrincipal, Tenant, User,
};
pub(crate) use policy::Policy;
pub(crate) use sign_ins::{CODE_LIFETIME, Code, DEVICE_LIFETIME, Device, DeviceAnswer, Person, SignIns};

/// Everything Entra remembers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Directory {
    pub(crate) vendor: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) tenants: Tracked<Uuid, Tenant>,
    /// By object id.
    pub(crate) applications: Tracked<Uuid, Application>,
    /// By object id.
    pub(crate) service_principals: Tracked<Uuid, ServicePrincipal>,
    /// What was deleted and can still be restored, by object id.
    #[serde(default)]
    pub(crate) deleted: Tracked<Uuid, Deleted>,
    #[serde(default)]
    pub(crate) sign_ins: SignIns,
    /// Private keys and secrets of the sandbox itself; they survive a restart so that issued tokens stay valid.
    pub(crate) secrets: DirectorySecrets,
}

/// What must never be printed.
#[derive(Serialize, Deserialize)]
pub(crate) struct DirectorySecrets {
    /// The token signing key: PKCS #8, base64.
    pub(crate) signing_key: String,
    /// What a caller of the managed identity endpoint must send as `X-IDENTITY-HEADER`.
    pub(crate) identity_header: String,
}

impl std::fmt::Debug for DirectorySecrets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("DirectorySecrets")
    }
}

impl Directory {
    /// The tenant that a path segment names: by id or by verified domain.
    pub(crate) fn tenant_named(&self, name: &str) -> Option<&Tenant> {
        match Uuid::parse_str(name) {
            Ok(id) => self.tenants.get(&id),
            Err(_) => self.tenants.values().find(|tenant| tenant.domain.eq_ignore_ascii_case(name)),
        }
    }

    /// The tenant that a subscription trusts.
    pub(crate) fn tenant_of_subscription(&self, subscription: Uuid) -> Option<&Tenant> {
        self.tenants.values().find(|tenant| tenant.has_subscription(subscription))
    }

    pub(crate) fn application_by_app_id(&self, app_id: Uuid) -> Option<&Application> {
        self.applications.values().find(|application| application.app_id == app_id)
    }

    pub(crate) fn service_principal_of(&self, tenant: Uuid, app_id: Uuid) -> Option<&ServicePrincipal> {
        self.service_principals
            .values()
            .find(|principal| principal.tenant == tenant && principal.app_id == app_id)
    }

    /// The service principal, managed identity or not, with this object id in this tenant.
    pub(crate) fn service_principal(&self, tenant: Uuid, object_id: Uuid) -> Option<&ServicePrincipal> {
        self.service_principals.get(&object_id).filter(|principal| principal.tenant == tenant)
    }

    /// The user with this object id in this tenant.
    pub(crate) fn user(&self, tenant: Uuid, object_id: Uuid) -> Option<&User> {
        self.tenants.get(&tenant)?.users.get(&object_id)
    }

    /// Lets an application into a tenant. Gives the service principal, new or already there.
    pub(crate) fn let_application_in(
        &mut self,
        tenant: Uuid,
        application: &Application,
        now: OffsetDateTime,
        lags: &Lags,
    ) -> ServicePrincipal {
        if let Some(principal) = self.service_principal_of(tenant, application.app_id) {
            return principal.clone();
        }
        let principal = ServicePrincipal {
            object_id: Uuid::new_v4(),
            tenant,
            app_id: application.app_id,
            display_name: application.display_name().to_owned(),
            enabled: true,
            approved: false,
            created_at: now,
            usable_from: now + lags.service_principal,
            managed_identity: None,
        };
        self.service_principals.insert(principal.object_id, principal.clone());
        principal
    }

    /// Remembers that an administrator approved an application on the consent page.
    pub(crate) fn approve(&mut self, service_principal: Uuid) {
        if let Some(principal) = self.service_principals.get_mut(&service_principal) {
            principal.approved = true;
        }
    }

    /// Gives a new user-assigned identity its principal. `object_id` is its principal id, `app_id` its client id.
    pub(crate) fn add_managed_identity(
        &mut self,
        tenant: Uuid,
        name: &str,
        resource_id: &str,
        now: OffsetDateTime,
    ) -> ServicePrincipal {
        let principal = ServicePrincipal {
            object_id: Uuid::new_v4(),
            tenant,
            app_id: Uuid::new_v4(),
            display_name: name.to_owned(),
            enabled: true,
            approved: false,
            created_at: now,
            usable_from: now,
            managed_identity: Some(ManagedIdentity { resource_id: resource_id.to_owned(), attached: false }),
        };
        self.service_principals.insert(principal.object_id, principal.clone());
        principal
    }

    /// Removes the principal of a deleted identity.
    pub(crate) fn remove_managed_identity(&mut self, resource_id: &str) {
        self.service_principals.retain(|_, principal| !principal.is_identity(resource_id));
    }

    /// The principal of a user-assigned identity.
    pub(crate) fn managed_identity(&self, resource_id: &str) -> Option<&ServicePrincipal> {
        self.service_principals.values().find(|principal| principal.is_identity(resource_id))
    }

    /// Lets the function app use an identity. False when there is no such identity.
    pub(crate) fn attach_identity(&mut self, resource_id: &str) -> bool {
        let identity = self
            .service_principals
            .values_mut()
            .filter(|principal| principal.is_identity(resource_id))
            .find_map(|principal| principal.managed_identity.as_mut());
        identity.map(|identity| identity.attached = true).is_some()
    }
}
