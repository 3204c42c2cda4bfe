//! Asks the customer's vault, as the vendor's application, whether the key works. Changes nothing there.
//!
//! It predicts what the disk encryption set will do, because that uses the same application: the vault's own challenge
//! must name the bound tenant before any token is sent, the vault must be in the disks' region, and the key must be an
//! enabled RSA key of a size that disks take, and wrap and unwrap. An expired key still unwraps, so both are tried.
//! Requirements: Microsoft Learn, "Encrypt managed disks with cross-tenant customer-managed keys".

use azure_clients::key_vault::{KeyBundle, KeyType, VerifiedVault};
use azure_ids::{KeyUrl, ObjectId};
use onboarding::{Onboarding, ProvenKey, finding::Finding};
use time::{Duration, OffsetDateTime};

use crate::{
    App,
    step::StepError,
    systems::refusals::{Refusal, of_entra, of_vault},
};

/// A key that expires sooner than this is as good as expired: the disks would outlive it.
const EXPIRY_MARGIN: Duration = Duration::days(1);

/// Proves a key for an onboarding, or says what is wrong with it.
pub(crate) async fn probe(app: &App, onboarding: &Onboarding, key: &KeyUrl) -> Result<ProvenKey, Refusal> {
    if key.host().is_managed_hsm() {
        return Err(Refusal::certain(Finding::ManagedHsm));
    }
    let tenant = onboarding.tenant();
    let vault = app.key_vault.verify(tenant, key).await;
    let vault = vault.map_err(|error| of_vault(error, key, tenant, onboarding.service_principal()))?;
    check_region(&vault, onboarding)?;
    let service_principal = match onboarding.service_principal() {
        Some(known) => known,
        None => app.identity.prove_consent(tenant).await.map_err(|error| of_entra(error, tenant))?,
    };
    let refused =
        |error| of_vault(error, key, tenant, Some(service_principal)).behind_consent(service_principal);
    let bundle = vault.get_key().await.map_err(refused)?;
    if let Some(finding) = fault_of(&bundle, app.clock.now() + margin(onboarding, key)) {
        return Err(Refusal::certain(finding).behind_consent(service_principal));
    }
    let wrapped = vault.wrap(&bundle).await.map_err(refused)?;
    vault.unwrap(&wrapped).await.map_err(refused)?;
    Ok(proof(onboarding, &vault, &bundle, service_principal))
}

/// Reads the newest version of the key in use and whether something is wrong with it: one call to a vault that was
/// [probed](probe) within the last hour.
pub(crate) async fn glance(
    app: &App,
    onboarding: &Onboarding,
    used: &ProvenKey,
) -> Result<KeyBundle, Refusal> {
    let (tenant, principal) = (onboarding.tenant(), Some(used.service_principal));
    let bundle = app.key_vault.glance(tenant, &used.version).await;
    let bundle = bundle.map_err(|error| of_vault(error, &used.version, tenant, principal))?;
    match fault_of(&bundle, app.clock.now()) {
        Some(finding) => Err(Refusal::certain(finding)),
        None => Ok(bundle),
    }
}

/// The same as [`probe`], with a new token: a token from before a policy or a withdrawn consent may work for an hour more, and whoever
/// asks how things are now must not be told how they were.
pub(crate) async fn fresh_probe(
    app: &App,
    onboarding: &Onboarding,
    key: &KeyUrl,
) -> Result<ProvenKey, Refusal> {
    let tenant = onboarding.tenant();
    app.identity.prove_consent(tenant).await.map_err(|error| of_entra(error, tenant))?;
    probe(app, onboarding, key).await
}

/// A key that is in use works until it has expired.
fn margin(onboarding: &Onboarding, key: &KeyUrl) -> Duration {
    let is_in_use = onboarding.watched_key().is_some_and(|used| used.version.is_same_key(key));
    if is_in_use { Duration::ZERO } else { EXPIRY_MARGIN }
}

fn check_region(vault: &VerifiedVault, onboarding: &Onboarding) -> Result<(), Refusal> {
    match vault.region() {
        Some(region) if region == onboarding.region() => Ok(()),
        Some(region) => Err(Refusal::certain(Finding::WrongRegion {
            vault: region.clone(),
            disks: onboarding.region().clone(),
        })),
        None => Err(Refusal::Error(StepError::retry("the vault's challenge does not name its region"))),
    }
}

fn proof(
    onboarding: &Onboarding,
    vault: &VerifiedVault,
    bundle: &KeyBundle,
    principal: ObjectId,
) -> ProvenKey {
    let warnings = match bundle.is_purge_protected() {
        Some(true) => vec![],
        // Azure's disks no longer refuse such a vault, but whoever purges the key destroys the disks.
        Some(false) | None => vec![Finding::NoPurgeProtection { key: bundle.kid().without_version() }],
    };
    ProvenKey {
        version: bundle.kid().clone(),
        tenant: vault.tenant(),
        region: onboarding.region().clone(),
        service_principal: principal,
        warnings,
    }
}

/// What is wrong with the key itself at this time, the first thing first.
fn fault_of(bundle: &KeyBundle, at: OffsetDateTime) -> Option<Finding> {
    let key = bundle.kid().without_version();
    if let KeyType::Other(found) = &bundle.key_type {
        return Some(Finding::KeyType { key, found: found.clone() });
    }
    if !matches!(bundle.bits, Some(2048 | 3072 | 4096)) {
        return Some(Finding::KeySize { key, bits: bundle.bits });
    }
    if !bundle.enabled {
        return Some(Finding::KeyDisabled { key });
    }
    if bundle.not_before.is_some_and(|start| start > at) {
        return Some(Finding::KeyNotYetValid { key });
    }
    if bundle.expires.is_some_and(|end| end < at) {
        return Some(Finding::KeyExpired { key });
    }
    let allows_both = bundle.allows("wrapKey") && bundle.allows("unwrapKey");
    (!allows_both).then_some(Finding::KeyOperations { key })
}
