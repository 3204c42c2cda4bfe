//! Tokens of the vendor's multi-tenant application in a customer's tenant, without any secret.
//!
//! A user-assigned managed identity gets a token for `api://AzureADTokenExchange`; that token is the assertion with
//! which the application asks a customer's tenant for a token of its own (Microsoft Learn, "Configure an application
//! to trust a managed identity"). That this works in a tenant *is* the proof that the tenant's administrator
//! consented: nothing that a browser says can replace it.

mod error;
mod kept;
mod managed_identity;
mod token;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use azure_core::{
    credentials::{TokenCredential, TokenRequestOptions},
    error::ErrorKind,
    http::{
        ClientMethodOptions, Context, Request,
        policies::{Policy, PolicyResult},
    },
};
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId,
};
use azure_ids::{ApplicationId, ObjectId, TenantId};

pub use crate::entra_refusal::{EntraRefusal, TenantPolicy};
pub use error::EntraError;
pub(crate) use error::{classify, find_entra_error};

use crate::clock::Clock;
use crate::transport::Transport;
use kept::Kept;
use managed_identity::ManagedIdentity;

/// The audience of the assertion in Azure's public cloud.
const EXCHANGE_SCOPE: &str = "api://AzureADTokenExchange/.default";

/// What the application asks for in a customer's tenant.
pub(crate) const VAULT_SCOPE: &str = "https://vault.azure.net/.default";

/// Who we are in Azure.
#[derive(Debug, Clone)]
pub struct IdentitySettings {
    /// The multi-tenant application that customers consent to.
    pub application_id: ApplicationId,
    /// The tenant that the application and the managed identity are at home in.
    pub vendor_tenant: TenantId,
    /// The client id of the user-assigned managed identity that the application trusts.
    ///
    /// Never taken from `AZURE_CLIENT_ID`: the Functions host and the SDK's default chains read that one too.
    pub managed_identity_client_id: ApplicationId,
}

/// The vendor's identity: the managed identity, and the application in any tenant that consented to it.
///
/// Cloning is cheap; clones share their cached tokens.
#[derive(Clone)]
pub struct WorkloadIdentity(Arc<Inner>);

struct Inner {
    settings: IdentitySettings,
    transport: Transport,
    clock: Arc<dyn Clock>,
    managed_identity: Arc<dyn TokenCredential>,
    /// One credential a tenant. Each keeps its own tokens and renews them five minutes before they expire.
    in_tenants: Mutex<HashMap<TenantId, Kept>>,
}

