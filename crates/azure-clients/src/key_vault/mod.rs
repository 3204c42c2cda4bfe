//! The customer's vault: whose it is, what the key is like, and whether the key works for us.
//!
//! A vault is first asked without any token. Its challenge names the tenant that it trusts and its headers name its
//! region (Microsoft Learn, "Authentication, requests and responses" of Azure Key Vault), so that a vault of another
//! tenant is found out before it could receive anything of ours.

mod absence;
mod bundle;
mod challenge;
mod error;
mod signing_key;

use std::{fmt, sync::Arc};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use azure_core::{error::ErrorKind, http::RequestContent};
use azure_ids::{KeyUrl, Region, TenantId};
use azure_security_keyvault_keys::{
    KeyClient, KeyClientOptions,
    models::{
        EncryptionAlgorithm, KeyClientGetKeyOptions, KeyClientUnwrapKeyOptions, KeyClientWrapKeyOptions,
        KeyOperationParameters,
    },
};
use reqwest::Method;

pub use bundle::{KeyBundle, KeyType};
pub use challenge::Challenge;
use error::missing;
pub use error::{Forbidden, ForbiddenKind, KeyVaultError, KeyVaultRefusal};
pub use signing_key::{SigningKey, SigningKeyVersion};

use crate::{
    entra::{EntraError, EntraRefusal, VAULT_SCOPE, WorkloadIdentity, classify, find_entra_error},
    transport::{Outage, Transport},
};

/// Known to every cloud, and to managed HSMs too.
const API_VERSION: &str = "7.4";

/// What disks are wrapped with, and so what the key must be able to do.
const ALGORITHM: EncryptionAlgorithm = EncryptionAlgorithm::RsaOaep256;

/// Asks customers' vaults.
#[derive(Debug, Clone)]
pub struct KeyVault {
    transport: Transport,
    identity: WorkloadIdentity,
}

impl KeyVault {
    /// A client that acts as the vendor's application.
    #[must_use]
    pub fn new(transport: &Transport, identity: &WorkloadIdentity) -> Self {
        Self { transport: transport.clone(), identity: identity.clone() }
    }

    /// Asks a vault whose it is, without telling it who we are.
    ///
    /// # Errors
    /// [`KeyVaultRefusal::NoSuchVault`], [`KeyVaultRefusal::UntrustedChallenge`], [`KeyVaultRefusal::Forbidden`] for a vault
    /// that answers no strangers, [`KeyVaultError::Throttled`] or [`KeyVaultError::Unavailable`].
    pub async fn challenge(&self, key: &KeyUrl) -> Result<Challenge, KeyVaultError> {
        self.transport.within_time_limit(challenge::ask(&self.transport, key)).await
    }

    /// Opens the vault of a key, if it is a vault of this tenant. No token is asked for or sent yet.
    ///
    /// # Errors
    /// [`KeyVaultRefusal::WrongTenant`], and whatever [`challenge`](Self::challenge) answers.
    pub async fn verify(&self, tenant: TenantId, key: &KeyUrl) -> Result<VerifiedVault, KeyVaultError> {
        let challenge = self.challenge(key).await?;
        if challenge.tenant != tenant {
            return Err(KeyVaultError::Refused(KeyVaultRefusal::WrongTenant {
                expected: tenant,
                found: challenge.tenant,
            }));
        }
        let credential = self.identity.credential_in(tenant).map_err(KeyVaultError::token)?;
        let options = KeyClientOptions {
            api_version: API_VERSION.to_owned(),
            client_options: self.transport.sdk_options(),
            ..KeyClientOptions::default()
        };
        let client = KeyClient::new(&key.host().base_url(), credential, Some(options))
            .map_err(|error| KeyVaultError::token(EntraError::Refused(EntraRefusal::Setup(error))))?;
        let (transport, key) = (self.transport.clone(), key.clone());
        Ok(VerifiedVault { transport, key, challenge, client: Arc::new(client) })
    }

