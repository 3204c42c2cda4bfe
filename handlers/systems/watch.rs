//! One look at the key of an active onboarding, and what it is worth.
//!
//! What is wrong is believed when two looks saw it, the second of them in full and with a new token, a moment later. In
//! between there is no entry: a look that was lost is made again an interval later.

use azure_clients::key_vault::KeyBundle;
use azure_ids::ObjectId;
use onboarding::{
    About, Fact, Onboarding, ProvenKey, Sight,
    event::{Event, EventData, WatchDue},
    finding::{Code, Finding, KeyIs},
    watched::Seen,
};
use time::OffsetDateTime;

use crate::{
    App, metrics,
    step::{Next, Step, StepError, chain_of},
    systems::{
        key::{fresh_probe, glance, glance_at_version_in_use},
        our_side,
        refusals::Refusal,
        rotation,
    },
};

/// An error's words are shown on a page: its beginning says enough.
const LONGEST_ERROR: usize = 200;

/// Why a key is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Its time has come.
    ItsTime,
    /// A person asks, or something happened to the key: a full look.
    Asked,
    /// The look before it saw this: a full look.
    Confirm {
        /// What it saw.
        seen: KeyIs,
        /// From when on nobody waits for it.
        until: OffsetDateTime,
    },
}

/// What a look saw.
enum Saw {
    /// The newest version of the key, and nothing wrong: the usual look.
    Nothing(KeyBundle),
    /// The key works: the full look, with the newest version.
    Works(ProvenKey, KeyBundle),
    /// Something is wrong.
    Fault(Finding, Option<ObjectId>),
}

impl Saw {
    fn fault(&self) -> Option<Code> {
        match self {
            Self::Nothing(_) | Self::Works(..) => None,
            Self::Fault(finding, _) => Some(finding.code()),
        }
    }
}

/// Looks at the key in use.
///
/// # Errors
/// When the store or the bus does not answer, or the budget of the vault is used up for the moment.
pub(crate) async fn look<D: EventData>(step: &Step<D>, app: &App, why: Why) -> Result<Next, StepError> {
    let onboarding = step.onboarding()?;
    let Some(used) = onboarding.watched_key() else { return Ok(Next::Void("no key is watched here")) };
    if let Err(after) = app.looks.admit(used.version.host(), onboarding.tenant(), step.now()) {
        return Err(StepError::retry_after(Some(after), "this vault or tenant was asked often a moment ago"));
    }
    let seen = app.watched.seen(onboarding.id()).await?;
    let in_full = why != Why::ItsTime
        || !onboarding.key_works()
        || seen.full_look_is_due(step.now(), app.settings.watch);
    let saw = look_now(app, onboarding, used, in_full).await?;
    metrics::look(in_full, saw.fault());
    match saw {
        Saw::Nothing(newest) => {
            let news = news_of_versions(step, app, &newest, false).await?;
            Ok(news.unwrap_or(Next::NoNews("nothing is wrong with the key")))
        }
        Saw::Works(proof, newest) => {
            metrics::key(newest.created, newest.expires, step.now());
            let version = proof.version.version().map(str::to_owned);
            let seen = seen.works_again(step.now(), version, onboarding.key_works());
            app.watched.keep(onboarding.id(), &seen).await?;
            Ok(match step.decide(Fact::KeyProven { proof })? {
                Next::NoNews(_) => {
                    news_of_versions(step, app, &newest, true).await?.unwrap_or(Next::NoNews("the key works"))
                }
                next => next,
            })
        }
        Saw::Fault(finding, token_of) => {
            if let Some(next) = moved_on(step, app, used, &finding).await? {
                return Ok(next);
            }
            if why == Why::Asked {
                let seen = Seen { looked_at: Some(step.now()), found: Some(finding.code()), ..seen };
                app.watched.keep(onboarding.id(), &seen).await?;
            }
            weigh(step, app, why, (finding, token_of)).await
        }
    }
}

async fn look_now(
    app: &App,
    onboarding: &Onboarding,
    used: &ProvenKey,
    in_full: bool,
) -> Result<Saw, StepError> {
    let looked = if in_full {
        fresh_probe(app, onboarding, &used.version.without_version())
            .await
            .map(|(proof, newest)| Saw::Works(proof, newest))
    } else {
        usual_look(app, onboarding, used).await.map(Saw::Nothing)
    };
    Ok(match looked {
        Ok(saw) => saw,
        Err(Refusal::Finding { finding, token_of, .. }) => Saw::Fault(finding, token_of),
        Err(Refusal::Error(StepError::Retry { source, .. })) => {
            Saw::Fault(no_answer(used, &chain_of(source.as_ref())), None)
        }
        Err(Refusal::Error(StepError::Refuse { description, .. })) => {
            Saw::Fault(no_answer(used, &description), None)
        }
        Err(Refusal::Error(error)) => return Err(error),
    })
}

