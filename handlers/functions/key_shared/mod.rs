//! Finds out whether a key works, before anything is built on it.
//!
//! Reads the customer's vault and changes nothing there; takes the claim of the key for the entry that uses it.
//! Of several keys that were submitted the last one counts.
//! The key of an active onboarding is watched: what is wrong with it counts when it was seen twice.
//! A 403 soon after the key was shared may be a grant that is still spreading: the age of the event decides.
//! Publishes [`ProvisionRequested`](onboarding::event::ProvisionRequested) with the proof.

use azure_ids::KeyUrl;
use onboarding::{About, Fact, Onboarding, Set, event::KeyShared, finding::Finding};

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::{
        claims::{self, Claim},
        key::probe,
        refusals::Refusal,
        watch::{self, Why},
    },
};

const OVERTAKEN: Next = Next::Void("another key was submitted after this one");

pub(crate) async fn handle(step: Step<KeyShared>, app: App) -> Result<Next, StepError> {
    let KeyShared { key, submission } = step.event.data.clone();
    let onboarding = step.onboarding()?;
    if onboarding.watched_key().is_some_and(|used| used.version.is_same_key(&key)) {
        return watch::look(&step, &app, Why::Asked).await;
    }
    if is_taken_back(onboarding, &key, submission) {
        return Ok(Next::Void("the customer took this key back"));
    }
    let Some((key, submission)) = last_submitted(&app, onboarding, key, submission).await? else {
        return Ok(OVERTAKEN);
    };
    let about = || About::Key(key.clone());
    let proof = match probe(&app, onboarding, &key).await {
        Ok(proof) => proof,
        Err(Refusal::Finding { finding, may_be_spreading: true, .. }) if step.may_be_spreading(&app) => {
            return Err(StepError::retry(format!("may still be spreading: {}", finding.summary())));
        }
        Err(Refusal::Finding { finding, token_of, .. }) => {
            return step.decide(Fact::Found { about: about(), finding, token_of });
        }
        Err(Refusal::Error(error)) => return Err(error),
    };
    // Asking the vault takes a while, and the first key that works has the set made.
    let counts = Some((key.clone(), submission));
    if last_submitted(&app, onboarding, key.clone(), submission).await? != counts {
        return Ok(OVERTAKEN);
    }
    let (version, service_principal) = (proof.version.clone(), proof.service_principal);
    let next = step.decide(Fact::KeyProven { proof })?;
    // Only an entry that uses the key needs the claim.
    if !matches!(&next, Next::Decided(decision) if decision.onboarding().holds(&version)) {
        return Ok(next);
    }
    match claims::take(&app, &version, onboarding).await? {
        Claim::Ours => Ok(next),
        Claim::OfAnother => step.decide(Fact::Found {
            about: about(),
            finding: Finding::KeyClaimed,
            token_of: Some(service_principal),
        }),
    }
}

/// Whether a candidate beside the key in use is looked at again that is none any more.
fn is_taken_back(onboarding: &Onboarding, key: &KeyUrl, submission: Option<u64>) -> bool {
    let is_candidate = onboarding.candidate().is_some_and(|candidate| candidate.key.is_same_key(key));
    submission.is_none() && onboarding.is_watched() && !is_candidate
}

/// The key that counts, with the number of its submission. `None`: another one was submitted after it, and has a message of
/// its own. The key in use is looked at whatever was submitted.
///
/// The chain itself, when it takes a key up again, knows no number; then the key that was submitted last is looked at in its
/// place, whatever became of the message with it.
async fn last_submitted(
    app: &App,
    onboarding: &Onboarding,
    key: KeyUrl,
    submission: Option<u64>,
) -> Result<Option<(KeyUrl, Option<u64>)>, StepError> {
    if is_in_use(onboarding, &key) {
        return Ok(Some((key, submission)));
    }
    Ok(match (submission, app.submissions.last(onboarding.id()).await?) {
        (_, None) => Some((key, submission)),
        (Some(number), Some((last, _))) => (last <= number).then_some((key, submission)),
        (None, Some((_, last))) if last.is_same_key(&key) => Some((key, None)),
        (None, Some((number, last))) => (!is_in_use(onboarding, &last)).then_some((last, Some(number))),
    })
}

fn is_in_use(onboarding: &Onboarding, key: &KeyUrl) -> bool {
    *onboarding.set() != Set::None && onboarding.key().is_some_and(|proof| proof.version.is_same_key(key))
}
