//! Asks the customer's vault, as the vendor's application, whether the key works. Changes nothing there.
//!
//! It predicts what the disk encryption set will do, because that uses the same application: the vault's own challenge
//! must name the bound tenant before any token is sent, the vault must be in the disks' region, and the key must be an
//! enabled RSA key of a size that disks take, and wrap and unwrap. An expired key still unwraps, so both are tried.
//! Requirements: Microsoft Learn, "Encrypt managed disks with cross-tenant customer-managed keys".

use azure_clients::key_vault::{KeyBundle, KeyType, VerifiedVault};
use azure_ids::{KeyUrl, ObjectId};
use onboarding::{
    Onboarding, ProvenKey,
    finding::{Code, Finding},
};
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
        return Err(found(Finding::new(
            Code::ManagedHsm,
            "Keys in a managed HSM are not supported yet.",
            &["Use an RSA or RSA-HSM key in a key vault.".to_owned()],
        )));
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
    if let Some(finding) = fault_of(&bundle, app.clock.now()) {
        return Err(found(finding).behind_consent(service_principal));
    }
    let wrapped = vault.wrap(&bundle).await.map_err(refused)?;
    vault.unwrap(&wrapped).await.map_err(refused)?;
    Ok(proof(onboarding, &vault, &bundle, service_principal))
}

fn found(finding: Finding) -> Refusal {
    Refusal::certain(finding)
}

fn check_region(vault: &VerifiedVault, onboarding: &Onboarding) -> Result<(), Refusal> {
    match vault.region() {
        Some(region) if region == onboarding.region() => Ok(()),
        Some(region) => Err(found(Finding::wrong_region(region, onboarding.region()))),
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
        Some(false) | None => vec![Finding::new(
            Code::NoPurgeProtection,
            "The vault has no purge protection: whoever may purge the key can destroy the disks for good.",
            &[format!(
                "az keyvault update --name {} --enable-purge-protection true",
                bundle.kid().host().vault_name()
            )],
        )],
    };
    ProvenKey {
        version: bundle.kid().clone(),
        tenant: vault.tenant(),
        region: onboarding.region().clone(),
        service_principal: principal,
        warnings,
    }
}

/// What is wrong with the key itself, the first thing first.
fn fault_of(key: &KeyBundle, now: OffsetDateTime) -> Option<Finding> {
    let (vault, name) = (key.kid().host().vault_name(), key.kid().name());
    let another =
        || [format!("az keyvault key create --vault-name {vault} --name {name} --kty RSA --size 3072")];
    let set =
        |what: &str| [format!("az keyvault key set-attributes --vault-name {vault} --name {name} {what}")];
    if let KeyType::Other(kind) = &key.key_type {
        let text = format!("Disks take RSA keys; this one is {kind}.");
        return Some(Finding::new(Code::KeyType, text, &another()));
    }
    if !matches!(key.bits, Some(2048 | 3072 | 4096)) {
        let bits = key.bits.map_or_else(|| "unknown".to_owned(), |bits| bits.to_string());
        let text = format!("Disks take RSA keys of 2048, 3072 or 4096 bits; this one has {bits}.");
        return Some(Finding::new(Code::KeySize, text, &another()));
    }
    if !key.enabled {
        return Some(Finding::new(Code::KeyDisabled, "The key is disabled.", &set("--enabled true")));
    }
    if key.not_before.is_some_and(|start| start > now) {
        return Some(Finding::new(
            Code::KeyNotYetValid,
            "The key is not valid yet.",
            &set("--not-before DATE"),
        ));
    }
    if key.expires.is_some_and(|end| end < now + EXPIRY_MARGIN) {
        let text = "The key has expired, or expires within a day.";
        return Some(Finding::new(Code::KeyExpired, text, &set("--expires DATE")));
    }
    if !(key.allows("wrapKey") && key.allows("unwrapKey")) {
        let text = "The key may not both wrap and unwrap.";
        return Some(Finding::new(Code::KeyOperations, text, &set("--ops wrapKey unwrapKey")));
    }
    None
}
