//! Asks the customer's vault, as the vendor's application, whether the key works. Changes nothing there.
//!
//! It predicts what the disk encryption set will do, because that uses the same application: the vault's own challenge
//! must name the bound tenant before any token is sent, the vault must be in the disks' region, and the key must be an
//! enabled RSA key of a size that disks take, and wrap and unwrap. If the vendor's policy wants it, it must be tagged as the
//! customer's. An expired key still unwraps, so both are tried.
//! Requirements: Microsoft Learn, "Encrypt managed disks with cross-tenant customer-managed keys".

use azure_clients::key_vault::{KeyBundle, KeyType, VerifiedVault};
use azure_ids::{KeyUrl, ObjectId};
use onboarding::{
    Onboarding, ProvenKey, Set,
    finding::{Finding, OWNERSHIP_TAG},
};
use time::{Duration, OffsetDateTime};

use crate::{
    App,
    settings::OwnershipProof,
    step::StepError,
    systems::refusals::{Refusal, of_entra, of_vault},
};

/// A key that expires sooner than this is not taken: the disks would outlive it.
pub(crate) const EXPIRY_MARGIN: Duration = Duration::days(1);

/// How far our clock may be behind the vault's. What is not valid yet by the vault's own clock, it refuses to wrap.
const CLOCKS_DIFFER: Duration = Duration::minutes(15);

/// Proves a key for an onboarding, or says what is wrong with it.
pub(crate) async fn probe(app: &App, onboarding: &Onboarding, key: &KeyUrl) -> Result<ProvenKey, Refusal> {
    Ok(probe_with_newest(app, onboarding, key).await?.0)
}

/// The same, with the version that was read first: of a key in use, the newest.
async fn probe_with_newest(
    app: &App,
    onboarding: &Onboarding,
    key: &KeyUrl,
) -> Result<(ProvenKey, KeyBundle), Refusal> {
    if key.host().is_managed_hsm() {
        return Err(Refusal::certain(Finding::ManagedHsm));
    }
    if let Some(finding) = drilled(app, onboarding, key) {
        return Err(Refusal::certain(finding));
    }
    let tenant = onboarding.tenant();
    let in_use = version_in_use(onboarding, key);
    let asked = in_use.map_or_else(|| key.clone(), KeyUrl::without_version);
    let vault = app.key_vault.verify(tenant, &asked).await;
    let vault = vault.map_err(|error| of_vault(error, key, tenant, onboarding.service_principal()))?;
    check_region(&vault, onboarding)?;
    let service_principal = match onboarding.service_principal() {
        Some(known) => known,
        None => app.identity.prove_consent(tenant).await.map_err(|error| of_entra(error, tenant))?,
    };
    let refused =
        |error| of_vault(error, key, tenant, Some(service_principal)).behind_consent(service_principal);
    let newest = vault.get_key().await.map_err(refused)?;
    let other = in_use.filter(|in_use| *in_use != newest.kid());
    let bundle = match other.and_then(|in_use| vault.for_version(in_use)) {
        Some(vault) => vault.get_key().await.map_err(refused)?,
        None => newest.clone(),
    };
    let (margin, named) = match in_use {
        Some(in_use) => (Duration::ZERO, other.map_or_else(|| in_use.without_version(), Clone::clone)),
        None => (EXPIRY_MARGIN, bundle.kid().without_version()),
    };
    if let Some(finding) = fault_of(&bundle, app.clock.now(), margin, named) {
        return Err(Refusal::certain(finding).behind_consent(service_principal));
    }
    if in_use.is_none()
        && let Some(finding) = not_proven_to_be_theirs(app, onboarding, &asked, &bundle)
    {
        return Err(Refusal::certain(finding).behind_consent(service_principal));
    }
    let wrapped = vault.wrap(&bundle).await.map_err(refused)?;
    vault.unwrap(&wrapped).await.map_err(refused)?;
    Ok((proof(onboarding, &vault, &bundle, service_principal), newest))
}

/// Whoever can tag the key with what only the customer's page shows holds both. A key in use was proven before.
fn not_proven_to_be_theirs(
    app: &App,
    onboarding: &Onboarding,
    asked: &KeyUrl,
    bundle: &KeyBundle,
) -> Option<Finding> {
    if app.settings.ownership == OwnershipProof::Off {
        return None;
    }
    let proves = |value: &String| app.signer.is_ownership_nonce(onboarding.id(), asked, value);
    if bundle.tags.get(OWNERSHIP_TAG).is_some_and(proves) {
        return None;
    }
    // What the other tags say is the customer's, and is not kept.
    let other_tags = bundle.tags.keys().filter(|name| *name != OWNERSHIP_TAG).count();
    Some(Finding::OwnershipNotProven {
        key: asked.clone(),
        other_tags: u32::try_from(other_tags).unwrap_or(u32::MAX),
    })
}