impl fmt::Debug for WorkloadIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkloadIdentity").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl WorkloadIdentity {
    /// The identity that Azure gives this process, found by `IDENTITY_ENDPOINT` and `IDENTITY_HEADER` as App Service
    /// and Functions set them, or by the machine's metadata endpoint without them.
    ///
    /// # Errors
    /// [`EntraRefusal::Setup`] when the environment describes an endpoint that cannot be used.
    pub fn new(
        settings: IdentitySettings,
        transport: &Transport,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, EntraError> {
        let options = ManagedIdentityCredentialOptions {
            user_assigned_id: Some(UserAssignedId::ClientId(settings.managed_identity_client_id.to_string())),
            client_options: identity_options(transport),
        };
        let make = move || -> azure_core::Result<Arc<dyn TokenCredential>> {
            Ok(ManagedIdentityCredential::new(Some(options.clone()))?)
        };
        let managed_identity = ManagedIdentity::new(Box::new(make), clock.clone()).map_err(set_up)?;
        Ok(Self::of(settings, transport, managed_identity, clock))
    }

    /// An identity whose assertions come from this credential instead of the process environment.
    #[must_use]
    pub fn with_managed_identity(
        settings: IdentitySettings,
        transport: &Transport,
        managed_identity: Arc<dyn TokenCredential>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let managed_identity = ManagedIdentity::of(managed_identity, clock.clone());
        Self::of(settings, transport, managed_identity, clock)
    }

    fn of(
        settings: IdentitySettings,
        transport: &Transport,
        managed_identity: ManagedIdentity,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (transport, managed_identity) = (transport.clone(), Arc::new(managed_identity));
        Self(Arc::new(Inner { settings, transport, clock, managed_identity, in_tenants: Mutex::default() }))
    }

    /// Proves that a tenant consented, by getting a new vault token of the application there.
    ///
    /// Returns the object id of the application's service principal in that tenant: the id that the customer's grant
    /// must name. Tokens cached before are not asked, because they outlive a revoked consent by hours.
    ///
    /// # Errors
    /// Why there is no token. [`EntraRefusal::WrongTenant`] if the token is of another tenant than the one asked for.
    pub async fn prove_consent(&self, tenant: TenantId) -> Result<ObjectId, EntraError> {
        let fresh = self.new_credential_in(tenant)?;
        let proof = self.0.transport.within_time_limit(async {
            let token = fresh.get_token(&[VAULT_SCOPE], None).await.map_err(classify)?;
            token::service_principal(token.token.secret(), tenant)
        });
        match proof.await {
            Ok(service_principal) => {
                self.remember(tenant, Some(fresh));
                Ok(service_principal)
            }
            Err(error) => {
                if matches!(
                    error,
                    EntraError::Refused(EntraRefusal::ConsentMissing { .. })
                        | EntraError::Refused(EntraRefusal::ApplicationDisabled { .. })
                        | EntraError::Refused(EntraRefusal::PolicyBlocks { .. })
                ) {
                    self.remember(tenant, None);
                }
                Err(error)
            }
        }
    }

    /// The managed identity itself: what calls ARM and Service Bus.
    #[must_use]
    pub fn managed_identity(&self) -> Arc<dyn TokenCredential> {
        self.0.managed_identity.clone()
    }

    /// The settings that this identity was made with.
    #[must_use]
    pub fn settings(&self) -> &IdentitySettings {
        &self.0.settings
    }

    /// The application in a tenant, with its cached tokens.
    ///
    /// Not public: whoever holds it can send the tenant's token anywhere.
    pub(crate) fn credential_in(&self, tenant: TenantId) -> Result<Arc<dyn TokenCredential>, EntraError> {
        let known = self.0.in_tenants.lock().unwrap_or_else(PoisonError::into_inner).get(&tenant).cloned();
        match known.and_then(|kept| kept.usable(&*self.0.clock)) {
            Some(credential) => Ok(credential),
            None => {
                let credential = self.new_credential_in(tenant)?;
                self.remember(tenant, Some(credential.clone()));
                Ok(credential)
            }
        }
    }

    fn new_credential_in(&self, tenant: TenantId) -> Result<Arc<dyn TokenCredential>, EntraError> {
        let options =
            ClientAssertionCredentialOptions { client_options: identity_options(&self.0.transport) };
        let credential = ClientAssertionCredential::new(
            tenant.to_string(),
            self.0.settings.application_id.to_string(),
            Assertion(self.0.managed_identity.clone()),
            Some(options),
        );
        Ok(credential.map_err(set_up)?)
    }

    fn remember(&self, tenant: TenantId, credential: Option<Arc<dyn TokenCredential>>) {
        let mut in_tenants = self.0.in_tenants.lock().unwrap_or_else(PoisonError::into_inner);
        match credential {
            Some(credential) => in_tenants.insert(tenant, Kept::new(credential, &*self.0.clock)),
            None => in_tenants.remove(&tenant),
        };
    }
}

fn set_up(error: azure_core::Error) -> EntraError {
    EntraError::Refused(EntraRefusal::Setup(error))
}

/// The managed identity's token as a client assertion.
#[derive(Debug)]
struct Assertion(Arc<dyn TokenCredential>);

#[async_trait::async_trait]
impl ClientAssertion for Assertion {
    async fn secret(&self, options: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let options = options.map(|method_options| TokenRequestOptions { method_options });
        Ok(self.0.get_token(&[EXCHANGE_SCOPE], options).await?.token.secret().to_owned())
    }
}

/// Pipeline options for the identity endpoints.
fn identity_options(transport: &Transport) -> azure_core::http::ClientOptions {
    let mut options = transport.sdk_options();
    options.per_try_policies.push(Arc::new(KeepRefusals));
    options
}

/// Keeps status, headers and body of every refusal.
///
/// `azure_identity` reads a refusal's body as JSON before anything else, so that the status and the `Retry-After` of,
/// say, a gateway's 503 with an HTML page would be lost.
#[derive(Debug)]
struct KeepRefusals;

#[async_trait::async_trait]
impl Policy for KeepRefusals {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        // The pipeline always ends in its transport policy, so there is one after this.
        let response = next[0].send(ctx, request, &next[1..]).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let raw = response.try_into_raw_response().await?;
        let kind = ErrorKind::HttpResponse {
            status: raw.status(),
            error_code: None,
            raw_response: Some(Box::new(raw)),
        };
        Err(azure_core::Error::with_message(kind, "the identity endpoint refused"))
    }
}
