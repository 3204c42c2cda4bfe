//! A key of the vendor's own, in a vault of the vendor's tenant, that signs for the vendor: EC on P-256, with ES256.
//!
//! The managed identity itself signs; no application and no customer's tenant has to do with it. The vault's own challenge
//! must name the vendor's tenant before any token is asked for.

use azure_core::http::RequestContent;
use azure_ids::KeyUrl;
use azure_security_keyvault_keys::{
    KeyClient, KeyClientOptions,
    models::{
        CurveName, JsonWebKey, KeyClientGetKeyOptions, KeyClientSignOptions, KeyType, SignParameters,
        SignatureAlgorithm,
    },
};

use super::{API_VERSION, KeyVaultError, KeyVaultRefusal, challenge, missing, read_error};
use crate::{
    Transport, WorkloadIdentity,
    entra::{EntraError, EntraRefusal},
};

/// Signs with one key of the vendor's.
#[derive(Debug, Clone)]
pub struct SigningKey {
    transport: Transport,
    identity: WorkloadIdentity,
    key: KeyUrl,
}

/// The public half of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKeyVersion {
    /// Its URL, with the version.
    pub kid: KeyUrl,
    /// The point's coordinates, 32 bytes each.
    pub x: Vec<u8>,
    /// The second of them.
    pub y: Vec<u8>,
}

impl SigningKey {
    /// The key with this URL; its newest version, unless the URL names one.
    #[must_use]
    pub fn new(transport: &Transport, identity: &WorkloadIdentity, key: KeyUrl) -> Self {
        Self { transport: transport.clone(), identity: identity.clone(), key }
    }

    /// Reads the version that is to sign.
    ///
    /// # Errors
    /// As [`VerifiedVault::get_key`](super::VerifiedVault::get_key); [`KeyVaultRefusal::BadRequest`] for a key that is not
    /// EC on P-256.
    pub async fn version(&self) -> Result<SigningKeyVersion, KeyVaultError> {
        let client = self.client().await?;
        let options = KeyClientGetKeyOptions {
            key_version: self.key.version().map(str::to_owned),
            ..KeyClientGetKeyOptions::default()
        };
        let reply = self.transport.within_time_limit(async {
            client.get_key(self.key.name(), Some(options)).await.map_err(read_error)
        });
        let key = reply.await?.into_model().map_err(KeyVaultError::undecodable)?.key;
        read(key.ok_or_else(|| missing("key"))?)
    }

    /// Signs a SHA-256 with this version: r and s, 32 bytes each.
    ///
    /// # Errors
    /// As [`version`](Self::version).
    pub async fn sign(&self, version: &SigningKeyVersion, digest: &[u8]) -> Result<Vec<u8>, KeyVaultError> {
        let client = self.client().await?;
        let options = KeyClientSignOptions {
            key_version: version.kid.version().map(str::to_owned),
            ..KeyClientSignOptions::default()
        };
        let reply = self.transport.within_time_limit(async {
            let parameters =
                SignParameters { algorithm: Some(SignatureAlgorithm::Es256), value: Some(digest.to_vec()) };
            let parameters: RequestContent<SignParameters> =
                parameters.try_into().map_err(KeyVaultError::undecodable)?;
            client.sign(self.key.name(), parameters, Some(options)).await.map_err(read_error)
        });
        let signed = reply.await?.into_model().map_err(KeyVaultError::undecodable)?;
        signed.result.ok_or_else(|| missing("value"))
    }

    /// A client for the vault, once its challenge named the vendor's tenant.
    async fn client(&self) -> Result<KeyClient, KeyVaultError> {
        let expected = self.identity.settings().vendor_tenant;
        let challenge = self.transport.within_time_limit(challenge::ask(&self.transport, &self.key));
        let found = challenge.await?.tenant;
        if found != expected {
            return Err(KeyVaultError::Refused(KeyVaultRefusal::WrongTenant { expected, found }));
        }
        let options = KeyClientOptions {
            api_version: API_VERSION.to_owned(),
            client_options: self.transport.sdk_options(),
            ..KeyClientOptions::default()
        };
        KeyClient::new(&self.key.host().base_url(), self.identity.managed_identity(), Some(options))
            .map_err(|error| KeyVaultError::token(EntraError::Refused(EntraRefusal::Setup(error))))
    }
}

fn read(key: JsonWebKey) -> Result<SigningKeyVersion, KeyVaultError> {
    let JsonWebKey { kid, kty, crv, x, y, .. } = key;
    let is_elliptic = matches!(kty, Some(KeyType::Ec | KeyType::EcHsm));
    if !is_elliptic || crv != Some(CurveName::P256) {
        let message = "the key that signs evidence must be of type EC with the curve P-256".to_owned();
        return Err(KeyVaultError::Refused(KeyVaultRefusal::BadRequest {
            code: "KeyType".to_owned(),
            message,
        }));
    }
    let kid = kid.ok_or_else(|| missing("kid"))?.parse().map_err(KeyVaultError::undecodable)?;
    let (x, y) = (x.ok_or_else(|| missing("x"))?, y.ok_or_else(|| missing("y"))?);
    Ok(SigningKeyVersion { kid, x, y })
}
