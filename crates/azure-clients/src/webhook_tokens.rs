//! Whether a webhook call comes from the marketplace.
//!
//! The marketplace signs in with a token of Entra's (Microsoft Learn, "Implementing a webhook on the SaaS service",
//! securing your webhook). Its version, and with it the issuer and the name of the caller's claim, is not promised, so
//! that both are accepted, each in its own form and never mixed.
//!
//! Only claims that Entra documents for every token of its version are required: `aud`, `iss`, `tid`, `exp`, and `appid`
//! (version 1) or `azp` (version 2). `nbf` is optional (RFC 7519, 4.1.5), and the one public list of a real webhook's
//! claims has neither it nor `idtyp` (commercial-marketplace-client-dotnet, issue 70). Where they are, they count.

mod keys;

use azure_ids::{ApplicationId, TenantId};
use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use self::keys::SigningKeys;
use crate::{Outage, Transport, marketplace::MARKETPLACE_APPLICATION};

/// How far our clock and Entra's may be apart. A webhook that is refused because of a wrong clock of ours is lost for as long
/// as the clock is wrong.
const LEEWAY: Duration = Duration::minutes(15);

/// Longer than any token of Entra's for an application.
const LONGEST: usize = 16 * 1024;

/// Validates the tokens with which the marketplace calls our webhook.
#[derive(Debug)]
pub struct WebhookTokens {
    tenant: TenantId,
    audience: ApplicationId,
    keys: SigningKeys,
}

/// Why a webhook call is not taken for the marketplace's.
#[derive(Debug, thiserror::Error)]
pub enum WebhookTokenError {
    /// There is no `Authorization` header, or none with a bearer token.
    #[error("the call carries no bearer token")]
    Missing,
    /// It is not a JWT, or too long to be one of Entra's.
    #[error("the token is malformed")]
    Malformed,
    /// It is not signed with RS256.
    #[error("the token is not signed with RS256")]
    WrongAlgorithm,
    /// It names a key that Entra does not publish.
    #[error("the token is signed with a key that Entra does not publish")]
    UnknownKey,
    /// The signature is not that of the key.
    #[error("the token's signature is wrong")]
    WrongSignature,
    /// A claim is missing or is not what it has to be.
    #[error("the token's claim {0} is not what it has to be")]
    WrongClaim(&'static str),
    /// It has run out.
    #[error("the token has expired")]
    Expired,
    /// It is not valid yet.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Entra's keys cannot be had just now. The caller should ask again.
    #[error("Entra's signing keys cannot be read")]
    Unavailable(#[source] Outage),
    /// Entra's list of keys cannot be understood. The caller should ask again.
    #[error("Entra's signing keys cannot be understood")]
    KeysUndecodable(#[source] serde_json::Error),
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    aud: String,
    #[serde(default)]
    iss: String,
    #[serde(default)]
    tid: String,
    exp: Option<i64>,
    nbf: Option<i64>,
    /// Who calls, in version 1 tokens.
    appid: Option<String>,
    /// Who calls, in version 2 tokens.
    azp: Option<String>,
    /// `app` or `user`, where the application asks for this claim.
    idtyp: Option<String>,
}

impl WebhookTokens {
    /// Expects tokens of this tenant for this application: those of the offer's technical configuration.
    #[must_use]
    pub fn new(transport: &Transport, tenant: TenantId, application: ApplicationId) -> Self {
        Self { tenant, audience: application, keys: SigningKeys::new(transport, tenant) }
    }

    /// Whether the `Authorization` header of a call proves that the marketplace makes it.
    ///
    /// # Errors
    /// Why not. [`WebhookTokenError::Unavailable`] and [`WebhookTokenError::KeysUndecodable`] say nothing about the
    /// caller: answer them with a 503.
    pub async fn validate(
        &self,
        authorization: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<(), WebhookTokenError> {
        let token = bearer(authorization).ok_or(WebhookTokenError::Missing)?;
        if token.len() > LONGEST {
            return Err(WebhookTokenError::Malformed);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| WebhookTokenError::Malformed)?;
        if header.alg != Algorithm::RS256 {
            return Err(WebhookTokenError::WrongAlgorithm);
        }
        let kid = header.kid.ok_or(WebhookTokenError::UnknownKey)?;
        let key = self.keys.get(&kid).await?;
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &signature_only()).map_err(|error| {
            match error.kind() {
                jsonwebtoken::errors::ErrorKind::InvalidSignature => WebhookTokenError::WrongSignature,
                _ => WebhookTokenError::Malformed,
            }
        })?;
        self.check(&claims.claims, now)
    }

    fn check(&self, claims: &Claims, now: OffsetDateTime) -> Result<(), WebhookTokenError> {
        let is = |claim: &'static str, holds: bool| {
            if holds { Ok(()) } else { Err(WebhookTokenError::WrongClaim(claim)) }
        };
        let expires = instant(claims.exp).ok_or(WebhookTokenError::WrongClaim("exp"))?;
        if now > expires + LEEWAY {
            return Err(WebhookTokenError::Expired);
        }
        if claims.nbf.is_some() {
            let begins = instant(claims.nbf).ok_or(WebhookTokenError::WrongClaim("nbf"))?;
            if now < begins - LEEWAY {
                return Err(WebhookTokenError::NotYetValid);
            }
        }
        let tenant = self.tenant.to_string();
        is("aud", claims.aud.eq_ignore_ascii_case(&self.audience.to_string()))?;
        is("tid", claims.tid.eq_ignore_ascii_case(&tenant))?;
        let caller = if claims.iss == format!("https://sts.windows.net/{tenant}/") {
            (&claims.appid, &claims.azp)
        } else if claims.iss == format!("https://login.microsoftonline.com/{tenant}/v2.0") {
            (&claims.azp, &claims.appid)
        } else {
            return Err(WebhookTokenError::WrongClaim("iss"));
        };
        let is_marketplace =
            matches!(caller, (Some(caller), None) if caller.eq_ignore_ascii_case(MARKETPLACE_APPLICATION));
        is("appid or azp", is_marketplace)?;
        is("idtyp", claims.idtyp.as_deref().is_none_or(|kind| kind == "app"))
    }
}

/// Only the signature is left to the library: it would take the time from the system's clock.
fn signature_only() -> Validation {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

fn bearer(authorization: Option<&str>) -> Option<&str> {
    let (scheme, token) = authorization?.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The seconds of a claim; `None` as well for numbers that are no instant, or too near the end of time to add to.
fn instant(seconds: Option<i64>) -> Option<OffsetDateTime> {
    let instant = OffsetDateTime::from_unix_timestamp(seconds?).ok()?;
    (1970..9000).contains(&instant.year()).then_some(instant)
}