/// Reads the newest version of the key in use, and says what is wrong with it when it is the version in use: one call to a
/// vault that was [probed](probe) within the last hour.
pub(crate) async fn glance(
    app: &App,
    onboarding: &Onboarding,
    used: &ProvenKey,
) -> Result<KeyBundle, Refusal> {
    if let Some(finding) = drilled(app, onboarding, &used.version) {
        return Err(Refusal::certain(finding));
    }
    let (tenant, principal) = (onboarding.tenant(), Some(used.service_principal));
    let bundle = app.key_vault.glance(tenant, &used.version).await;
    let bundle = bundle.map_err(|error| of_vault(error, &used.version, tenant, principal))?;
    match fault_of(&bundle, app.clock.now(), Duration::ZERO, used.version.without_version()) {
        Some(finding) if *bundle.kid() == used.version => Err(Refusal::certain(finding)),
        Some(_) | None => Ok(bundle),
    }
}

/// What is wrong with the version in use, while another is the newest: one more call.
pub(crate) async fn glance_at_version_in_use(
    app: &App,
    onboarding: &Onboarding,
    used: &ProvenKey,
) -> Result<(), Refusal> {
    let (tenant, principal) = (onboarding.tenant(), Some(used.service_principal));
    let bundle = app.key_vault.glance_at_version(tenant, &used.version).await;
    let bundle = bundle.map_err(|error| of_vault(error, &used.version, tenant, principal))?;
    match fault_of(&bundle, app.clock.now(), Duration::ZERO, used.version.clone()) {
        Some(finding) => Err(Refusal::certain(finding)),
        None => Ok(()),
    }
}

/// The same, with a new token: a token from before a policy or a withdrawn consent may work for an hour more, and whoever
/// asks how things are now must not be told how they were. With the newest version of a key in use.
pub(crate) async fn fresh_probe(
    app: &App,
    onboarding: &Onboarding,
    key: &KeyUrl,
) -> Result<(ProvenKey, KeyBundle), Refusal> {
    let tenant = onboarding.tenant();
    app.identity.prove_consent(tenant).await.map_err(|error| of_entra(error, tenant))?;
    probe_with_newest(app, onboarding, key).await
}

/// Which version counts: while a set uses the key, the one that the set uses. A newer one that does not work yet, or not
/// any more, says nothing about the disks.
fn version_in_use<'a>(onboarding: &'a Onboarding, key: &KeyUrl) -> Option<&'a KeyUrl> {
    let in_use = onboarding.key().map(|proof| &proof.version)?;
    (matches!(onboarding.set(), Set::Ready { .. }) && in_use.is_same_key(key)).then_some(in_use)
}

/// During a drill a look finds the key in use disabled, and the customer's vault is not asked.
fn drilled(app: &App, onboarding: &Onboarding, key: &KeyUrl) -> Option<Finding> {
    onboarding.key().filter(|used| used.version.is_same_key(key))?;
    let drill = onboarding.grace().drill.as_ref()?;
    let pretends = drill.pretends_at(app.clock.now());
    pretends.then(|| Finding::KeyDisabled { key: key.without_version() })
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
        created: bundle.created,
        expires: bundle.expires,
        tenant: vault.tenant(),
        region: onboarding.region().clone(),
        service_principal: principal,
        warnings,
    }
}

/// What is wrong with the key itself, the first thing first; it must not expire within the margin. The finding names it so.
pub(crate) fn fault_of(
    bundle: &KeyBundle,
    now: OffsetDateTime,
    margin: Duration,
    key: KeyUrl,
) -> Option<Finding> {
    if let KeyType::Other(found) = &bundle.key_type {
        return Some(Finding::KeyType { key, found: found.clone() });
    }
    if !matches!(bundle.bits, Some(2048 | 3072 | 4096)) {
        return Some(Finding::KeySize { key, bits: bundle.bits });
    }
    if !bundle.enabled {
        return Some(Finding::KeyDisabled { key });
    }
    if bundle.not_before.is_some_and(|start| start > now + CLOCKS_DIFFER) {
        return Some(Finding::KeyNotYetValid { key });
    }
    if bundle.expires.is_some_and(|end| end < now + margin) {
        return Some(Finding::KeyExpired { key });
    }
    let allows_both = bundle.allows("wrapKey") && bundle.allows("unwrapKey");
    (!allows_both).then_some(Finding::KeyOperations { key })
}
