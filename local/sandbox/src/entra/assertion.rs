//! Client assertions: whether a managed identity may speak for an application.
//!
//! A federated credential names issuer, subject and audience; the presented assertion must carry the very same
//! bytes. Rules: Microsoft Learn, "Configure an application to trust a managed identity".

use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::state::directory::{Application, Directory, FederatedCredential};
use crate::tokens::{TokenFault, Tokens};

use super::fault::EntraFault;

/// Accepts an assertion for an application, or says what is wrong with it.
pub(super) fn check(
    directory: &Directory,
    application: &Application,
    tokens: &Tokens,
    assertion: &str,
    now: OffsetDateTime,
) -> Result<(), EntraFault> {
    let claims = tokens.verify(assertion).map_err(|fault| match fault {
        TokenFault::Signature => EntraFault::assertion_signature(),
        _ => EntraFault::malformed_assertion(),
    })?;
    check_lifetime(&claims, now)?;
    let identity = identity_tenant(directory, &claims)?;
    check_federated_credentials(application, &claims, now)?;
    if identity == application.tenant {
        Ok(())
    } else {
        Err(EntraFault::identity_of_another_tenant(identity, application.tenant))
    }
}

fn check_lifetime(claims: &Value, now: OffsetDateTime) -> Result<(), EntraFault> {
    let seconds = |claim: &str| claims[claim].as_i64().ok_or_else(EntraFault::malformed_assertion);
    let (from, until, now_seconds) = (seconds("nbf")?, seconds("exp")?, now.unix_timestamp());
    if now_seconds < from || until <= now_seconds {
        let moment = |seconds| {
            OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| EntraFault::malformed_assertion())
        };
        return Err(EntraFault::assertion_not_in_time(now, moment(from)?, moment(until)?));
    }
    Ok(())
}

/// The tenant of the managed identity that the assertion was made for. Of Entra's own tokens only those of
/// managed identities may be used as assertions.
fn identity_tenant(directory: &Directory, claims: &Value) -> Result<Uuid, EntraFault> {
    let identity = claims["xms_mirid"].as_str().and_then(|resource| directory.managed_identity(resource));
    identity.map(|identity| identity.tenant).ok_or_else(EntraFault::not_an_identity_assertion)
}

fn check_federated_credentials(
    application: &Application,
    claims: &Value,
    now: OffsetDateTime,
) -> Result<(), EntraFault> {
    let text = |claim: &str| claims[claim].as_str().ok_or_else(EntraFault::malformed_assertion);
    let (issuer, subject, audience) = (text("iss")?, text("sub")?, text("aud")?);

    let known: Vec<&FederatedCredential> =
        application.federated_credentials.iter().filter(|known| known.usable_from <= now).collect();
    if known.is_empty() {
        return Err(EntraFault::no_federated_credential(issuer, subject, audience));
    }
    let of_issuer: Vec<_> = known.into_iter().filter(|known| known.issuer == issuer).collect();
    if of_issuer.is_empty() {
        return Err(EntraFault::no_credential_for_issuer(issuer));
    }
    let Some(credential) = of_issuer.iter().find(|known| known.subject == subject) else {
        return Err(if of_issuer.iter().any(|known| known.subject.eq_ignore_ascii_case(subject)) {
            EntraFault::subject_differs_in_case(subject)
        } else {
            EntraFault::no_credential_for_subject(subject)
        });
    };
    if credential.audiences.iter().any(|known| known == audience) {
        Ok(())
    } else {
        Err(EntraFault::no_credential_for_audience(audience))
    }
}
