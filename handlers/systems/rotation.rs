//! Looks for new versions of the key in use, and at what the disk encryption set makes of them. Changes nothing: Azure's
//! disk service takes a new version over by itself.

use azure_clients::{compute::DiskEncryptionSet, key_vault::KeyBundle};
use azure_ids::KeyUrl;
use onboarding::{
    About, Fact, Onboarding, Set,
    event::EventData,
    finding::{Finding, KeyIs},
    rotation::{NewestVersion, Rotation, SetLook},
};

use super::{
    disk_encryption_set::{SetIs, look_at},
    key::{EXPIRY_MARGIN, fault_of},
    refusals::{Refusal, of_entra, of_vault},
};
use crate::{
    App, metrics,
    step::{Next, Step, StepError},
};

/// A set names the few versions that it still needs; more than these are not looked at.
const MOST_PREVIOUS: usize = 5;

/// What a look at the newest version of the key in use says of a rotation. The set is read when the two have to be
/// compared, while a rotation is followed, and whenever the caller says so. `None`: no set follows the key yet.
pub(crate) async fn look(
    app: &App,
    onboarding: &Onboarding,
    newest: &KeyBundle,
    with_set: bool,
) -> Result<Option<Fact>, StepError> {
    let (Set::Ready { set }, Some(in_use)) = (onboarding.set(), onboarding.key()) else { return Ok(None) };
    if !newest.kid().is_same_key(&in_use.version) {
        return Ok(None);
    }
    let is_settled = *newest.kid() == in_use.version && !onboarding.follows_a_rotation();
    let set = if is_settled && !with_set {
        None
    } else {
        let found = |finding| Ok(Some(Fact::Found { about: About::Rotation, finding, token_of: None }));
        match look_at(app, onboarding, set).await? {
            // The change to it is under way, and whoever follows that has the news.
            SetIs::AsMade(read) if is_being_replaced(onboarding, &read) => return Ok(None),
            SetIs::AsMade(read) => Some(Box::new(compare(app, onboarding, &read).await?)),
            SetIs::Changed(finding) => return found(finding),
            SetIs::Gone => {
                let what = "it does not exist".to_owned();
                return found(Finding::SetChanged { set: set.clone(), what });
            }
        }
    };
    let newest = NewestVersion {
        version: newest.kid().clone(),
        created: newest.created,
        expires: newest.expires,
        fault: fault_of(newest, app.clock.now(), EXPIRY_MARGIN, newest.kid().clone())
            .map(|finding| finding.code()),
    };
    Ok(Some(Fact::KeyLooked { newest: newest.into(), set }))
}

/// The same, with a new token and with the set: somebody says that there is something to see.
pub(crate) async fn fresh_look(app: &App, onboarding: &Onboarding) -> Result<Option<Fact>, Refusal> {
    let Some(in_use) = onboarding.key() else { return Ok(None) };
    let (tenant, key) = (onboarding.tenant(), in_use.version.without_version());
    app.identity.prove_consent(tenant).await.map_err(|error| of_entra(error, tenant))?;
    let refused = |error| of_vault(error, &key, tenant, onboarding.service_principal());
    let vault = app.key_vault.verify(tenant, &key).await.map_err(refused)?;
    let newest = vault.get_key().await.map_err(refused)?;
    look(app, onboarding, &newest, true).await.map_err(Refusal::Error)
}

/// Decides over what a look showed. News are said in numbers too, for the vendor's alerts.
pub(crate) fn take_in<D: EventData>(step: &Step<D>, fact: Fact) -> Result<Next, StepError> {
    let next = step.decide(fact)?;
    if let Next::Decided(decision) = &next {
        let onboarding = decision.onboarding();
        let lag = |onboarding: &Onboarding| onboarding.rotation().and_then(Rotation::lag);
        let before = step.opened().and_then(lag);
        if let Some(lag) = lag(onboarding).filter(|now| before != Some(*now)) {
            metrics::rotation(lag);
        }
        let key = onboarding.key();
        let created = key.and_then(|key| key.created);
        let expires = key.and_then(|key| key.expires);
        tracing::info!(
            onboarding = %onboarding.id(),
            key_age_days = created.map(|created| (step.now() - created).whole_days()),
            key_expires_in_days = expires.map(|expires| (expires - step.now()).whole_days()),
            rotation_lag_seconds = onboarding.rotation().and_then(Rotation::lag).map(|lag| lag.as_secs()),
            "there is news of the versions of a key"
        );
    }
    Ok(next)
}

