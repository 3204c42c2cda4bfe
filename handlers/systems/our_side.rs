//! Whether a refusal is the customer's doing, or ours.
//!
//! When our application or our identity does not work, or Azure refuses everybody, each customer looks revoked. So before
//! one is called so, our own identity is tried in our own tenant, and the keys of a few other customers are looked at: if
//! none of them can be used either, it is not this customer. What many onboardings meet at once is told to the vendor by
//! one alarm ([`suspects`](onboarding::suspects)).

use onboarding::{
    Onboarding,
    event::{Alarm, AlarmCause},
    suspects::Lately,
};

use crate::{
    App,
    step::{StepError, chain_of},
    systems::{key::glance, refusals::Refusal},
};

/// Other customers whose keys are looked at, one call each.
const OTHERS: usize = 3;

/// Other onboardings that are read to find them: many may be the same customer's, or not active.
const LOOKED_THROUGH: usize = 20;

/// Why the alarm could not be looked for or raised.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AlarmError {
    /// The store did not answer.
    #[error("reading or writing what was found wrong lately")]
    Store(#[from] object_store::Error),
    /// The alarm could not be published.
    #[error("publishing the alarm")]
    Publish(#[from] service_bus::ServiceBusError),
}

impl From<AlarmError> for StepError {
    fn from(error: AlarmError) -> Self {
        Self::retry(error)
    }
}

/// Whether it is our side that fails, and not this customer's. The alarm is raised then.
///
/// # Errors
/// When the store or the bus does not answer.
pub(crate) async fn fails(app: &App, onboarding: &Onboarding) -> Result<bool, StepError> {
    if let Err(error) = app.identity.prove_consent(app.settings.vendor_tenant).await {
        let detail = format!("no token in the vendor's own tenant: {}", chain_of(&error));
        raise(app, AlarmCause::OwnIdentity, &detail).await?;
        return Ok(true);
    }
    let (mut worked, mut failed) = (0_usize, 0_usize);
    for other in others(app, onboarding).await? {
        let Some(used) = other.watched_key() else { continue };
        match glance(app, &other, used).await {
            Ok(_) => worked += 1,
            Err(Refusal::Finding { .. } | Refusal::Error(_)) => failed += 1,
        }
    }
    if worked > 0 || failed == 0 {
        return Ok(false);
    }
    let detail = format!("the keys of {failed} other customers cannot be used either");
    raise(app, AlarmCause::NobodyWorks, &detail).await?;
    Ok(true)
}

/// A few onboardings of other tenants of whose keys nothing wrong is known: those that come next, so that the load of
/// this is spread over all.
async fn others(app: &App, onboarding: &Onboarding) -> Result<Vec<Onboarding>, StepError> {
    let watched = app.watched.all().await?;
    let next = watched.range(onboarding.id()..).chain(watched.range(..onboarding.id()));
    let mut others: Vec<Onboarding> = vec![];
    for id in next.take(LOOKED_THROUGH) {
        let Some(head) = app.journal.load(*id).await? else { continue };
        let other = head.onboarding;
        let is_new = other.tenant() != onboarding.tenant()
            && others.iter().all(|known| known.tenant() != other.tenant());
        if is_new && other.key_works() {
            others.push(other);
        }
        if others.len() == OTHERS {
            break;
        }
    }
    Ok(others)
}

/// Raises the alarm when many onboardings were found wrong lately.
///
/// # Errors
/// When the store or the bus does not answer.
pub(crate) async fn alarm_about_many(app: &App, watched: usize) -> Result<(), AlarmError> {
    let lately = app.suspects.lately(app.clock.now(), app.settings.watch).await?;
    if !lately.is_many_of(watched) {
        return Ok(());
    }
    let Lately { tenants, onboardings } = &lately;
    let detail = format!(
        "the keys of {} of {watched} onboardings in {} tenants were found wrong lately",
        onboardings.len(),
        tenants.len()
    );
    raise(app, AlarmCause::ManyAtOnce, &detail).await
}

/// Something is to be confirmed here: it counts among what happens at once.
pub(crate) async fn suspect(app: &App, onboarding: &Onboarding) -> Result<(), AlarmError> {
    let who = (onboarding.tenant(), onboarding.id());
    Ok(app.suspects.note(who, app.clock.now(), app.settings.watch).await?)
}

/// One alarm, whoever raises it and however often: the message's id derives from the alarm's number, and only whoever
/// creates its object writes the line.
async fn raise(app: &App, cause: AlarmCause, detail: &str) -> Result<(), AlarmError> {
    let Some(number) = app.suspects.alarm_due(app.clock.now()).await? else { return Ok(()) };
    app.bus.publish(&Alarm { number, cause, detail }.to_message(app.clock.now())).await?;
    if app.suspects.raised(number).await? {
        tracing::error!(
            event = "latchkey.own_side_fails",
            cause = cause.as_str(),
            number,
            detail,
            "keys cannot be used, and it is probably our side or Azure: no customer is called revoked because of this"
        );
    }
    Ok(())
}
