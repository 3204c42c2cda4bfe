//! Changes the disk encryption set from the key in use to another key, and proves that it did.
//!
//! A person asks; what was asked is recorded before Azure is, so that the other key is not let go meanwhile. Reads the
//! customer's vault with a new token, and the set. Changes the set's `activeKey.keyUrl`, and nothing else of it, when it
//! still has the key that the journal says and the other one was just proven. A set that has the other key already is
//! success. What counts is the set when it is read back. Publishes itself again.

use azure_clients::{
    ArmError, ArmRefusal,
    compute::{DiskEncryptionSet, DiskEncryptionSetChange, OperationState, OperationUrl, ProvisioningState},
};
use azure_ids::{ArmId, KeyUrl};
use onboarding::{
    Fact, Onboarding, Reason, Set,
    event::KeyReplacementRequested,
    finding::Finding,
    replacement::{Asker, Progress},
    watched::Seen,
};

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::{
        claims::{self, Claim},
        disk_encryption_set::{LOOK_AFTER, difference_beside_key, is_ours},
        key::fresh_probe,
        refusals::{Refusal, code_of},
        rotation,
    },
};

/// A change that was asked for, and the set as it is now.
struct Change<'a> {
    step: &'a Step<KeyReplacementRequested>,
    app: &'a App,
    onboarding: &'a Onboarding,
    set: &'a ArmId,
    to: &'a KeyUrl,
}

pub(crate) async fn handle(step: Step<KeyReplacementRequested>, app: App) -> Result<Next, StepError> {
    let KeyReplacementRequested { key, by } = step.event.data.clone();
    let onboarding = step.onboarding()?;
    let (Some(change), Some(candidate), Set::Ready { set }) =
        (onboarding.replacement(), onboarding.candidate(), onboarding.set())
    else {
        return match by {
            Some(by) => take_in(&step, &app, &key, by).await,
            None => Ok(Next::NoNews("no change of the key is under way")),
        };
    };
    if !candidate.key.is_same_key(&key) {
        return Ok(Next::NoNews("another key is to be put in use"));
    }
    let to = &candidate.key;
    Change { step: &step, app: &app, onboarding, set, to }.goes_on(&change.progress).await
}

/// Somebody asks: the other key is looked at, and claimed for the entry that says so.
async fn take_in(
    step: &Step<KeyReplacementRequested>,
    app: &App,
    key: &KeyUrl,
    by: Asker,
) -> Result<Next, StepError> {
    let onboarding = step.onboarding()?;
    if let Err(why) = onboarding.may_replace(key) {
        return Ok(Next::NoNews(why.as_str()));
    }
    let is_candidate = onboarding.candidate().is_some_and(|known| known.key.is_same_key(key));
    if by == Asker::Customer && !is_candidate {
        return Ok(Next::Void("the customer took this key back, or submitted another one after it"));
    }
    let proof = match fresh_probe(app, onboarding, &key.without_version()).await {
        Ok((proof, _)) => proof,
        Err(Refusal::Finding { finding, token_of, .. }) => return step.wait(finding, token_of),
        Err(Refusal::Error(error)) => return Err(error),
    };
    let version = proof.version.clone();
    let next = step.decide(Fact::ReplacementAsked { proof: Box::new(proof), by })?;
    if !matches!(next, Next::Decided(_)) {
        return Ok(next);
    }
    match claims::take(app, &version, onboarding).await? {
        Claim::Ours => Ok(next),
        Claim::OfAnother => step.wait(Finding::KeyClaimed, None),
    }
}