/// Whether a set has the key that is to replace the one in use.
fn is_being_replaced(onboarding: &Onboarding, set: &DiskEncryptionSet) -> bool {
    let live = set.active_key.as_ref();
    onboarding.replaced_by().is_some_and(|to| live.is_some_and(|live| live.is_same_key(to)))
}

/// What a set makes of its keys.
pub(crate) async fn compare(
    app: &App,
    onboarding: &Onboarding,
    set: &DiskEncryptionSet,
) -> Result<SetLook, StepError> {
    let active = set.active_key.as_ref().and_then(|key| key.url().ok());
    let active =
        active.ok_or_else(|| StepError::retry("the disk encryption set names no key that we can read"))?;
    // Another key than this customer's is not looked at: somebody else put it there.
    let previous = set.previous_keys.iter().filter_map(|key| key.url().ok());
    let previous = previous.filter(|key| onboarding.holds(key) || key.is_same_key(&active));
    let (former, older): (Vec<KeyUrl>, Vec<KeyUrl>) = previous.partition(|key| !key.is_same_key(&active));
    let older: Vec<KeyUrl> = older.into_iter().take(MOST_PREVIOUS).collect();
    let former: Vec<KeyUrl> = former.into_iter().take(MOST_PREVIOUS).collect();
    let mut faults = vec![];
    for version in &former {
        faults.extend(fault_of_former(app, onboarding, version).await?);
    }
    let lost = first_lost(app, onboarding, &older).await?;
    let previous = former.into_iter().chain(older).collect();
    Ok(SetLook {
        lost,
        former: faults.into_iter().next(),
        active,
        previous,
        error: set.auto_key_rotation_error.as_ref().map(|error| error.code.clone()),
        rotated_at: set.last_key_rotation,
    })
}

/// What keeps Azure from unwrapping with this version of a key that was replaced. One that has expired still unwraps; one
/// that cannot be looked at may serve.
async fn fault_of_former(
    app: &App,
    onboarding: &Onboarding,
    version: &KeyUrl,
) -> Result<Option<Finding>, StepError> {
    let tenant = onboarding.tenant();
    let read = async { app.key_vault.verify(tenant, version).await?.get_key().await };
    match read.await.map_err(|error| of_vault(error, version, tenant, onboarding.service_principal())) {
        Ok(bundle) if !bundle.enabled => Ok(Some(Finding::KeyDisabled { key: version.clone() })),
        Ok(_) => Ok(None),
        Err(Refusal::Finding { finding, .. }) => {
            Ok(Some(finding).filter(|finding| finding.code().key_is() == KeyIs::Revoked))
        }
        Err(Refusal::Error(error)) => Err(error),
    }
}

/// The first of these versions that is disabled. One that has expired still unwraps. That none of them can be read is
/// said of the key as a whole, by whoever probes it.
async fn first_lost(
    app: &App,
    onboarding: &Onboarding,
    versions: &[KeyUrl],
) -> Result<Option<KeyUrl>, StepError> {
    let tenant = onboarding.tenant();
    for version in versions {
        let read = async { app.key_vault.verify(tenant, version).await?.get_key().await };
        match read.await.map_err(|error| of_vault(error, version, tenant, onboarding.service_principal())) {
            Ok(bundle) if !bundle.enabled => return Ok(Some(version.clone())),
            Ok(_) => {}
            Err(Refusal::Finding { .. }) => return Ok(None),
            Err(Refusal::Error(error)) => return Err(error),
        }
    }
    Ok(None)
}