    /// Reads the newest version of a key whose vault was [verified](Self::verify) a short while ago: one call, without a
    /// challenge. Names of vaults change hands no sooner than their retention ends, and a vault of another tenant refuses
    /// the token.
    ///
    /// # Errors
    /// As [`VerifiedVault::get_key`].
    pub async fn glance(&self, tenant: TenantId, key: &KeyUrl) -> Result<KeyBundle, KeyVaultError> {
        self.glance_at_version(tenant, &key.without_version()).await
    }

    /// The same, at the version that the URL names.
    ///
    /// # Errors
    /// As [`VerifiedVault::get_key`].
    pub async fn glance_at_version(
        &self,
        tenant: TenantId,
        key: &KeyUrl,
    ) -> Result<KeyBundle, KeyVaultError> {
        let credential = self.identity.credential_in(tenant).map_err(KeyVaultError::token)?;
        self.transport
            .within_time_limit(async {
                let token = credential.get_token(&[VAULT_SCOPE], None).await;
                let token = token.map_err(|error| KeyVaultError::token(classify(error)))?;
                let url = challenge::address(key);
                let request = self.transport.request(Method::GET, &url).bearer_auth(token.token.secret());
                let reply = self.transport.send(request).await.map_err(KeyVaultError::Unavailable)?;
                if !reply.status.is_success() {
                    let status = reply.status.as_u16();
                    return Err(error::read(status, |name| reply.header(name), &reply.body));
                }
                let read = serde_json::from_slice(&reply.body).map_err(KeyVaultError::undecodable)?;
                KeyBundle::read(read, key)
            })
            .await
    }
}

/// A key in a vault whose own challenge named the tenant that we expect.
///
/// The only way to send a token to a vault: it can only be had from [`KeyVault::verify`], and it only ever speaks to
/// the host, and about the key, that it was verified for. Made for one run: it keeps its token, which after a renewed
/// consent is the token of a service principal that is gone.
#[derive(Clone)]
pub struct VerifiedVault {
    transport: Transport,
    key: KeyUrl,
    challenge: Challenge,
    client: Arc<KeyClient>,
}

impl fmt::Debug for VerifiedVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedVault")
            .field("key", &self.key)
            .field("challenge", &self.challenge)
            .finish_non_exhaustive()
    }
}

/// 32 random bytes under the customer's key, with the bytes that must come out again.
pub struct Wrapped {
    version: KeyUrl,
    plain: [u8; 32],
    wrapped: Vec<u8>,
}

impl fmt::Debug for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wrapped").field("version", &self.version).finish_non_exhaustive()
    }
}