/// While a newer version is there and the disks still need the one in use, both are looked at.
async fn usual_look(app: &App, onboarding: &Onboarding, used: &ProvenKey) -> Result<KeyBundle, Refusal> {
    let newest = glance(app, onboarding, used).await?;
    if *newest.kid() != used.version {
        glance_at_version_in_use(app, onboarding, used).await?;
    }
    Ok(newest)
}

fn no_answer(used: &ProvenKey, error: &str) -> Finding {
    let error = error.chars().take(LONGEST_ERROR).collect();
    Finding::VaultUnreachable { vault: used.version.host().as_str().to_owned(), error }
}

/// What the newest version says of a rotation, when that is news. An outage of Resource Manager is no reason to ask the
/// vault again sooner: the next look tries again.
async fn news_of_versions<D: EventData>(
    step: &Step<D>,
    app: &App,
    newest: &KeyBundle,
    with_set: bool,
) -> Result<Option<Next>, StepError> {
    let fact = match rotation::look(app, step.onboarding()?, newest, with_set).await {
        Ok(Some(fact)) => fact,
        Ok(None) => return Ok(None),
        Err(StepError::Retry { source, .. }) => {
            let error = chain_of(source.as_ref());
            tracing::warn!(onboarding = %step.event.subject, error, "the rotation could not be looked at");
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    Ok(match rotation::take_in(step, fact)? {
        Next::NoNews(_) => None,
        next => Some(next),
    })
}

/// A version that does not work any more may have been replaced in the set a moment ago: then the new one counts.
async fn moved_on<D: EventData>(
    step: &Step<D>,
    app: &App,
    used: &ProvenKey,
    finding: &Finding,
) -> Result<Option<Next>, StepError> {
    if !matches!(
        finding,
        Finding::KeyDisabled { .. } | Finding::KeyExpired { .. } | Finding::KeyOperations { .. }
    ) {
        return Ok(None);
    }
    match glance(app, step.onboarding()?, used).await {
        Ok(newest) => news_of_versions(step, app, &newest, true).await,
        // It is the newest version that does not work, or nobody could look.
        Err(_) => Ok(None),
    }
}

async fn weigh<D: EventData>(
    step: &Step<D>,
    app: &App,
    why: Why,
    (finding, token_of): (Finding, Option<ObjectId>),
) -> Result<Next, StepError> {
    let onboarding = step.onboarding()?;
    let (before, until) = match why {
        Why::Confirm { seen, until } => (Some(seen), Some(until)),
        Why::ItsTime | Why::Asked => (None, None),
    };
    match onboarding.sight(&finding, before) {
        Sight::Known => Ok(Next::NoNews("known already")),
        Sight::First(seen) => {
            our_side::suspect(app, onboarding).await?;
            if finding.code() == Code::VendorSetup {
                our_side::fails(app, onboarding).await?;
            }
            // One that says something else each time is not confirmed for ever.
            let due = step.now() + app.settings.first_check;
            let until = until.unwrap_or(due + app.settings.watch);
            let id = step.event.id.derive(WatchDue::KIND, "confirm");
            let data = WatchDue { until, asked: false, seen: Some(seen) };
            let mut confirm = Event::new(id, "watch_due", onboarding.id(), step.now(), data);
            confirm.traceparent = step.cause().traceparent;
            app.bus.publish(&confirm.to_message(Some(due))).await?;
            tracing::info!(onboarding = %onboarding.id(), code = finding.code().name(), "to be confirmed");
            Ok(Next::NoNews("something is wrong with the key, which is to be confirmed"))
        }
        Sight::Confirmed => {
            let is_revocation = finding.code().key_is() == KeyIs::Revoked;
            if is_revocation
                && onboarding.revoked_since().is_none()
                && our_side::fails(app, onboarding).await?
            {
                return Ok(Next::NoNews(
                    "nobody else's key can be used either: the customer is not called revoked",
                ));
            }
            let about = onboarding
                .watched_key()
                .map_or(About::Consent, |used| About::Key(used.version.without_version()));
            step.decide(Fact::Found { about, finding, token_of })
        }
    }
}
