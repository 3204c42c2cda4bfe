//! What the customer removes in the end: exact commands, in the order in which they are run.

use azure_ids::{KeyUrl, ObjectId};

use crate::role::ROLE;

/// One thing to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// What, and when not.
    pub what: &'static str,
    /// The command.
    pub command: String,
}

/// The access first: with it our application can do nothing any more. Then the application, and then the key, if nothing
/// else needs it.
#[must_use]
pub fn what_to_remove(key: &KeyUrl, service_principal: Option<ObjectId>) -> Vec<Removal> {
    let (vault, name) = (key.host().vault_name(), key.name());
    let who = service_principal.map_or_else(|| "OBJECT_ID".to_owned(), |id| id.to_string());
    let scope = format!("$(az keyvault show --name {vault} --query id --output tsv)/keys/{name}");
    vec![
        Removal {
            what: "The application's access to the key:",
            command: format!(
                "az role assignment delete --assignee {who} --role \"{ROLE}\" --scope \"{scope}\""
            ),
        },
        Removal {
            what: "The vendor's application in your tenant, unless you use another product of the vendor:",
            command: format!("az ad sp delete --id {who}"),
        },
        Removal {
            what: "The key, unless you use it for something else. Nothing of the vendor's needs it any more:",
            command: format!("az keyvault key delete --vault-name {vault} --name {name}"),
        },
    ]
}