impl VerifiedVault {
    /// The tenant that the vault trusts.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.challenge.tenant
    }

    /// The region that the vault says it is in.
    #[must_use]
    pub fn region(&self) -> Option<&Region> {
        self.challenge.region.as_ref()
    }

    /// The whole challenge.
    #[must_use]
    pub fn challenge(&self) -> &Challenge {
        &self.challenge
    }

    /// The same vault, for another version of the key; `None` for another key.
    #[must_use]
    pub fn for_version(&self, version: &KeyUrl) -> Option<Self> {
        self.key.is_same_key(version).then(|| Self { key: version.clone(), ..self.clone() })
    }

    /// Reads the key: the version that the URL named, or else the latest.
    ///
    /// # Errors
    /// [`KeyVaultRefusal::KeyNotFound`], [`KeyVaultRefusal::Forbidden`] while the grant is missing or spreads, and the rest.
    pub async fn get_key(&self) -> Result<KeyBundle, KeyVaultError> {
        let options = KeyClientGetKeyOptions {
            key_version: self.key.version().map(str::to_owned),
            ..KeyClientGetKeyOptions::default()
        };
        let reply = self.transport.within_time_limit(async {
            self.client.get_key(self.key.name(), Some(options)).await.map_err(read_error)
        });
        let key = reply.await?.into_model().map_err(KeyVaultError::undecodable)?;
        KeyBundle::read(key, &self.key)
    }

    /// Wraps 32 random bytes with this version of the key (RSA-OAEP-256), as a disk encryption set does with the keys
    /// of its disks. Changes nothing in the vault; the customer's audit log shows a `KeyWrap` by our application.
    ///
    /// # Errors
    /// As [`get_key`](Self::get_key); [`KeyVaultRefusal::BadRequest`] for a key that cannot wrap.
    pub async fn wrap(&self, bundle: &KeyBundle) -> Result<Wrapped, KeyVaultError> {
        let mut plain = [0; 32];
        SystemRandom::new()
            .fill(&mut plain)
            .map_err(|_| KeyVaultError::Refused(KeyVaultRefusal::NoRandomness))?;
        let options = KeyClientWrapKeyOptions {
            key_version: Some(bundle.version().to_owned()),
            ..KeyClientWrapKeyOptions::default()
        };
        let reply = self.transport.within_time_limit(async {
            let parameters = parameters(plain.to_vec())?;
            self.client.wrap_key(self.key.name(), parameters, Some(options)).await.map_err(read_error)
        });
        let result = reply.await?.into_model().map_err(KeyVaultError::undecodable)?;
        let wrapped = result.result.ok_or_else(|| missing("value"))?;
        Ok(Wrapped { version: bundle.kid.clone(), plain, wrapped })
    }

    /// Unwraps what [`wrap`](Self::wrap) wrapped, and checks that the same bytes come out.
    ///
    /// # Errors
    /// As [`wrap`](Self::wrap); [`KeyVaultRefusal::RoundTripDiffers`] if other bytes come out.
    pub async fn unwrap(&self, wrapped: &Wrapped) -> Result<(), KeyVaultError> {
        let version = wrapped.version.version().unwrap_or_default();
        let reply = self.transport.within_time_limit(async {
            let parameters = parameters(wrapped.wrapped.clone())?;
            let options = KeyClientUnwrapKeyOptions::default();
            self.client
                .unwrap_key(self.key.name(), version, parameters, Some(options))
                .await
                .map_err(read_error)
        });
        let result = reply.await?.into_model().map_err(KeyVaultError::undecodable)?;
        let plain = result.result.ok_or_else(|| missing("value"))?;
        if plain == wrapped.plain {
            Ok(())
        } else {
            Err(KeyVaultError::Refused(KeyVaultRefusal::RoundTripDiffers))
        }
    }
}

fn parameters(value: Vec<u8>) -> Result<RequestContent<KeyOperationParameters>, KeyVaultError> {
    let parameters = KeyOperationParameters {
        algorithm: Some(ALGORITHM),
        value: Some(value),
        ..KeyOperationParameters::default()
    };
    parameters.try_into().map_err(KeyVaultError::undecodable)
}

/// Reads the error of an SDK call: the identity's, the vault's, or nobody's.
fn read_error(error: azure_core::Error) -> KeyVaultError {
    let error = match find_entra_error(error) {
        Ok(entra) => return KeyVaultError::token(entra),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::HttpResponse { status, raw_response: Some(response), .. } => {
            let header = |name: &str| {
                let name = azure_core::http::headers::HeaderName::from(name.to_owned());
                response.headers().get_optional_str(&name)
            };
            error::read(u16::from(*status), header, response.body().as_ref())
        }
        ErrorKind::Connection | ErrorKind::Io => KeyVaultError::Unavailable(Outage::Sdk(error)),
        ErrorKind::DataConversion => KeyVaultError::undecodable(error),
        // Everything else is the SDK refusing the challenge that it got.
        _ => KeyVaultError::Refused(KeyVaultRefusal::UntrustedChallenge(
            "the vault's second challenge differs from its first",
        )),
    }
}
