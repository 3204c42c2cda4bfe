//! The roles that `infra/` assigns to the identity of the app. A test compares them with what the template assigns.

use std::collections::{BTreeMap, BTreeSet};

use latchkey_functions::package;

use super::super::names::Names;

/// A role, and the resource at which the identity has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) role: Role,
    pub(super) scope: Scope,
}

/// Where it is assigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    /// At this resource.
    At(String),
    /// At the resource group of the disks, of which it is not known which one it is.
    SomeGroup,
}

/// What it allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// One of Azure's: its ID and its name.
    BuiltIn { id: String, name: &'static str },
    /// One of `infra/`'s, known by what it allows.
    Custom { what_for: &'static str, actions: BTreeSet<String>, data_actions: BTreeSet<String> },
}

/// The names of Azure's roles, for people; their IDs are in `infra/roles.json`.
const BUILT_IN: [(&str, &str); 6] = [
    ("serviceBusDataReceiver", "Azure Service Bus Data Receiver"),
    ("serviceBusDataSender", "Azure Service Bus Data Sender"),
    ("storageBlobDataOwner", "Storage Blob Data Owner"),
    ("storageBlobDataContributor", "Storage Blob Data Contributor"),
    ("keyVaultSecretsUser", "Key Vault Secrets User"),
    ("monitoringMetricsPublisher", "Monitoring Metrics Publisher"),
];

fn ids() -> BTreeMap<String, String> {
    serde_json::from_str(include_str!("../../../../../../infra/roles.json"))
        .expect("roles, which a test reads")
}

fn built_in(key: &str) -> Role {
    let name = BUILT_IN.into_iter().find(|(known, _)| *known == key).map(|(_, name)| name);
    Role::BuiltIn {
        id: ids()[key].clone(),
        name: name.expect("a role of the list above, which a test reads"),
    }
}

/// The role by which the platform reads how long a queue is (`exactScaling`): some deployments have it.
pub(super) fn exact_scaling() -> String {
    ids()["serviceBusDataOwner"].clone()
}

fn custom(what_for: &'static str, actions: &str, data_actions: &[&str]) -> Role {
    let actions: BTreeSet<String> =
        serde_json::from_str(actions).expect("a list of actions, which a test reads");
    let lower = |action: &str| action.to_lowercase();
    Role::Custom {
        what_for,
        actions: actions.iter().map(|action| lower(action)).collect(),
        data_actions: data_actions.iter().map(|action| lower(action)).collect(),
    }
}

/// Everything that the identity needs. `group` is the id of the deployment's, `disks_group` that of the disks.
pub(super) fn all(group: &str, names: &Names, disks_group: Option<&str>) -> Vec<Wanted> {
    let at = |below: String| Scope::At(format!("{group}/providers/{below}"));
    let bus = format!("Microsoft.ServiceBus/namespaces/{}", names.bus());
    let journal = format!(
        "Microsoft.Storage/storageAccounts/{}/blobServices/default/containers",
        names.journal_storage()
    );
    let vault = format!("Microsoft.KeyVault/vaults/{}", names.vault());
    let identity = format!("Microsoft.ManagedIdentity/userAssignedIdentities/{}", names.identity());
    let mut all = Vec::new();
    let mut wants = |role: Role, scope: Scope| all.push(Wanted { role, scope });
    for queue in package::queue_names() {
        wants(built_in("serviceBusDataReceiver"), at(format!("{bus}/queues/{queue}")));
        wants(built_in("serviceBusDataSender"), at(format!("{bus}/queues/{queue}")));
    }
    for topic in package::topic_names() {
        wants(built_in("serviceBusDataSender"), at(format!("{bus}/topics/{topic}")));
    }
    wants(
        built_in("storageBlobDataOwner"),
        at(format!("Microsoft.Storage/storageAccounts/{}", names.host_storage())),
    );
    for container in ["latchkey", "latchkey-anchors"] {
        wants(built_in("storageBlobDataContributor"), at(format!("{journal}/{container}")));
    }
    wants(built_in("keyVaultSecretsUser"), at(vault.clone()));
    wants(
        built_in("monitoringMetricsPublisher"),
        at(format!("Microsoft.Insights/components/{}", names.insights())),
    );
    let signs = ["Microsoft.KeyVault/vaults/keys/read", "Microsoft.KeyVault/vaults/keys/sign/action"];
    wants(custom("signs evidence", "[]", &signs), at(format!("{vault}/keys/evidence")));
    let assigns = include_str!("../../../../../../infra/identity-actions.json");
    wants(custom("assigns the identity to disk encryption sets", assigns, &[]), at(identity));
    let encrypts = include_str!("../../../../../../infra/disk-actions.json");
    let disks = disks_group.map_or(Scope::SomeGroup, |group| Scope::At(group.to_owned()));
    wants(custom("encrypts disks", encrypts, &[]), disks);
    all
}
