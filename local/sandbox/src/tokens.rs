//! Access tokens: one RS256 key signs them all, and every service of the sandbox checks them against it.
//!
//! Claims follow Microsoft's access token reference: version 1.0 claims for Azure's own resources (issuer
//! `https://sts.windows.net/{tenant}/`), version 2.0 issuer for a managed identity's federation assertion.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

/// Signs and checks tokens.
pub(crate) struct Tokens {
    key: RsaKeyPair,
    key_id: String,
}

/// Who makes a request, as a valid access token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Caller {
    /// The tenant whose token it is.
    pub(crate) tenant: Uuid,
    /// The user or service principal, in that tenant.
    pub(crate) object_id: Uuid,
    /// The application that asked for the token; for a managed identity, its client id.
    pub(crate) application_id: Uuid,
    pub(crate) kind: CallerKind,
}

impl Caller {
    /// The issuer of the token, as Azure prints it in its refusals.
    pub(crate) fn issuer(&self) -> String {
        issuer(self.tenant)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CallerKind {
    Application,
    User,
}

/// The services that check tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    ResourceManager,
    Graph,
    KeyVault,
    ManagedHsm,
    Marketplace,
}

impl Audience {
    /// Whether a token's `aud` is meant for this service. A trailing slash may be there or not.
    fn accepts(self, audience: &str) -> bool {
        let resource = audience.strip_suffix('/').unwrap_or(audience);
        match self {
            Self::ResourceManager => {
                ["https://management.azure.com", "https://management.core.windows.net"].contains(&resource)
            }
            Self::Graph => {
                ["https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000"].contains(&resource)
            }
            Self::KeyVault => {
                ["https://vault.azure.net", "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"].contains(&resource)
            }
            Self::ManagedHsm => resource == "https://managedhsm.azure.net",
            // The resource id that Microsoft documents for the SaaS fulfilment APIs.
            Self::Marketplace => resource == "20e940b3-4c77-4b0b-9a53-9e16a1b010a7",
        }
    }
}

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenFault {
    #[error("the request carries no bearer token")]
    Missing,
    #[error("the bearer token is not a JWT with the expected claims")]
    Malformed,
    #[error("the token's signature is not this directory's")]
    Signature,
    #[error("the token has expired")]
    Expired,
    #[error("the token is for {found}")]
    Audience { found: String },
}

impl Tokens {
    /// Makes a signing key, as the state keeps it: PKCS #8 in base64.
    pub(crate) fn generate_key() -> Result<String, aws_lc_rs::error::Unspecified> {
        let key = RsaKeyPair::generate(KeySize::Rsa2048)?;
        Ok(STANDARD.encode(key.as_der()?.as_ref()))
    }

    /// Takes up a signing key that [`Self::generate_key`] made. None when the text is not one.
    pub(crate) fn with_key(text: &str) -> Option<Self> {
        let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(text).ok()?).ok()?;
        let thumbprint = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.public_key().as_ref());
        let key_id = URL_SAFE_NO_PAD.encode(&thumbprint.as_ref()[..20]);
        Some(Self { key, key_id })
    }

    /// The JSON Web Key Set of the public half.
    pub(crate) fn key_set(&self) -> Value {
        let public = self.key.public_key();
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"keys": [{
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.key_id,
            "x5t": self.key_id,
            "n": number(public.modulus().big_endian_without_leading_zero()),
            "e": number(public.exponent().big_endian_without_leading_zero()),
        }]})
    }

    /// Signs any claims.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": self.key_id, "x5t": self.key_id});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .expect("a 2048 bit key signs a SHA-256 digest into a buffer of its own length");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The claims of a token that this key signed. Says nothing about lifetime or audience.
    pub(crate) fn verify(&self, token: &str) -> Result<Value, TokenFault> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenFault::Malformed)?;
        if decode(header)?["alg"] != "RS256" {
            return Err(TokenFault::Signature);
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenFault::Malformed)?;
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.key.public_key().as_ref())
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| TokenFault::Signature)?;
        decode(claims)
    }

    /// Who makes a request that carries this `Authorization` header.
    pub(crate) fn validate(
        &self,
        authorization: Option<&str>,
        audience: Audience,
        now: OffsetDateTime,
    ) -> Result<Caller, TokenFault> {
        let (scheme, token) =
            authorization.and_then(|text| text.split_once(' ')).ok_or(TokenFault::Missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(TokenFault::Missing);
        }
        let claims = self.verify(token.trim())?;
        let found = claims["aud"].as_str().ok_or(TokenFault::Malformed)?;
        if !audience.accepts(found) {
            return Err(TokenFault::Audience { found: found.to_owned() });
        }
        if claims["exp"].as_i64().ok_or(TokenFault::Malformed)? <= now.unix_timestamp() {
            return Err(TokenFault::Expired);
        }
        caller(&claims).ok_or(TokenFault::Malformed)
    }

    /// A version 1.0 access token for one of Azure's own resources.
    pub(crate) fn access_token(
        &self,
        caller: &Caller,
        resource: &str,
        now: OffsetDateTime,
        lifetime_seconds: i64,
    ) -> String {
        let issued = now.unix_timestamp();
        let kind = match caller.kind {
            CallerKind::Application => "app",
            CallerKind::User => "user",
        };
        self.sign(&json!({
            "aud": resource,
            "iss": caller.issuer(),
            "iat": issued,
            "nbf": issued,
            "exp": issued + lifetime_seconds,
            "appid": caller.application_id,
            "appidacr": "2",
            "idp": caller.issuer(),
            "idtyp": kind,
            "oid": caller.object_id,
            "sub": caller.object_id,
            "tid": caller.tenant,
            "uti": Uuid::new_v4().simple().to_string(),
            "ver": "1.0",
        }))
    }
}

/// The issuer of version 1.0 tokens of a tenant.
pub(crate) fn issuer(tenant: Uuid) -> String {
    format!("https://sts.windows.net/{tenant}/")
}

/// The issuer of version 2.0 tokens of a tenant; a federated credential names it, without a slash at the end.
pub(crate) fn issuer_v2(tenant: Uuid) -> String {
    format!("https://login.microsoftonline.com/{tenant}/v2.0")
}

fn decode(part: &str) -> Result<Value, TokenFault> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenFault::Malformed)
}

fn caller(claims: &Value) -> Option<Caller> {
    let id = |claim: &str| Uuid::parse_str(claims[claim].as_str()?).ok();
    let tenant = id("tid")?;
    let kind = match claims["idtyp"].as_str()? {
        "app" => CallerKind::Application,
        "user" => CallerKind::User,
        _ => return None,
    };
    (claims["iss"] == issuer(tenant).as_str()).then_some(())?;
    Some(Caller { tenant, object_id: id("oid")?, application_id: id("appid")?, kind })
}
