//! What vaults and managed HSMs are called where their keys are used.

/// What makes the name of an HSM another than a vault's: no vault's name has a full stop.
pub(crate) const HSM_SUFFIX: &str = ".managedhsm";

/// Where what a holder holds is reached.
pub(crate) fn base_url(holder: &str) -> String {
    match holder.strip_suffix(HSM_SUFFIX) {
        Some(name) => format!("https://{name}.managedhsm.azure.net"),
        None => format!("https://{holder}.vault.azure.net"),
    }
}