impl Change<'_> {
    async fn goes_on(self, progress: &Progress) -> Result<Next, StepError> {
        if let Progress::Accepted { operation: Some(operation) } = progress
            && let Some(fault) = self.follow(operation).await?
        {
            return self.failed(fault);
        }
        let set = match self.app.compute.disk_encryption_set(self.set).await {
            Ok(set) => set,
            Err(ArmError::Refused(ArmRefusal::NotFound { .. })) => {
                return self.failed(self.not_changed("it does not exist"));
            }
            Err(error) => return Err(error.into()),
        };
        if !is_ours(&set, self.onboarding) {
            return self.failed(self.not_changed("it is not the one that Latchkey made"));
        }
        let is_done = match set.provisioning_state {
            ProvisioningState::Succeeded => true,
            ProvisioningState::Failed => false,
            ProvisioningState::Updating | ProvisioningState::Other(_) | ProvisioningState::Unknown => {
                return Err(look_again("Azure is still changing the disk encryption set"));
            }
        };
        if let Some(what) = difference_beside_key(self.app, &set) {
            return self.failed(self.not_changed(&format!("{what} is different")));
        }
        let uses = |key: &KeyUrl| set.active_key.as_ref().is_some_and(|live| live.is_same_key(key));
        if is_done && uses(self.to) {
            return self.replaced(&set).await;
        }
        // Somebody else's change is not written over.
        if !uses(self.to) && !self.onboarding.key().is_some_and(|used| uses(&used.version)) {
            return self.failed(self.not_changed("it has a key that Latchkey did not give it"));
        }
        match progress {
            Progress::Wanted => self.ask_for().await,
            Progress::Accepted { .. } if is_done => {
                Err(look_again("the disk encryption set does not show the other key yet"))
            }
            Progress::Accepted { .. } => self.failed(self.not_changed("Failed")),
        }
    }

    /// What went wrong with the operation; `None` when it is over and the set tells the rest.
    async fn follow(&self, operation: &str) -> Result<Option<Finding>, StepError> {
        let url: OperationUrl = match operation.parse() {
            Ok(url) => url,
            // The operator has looked into it: the address is not called.
            Err(_) if self.step.event.resumed => return Ok(None),
            Err(error) => {
                return Err(StepError::refuse(
                    Reason::OperationElsewhere,
                    format!("the address of the operation is not one of Azure Resource Manager's: {error}"),
                ));
            }
        };
        match self.app.compute.operation(&url).await {
            // ARM forgets operations after some days.
            Ok(OperationState::Succeeded) | Err(ArmError::Refused(ArmRefusal::NotFound { .. })) => Ok(None),
            Ok(OperationState::InProgress { retry_after }) => Err(StepError::retry_after(
                Some(retry_after.unwrap_or(LOOK_AFTER)),
                "Azure is still changing the disk encryption set",
            )),
            Ok(OperationState::Failed(error)) => Ok(Some(self.refused(&error))),
            Ok(OperationState::Canceled) => Ok(Some(self.not_changed("Canceled"))),
            Err(error) => Err(error.into()),
        }
    }

    /// Right before the change, the other key is proven once more: it may be lost since somebody asked.
    async fn ask_for(self) -> Result<Next, StepError> {
        if let Claim::OfAnother = claims::take(self.app, self.to, self.onboarding).await? {
            return self.step.wait(Finding::KeyClaimed, None);
        }
        let proof = match fresh_probe(self.app, self.onboarding, self.to).await {
            Ok((proof, _)) => proof,
            Err(Refusal::Finding { finding, token_of, .. }) => return self.step.wait(finding, token_of),
            Err(Refusal::Error(error)) => return Err(error),
        };
        self.onboarding.bound_to(&proof)?;
        let change = DiskEncryptionSetChange::default().to_key(proof.version);
        let change = change.map_err(|error| StepError::retry(error.to_string()))?;
        match self.app.compute.patch_disk_encryption_set(self.set, &change).await {
            Ok(accepted) => {
                let after = accepted.retry_after.unwrap_or(LOOK_AFTER);
                let look_after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                let operation = accepted.operation.map(|url| url.as_str().to_owned());
                self.step.decide(Fact::ReplacementAccepted { operation, look_after_ms })
            }
            Err(ArmError::Refused(ArmRefusal::KeyVaultAccessForbidden { .. }))
                if self.step.may_be_spreading(self.app) =>
            {
                Err(StepError::retry(
                    "the disk service may not use the other key; the grant may still be spreading",
                ))
            }
            Err(
                error @ ArmError::Refused(
                    ArmRefusal::KeyVaultAccessForbidden { .. }
                    | ArmRefusal::KeyUnusable { .. }
                    | ArmRefusal::BadRequest { .. },
                ),
            ) => self.failed(self.refused(&error)),
            Err(error) => Err(error.into()),
        }
    }

    async fn replaced(self, set: &DiskEncryptionSet) -> Result<Next, StepError> {
        let look = rotation::compare(self.app, self.onboarding, set).await?;
        let next = self.step.decide(Fact::KeyReplaced { set: Box::new(look) })?;
        // What was seen was seen of the other key: the next look is a full one.
        self.app.watched.keep(self.onboarding.id(), &Seen::default()).await?;
        Ok(next)
    }

    fn failed(&self, finding: Finding) -> Result<Next, StepError> {
        self.step.decide(Fact::ReplacementFailed { finding })
    }

    /// Whose turn it is when Azure refuses. Its text names what is the vendor's alone, so only the code is kept.
    fn refused(&self, error: &ArmError) -> Finding {
        match error {
            ArmError::Refused(
                ArmRefusal::KeyVaultAccessForbidden { .. } | ArmRefusal::KeyUnusable { .. },
            ) => Finding::ReplacementRefused { key: self.to.clone(), error: code_of(error) },
            error => self.not_changed(&code_of(error)),
        }
    }

    fn not_changed(&self, error: &str) -> Finding {
        Finding::ReplacementFailed { set: self.set.clone(), error: error.to_owned() }
    }
}

fn look_again(why: &'static str) -> StepError {
    StepError::retry_after(Some(LOOK_AFTER), why)
}
