//! The sentences in which findings are shown, to the customer and to the vendor.

mod disks;
mod leaving;
mod mend;
mod ownership;
mod policies;
mod summary;

use std::fmt::Display;

use azure_ids::{KeyUrl, ObjectId};

use crate::role::ROLE;

/// The vault that a person names.
const VAULT_ID: &str = "$(az keyvault show --name VAULT --query id --output tsv)";

/// Who may consent for a whole tenant.
const ADMINISTRATORS: &str =
    "an Application Administrator, a Cloud Application Administrator or a Privileged Role Administrator";

fn vault(key: &KeyUrl) -> &str {
    key.host().vault_name()
}

fn grant_command(service_principal: &ObjectId, scope: &str) -> String {
    format!(
        "az role assignment create --role \"{ROLE}\" --assignee-object-id {service_principal} \
         --assignee-principal-type ServicePrincipal --scope {scope}"
    )
}

fn recover(key: &KeyUrl) -> String {
    format!("az keyvault key recover --vault-name {} --name {}", vault(key), key.name())
}

/// Of one version when the key names one; otherwise Azure takes the newest.
fn set_attributes(key: &KeyUrl, what: impl Display) -> String {
    let version = key.version().map(|version| format!("--version {version} ")).unwrap_or_default();
    format!(
        "az keyvault key set-attributes --vault-name {} --name {} {version}{what}",
        vault(key),
        key.name()
    )
}

fn new_version(key: &KeyUrl) -> String {
    format!("az keyvault key create --vault-name {} --name {} --kty RSA --size 3072", vault(key), key.name())
}

fn version(key: &KeyUrl) -> &str {
    key.version().unwrap_or("(no version)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Finding, Owner};

    #[test]
    fn a_missing_grant_says_the_whole_command() {
        let key: KeyUrl = "https://contoso.vault.azure.net/keys/disks".parse().unwrap();
        let principal: ObjectId = "0a1b2c3d-1111-2222-3333-444455556666".parse().unwrap();
        let finding = Finding::GrantMissing { service_principal: Some(principal), key };
        assert_eq!(finding.owner(), Owner::Customer);
        assert_eq!(
            finding.mend(),
            ["az role assignment create --role \"Key Vault Crypto Service Encryption User\" \
              --assignee-object-id 0a1b2c3d-1111-2222-3333-444455556666 \
              --assignee-principal-type ServicePrincipal \
              --scope $(az keyvault show --name contoso --query id --output tsv)/keys/disks"]
        );
    }
}
