//! What a directory holds: organisations, people, applications and service principals.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::options::Automation;

use super::policy::Policy;

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

impl ServicePrincipal {
    /// Whether this is the principal of the identity with this ARM id. ARM ids are compared without case.
    pub(crate) fn is_identity(&self, resource_id: &str) -> bool {
        let own = self.managed_identity.as_ref().map(|identity| identity.resource_id.as_str());
        own.is_some_and(|own| {
            own.trim_end_matches('/').eq_ignore_ascii_case(resource_id.trim_end_matches('/'))
        })
    }
}
