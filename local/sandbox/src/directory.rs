//! The directories of all organisations: their people, applications, service principals and identities.
//!
//! One application object lives in its home tenant; a service principal stands for it in every tenant that lets
//! it in. A managed identity is a service principal without an application object.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::deleted::Deleted;
use crate::entra::{Policy, SignIns};
use crate::options::{Automation, Lags};
use crate::tracked::Tracked;

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

/// One organisation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Tenant {
    pub(crate) tenant_id: Uuid,
    pub(crate) display_name: String,
    pub(crate) domain: String,
    pub(crate) subscription_id: Uuid,
    /// Further subscriptions that trust this directory, by id, with what they are called.
    #[serde(default)]
    pub(crate) more_subscriptions: BTreeMap<Uuid, String>,
    pub(crate) region: String,
    pub(crate) administrator: Automation,
    /// Object id of the administrator's service principal: Owner of the subscription.
    pub(crate) administrator_principal: Uuid,
    /// Object id of the person who may consent for the organisation.
    pub(crate) administrator_user: Uuid,
    /// Object id of a person who may not.
    pub(crate) ordinary_user: Uuid,
    /// By object id.
    pub(crate) users: BTreeMap<Uuid, User>,
    /// Object ids of the users and service principals that may write this directory and consent for it.
    pub(crate) directory_administrators: BTreeSet<Uuid>,
    /// What its administrators forbid.
    #[serde(default)]
    pub(crate) policies: BTreeSet<Policy>,
}

impl Tenant {
    /// Every subscription that trusts this directory: its id and what it is called.
    pub(crate) fn subscriptions(&self) -> impl Iterator<Item = (Uuid, String)> + '_ {
        let first = (self.subscription_id, format!("{} subscription", self.display_name));
        let more = self.more_subscriptions.iter().map(|(id, name)| (*id, name.clone()));
        std::iter::once(first).chain(more)
    }

    /// Whether a subscription trusts this directory.
    pub(crate) fn has_subscription(&self, subscription: Uuid) -> bool {
        self.subscription_id == subscription || self.more_subscriptions.contains_key(&subscription)
    }
}

/// One person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) object_id: Uuid,
    pub(crate) display_name: String,
    pub(crate) user_principal_name: String,
}

/// An application registration.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Application {
    pub(crate) object_id: Uuid,
    pub(crate) app_id: Uuid,
    /// The tenant that owns it.
    pub(crate) tenant: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) created_at: OffsetDateTime,
    /// The properties that a client of Graph may write, as Graph shows them.
    pub(crate) properties: Map<String, Value>,
    pub(crate) secrets: Vec<ClientSecret>,
    pub(crate) federated_credentials: Vec<FederatedCredential>,
}

impl Application {
    /// A registration as Graph makes it when the request says nothing.
    ///
    /// `AzureADMyOrg` is the default since 2025; it was another one before.
    pub(crate) fn new(tenant: Uuid, now: OffsetDateTime) -> Self {
        let mut application = Self {
            object_id: Uuid::new_v4(),
            app_id: Uuid::new_v4(),
            tenant,
            created_at: now,
            properties: Map::new(),
            secrets: Vec::new(),
            federated_credentials: Vec::new(),
        };
        application.set("signInAudience", "AzureADMyOrg".into());
        application
    }

    /// Sets a property that Graph lets clients write.
    pub(crate) fn set(&mut self, property: &str, value: Value) {
        self.properties.insert(property.to_owned(), value);
    }

    /// Whether other tenants than its own may have a service principal of it.
    pub(crate) fn is_multi_tenant(&self) -> bool {
        matches!(self.text("signInAudience"), "AzureADMultipleOrgs" | "AzureADandPersonalMicrosoftAccount")
    }

    pub(crate) fn display_name(&self) -> &str {
        self.text("displayName")
    }

    /// Whether an answer may be sent to this address: it is compared whole, as Entra does.
    pub(crate) fn has_redirect_uri(&self, uri: &str) -> bool {
        self.properties
            .get("web")
            .and_then(|web| web.get("redirectUris"))
            .and_then(Value::as_array)
            .is_some_and(|uris| uris.iter().any(|registered| registered == uri))
    }

    fn text(&self, property: &str) -> &str {
        self.properties.get(property).and_then(Value::as_str).unwrap_or_default()
    }
}

/// A client secret, kept only as its SHA-256.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ClientSecret {
    pub(crate) key_id: Uuid,
    pub(crate) display_name: Option<String>,
    pub(crate) hint: String,
    pub(crate) sha256: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) start: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) end: OffsetDateTime,
}

/// Whose assertions an application accepts in place of a secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FederatedCredential {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) description: Option<String>,
    /// When the token endpoint begins to know it.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) usable_from: OffsetDateTime,
}

/// An application, or a managed identity, inside one tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServicePrincipal {
    pub(crate) object_id: Uuid,
    pub(crate) tenant: Uuid,
    pub(crate) app_id: Uuid,
    pub(crate) display_name: String,
    pub(crate) enabled: bool,
    /// Whether an administrator approved it on the consent page.
    #[serde(default)]
    pub(crate) approved: bool,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) created_at: OffsetDateTime,
    /// When the token endpoint begins to know it.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) usable_from: OffsetDateTime,
    /// Present when this is a user-assigned managed identity.
    pub(crate) managed_identity: Option<ManagedIdentity>,
}

/// What is special about the service principal of a user-assigned managed identity.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ManagedIdentity {
    /// The ARM id of the identity resource, in the spelling it was made with.
    pub(crate) resource_id: String,
    /// Whether the function app of the sandbox may use it.
    pub(crate) attached: bool,
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

impl ServicePrincipal {
    /// Whether this is the principal of the identity with this ARM id. ARM ids are compared without case.
    pub(crate) fn is_identity(&self, resource_id: &str) -> bool {
        let own = self.managed_identity.as_ref().map(|identity| identity.resource_id.as_str());
        own.is_some_and(|own| {
            own.trim_end_matches('/').eq_ignore_ascii_case(resource_id.trim_end_matches('/'))
        })
    }
}
