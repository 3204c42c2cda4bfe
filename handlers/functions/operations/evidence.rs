//! The evidence pack of an onboarding: its history for an auditor, signed by a key in the vendor's own vault.

use ::evidence::{PublicKey, SealError, Sealed};
use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use azure_clients::{CallError, KeyVaultError, key_vault::SigningKey};
use onboarding::OnboardingId;

use super::{evidence_draft, history::faulty, unknown, within_budget};
use crate::{
    App,
    pages::{Problem, private},
};

const NO_KEY: &str = "Evidence is signed by a key in your own key vault, and none is set. Create a key of type EC with the \
     curve P-256, let the managed identity read it and sign with it (Key Vault Crypto User), and set \
     LATCHKEY_EVIDENCE_KEY to its URL.";

/// The file, byte for byte as it was signed.
pub(super) async fn pack(State(app): State<App>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match packed(&app, &id).await {
        Ok((name, file)) => {
            let mut response = Response::new(Body::from(file));
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
            if let Ok(disposition) = format!("attachment; filename=\"{name}\"").parse() {
                response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
            }
            private(response)
        }
        Err(problem) => problem.respond_to(&headers),
    }
}

async fn packed(app: &App, id: &str) -> Result<(String, Vec<u8>), Problem> {
    let id: OnboardingId = id.parse().map_err(|_| unknown())?;
    let head = app.journal.load(id).await.map_err(|error| faulty(id, error.into()))?;
    head.ok_or_else(unknown)?;
    within_budget(app, id).await?;
    // Nothing goes out unsigned: a pack without a signature is no evidence, and would be taken for some.
    let signing =
        app.evidence_key.as_ref().ok_or_else(|| Problem::new(StatusCode::NOT_IMPLEMENTED, NO_KEY))?;
    let history = app.journal.told(&app.anchors, id).await.map_err(|error| faulty(id, error))?;
    let history = history.ok_or_else(unknown)?;
    let seen = app.watched.seen(id).await;
    let seen = seen.map_err(|error| Problem::unavailable("reading when a key last worked", &error))?;
    let draft = evidence_draft::of(history, &seen, app.settings.anchors.is_some(), app.clock.now());
    let name = format!("evidence-{id}-{}.json", draft.made_at.get(..10).unwrap_or_default());
    Ok((name, signed(signing, draft).await?))
}

async fn signed(signing: &SigningKey, draft: ::evidence::Draft) -> Result<Vec<u8>, Problem> {
    let version = signing.version().await.map_err(not_signed)?;
    let key = PublicKey::new(&version.x, &version.y).map_err(|error| broken(&error))?;
    let sealed = Sealed::new(draft, &version.kid.to_string(), &key).map_err(not_sealed)?;
    let signature = signing.sign(&version, &sealed.digest()).await.map_err(not_signed)?;
    sealed.signed(&signature).map_err(not_sealed)
}

/// It is the vendor's own key, so the operator is told what is wrong with it.
fn not_signed(error: KeyVaultError) -> Problem {
    match &error {
        CallError::Refused(refusal) => {
            tracing::error!(%refusal, "the key that signs evidence cannot be used");
            let title =
                format!("The key that signs evidence (LATCHKEY_EVIDENCE_KEY) cannot be used: {refusal}.");
            Problem::new(StatusCode::BAD_GATEWAY, title)
        }
        _ => Problem::unavailable("signing evidence", &error),
    }
}

fn not_sealed(error: SealError) -> Problem {
    broken(&error)
}

fn broken(error: &(dyn std::error::Error + 'static)) -> Problem {
    tracing::error!(error = crate::step::chain_of(error), "a pack could not be made");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("The evidence pack could not be made: {error}."))
}
