//! For tests that go through tables of fields: a body of every type of resource, and how a field of it is set.

use reqwest::Method;
use sandbox::SeedTenant;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cloud::{Answer, Cloud, at};

/// A table of the sandbox's own.
pub(crate) fn table<Row: DeserializeOwned>(name: &str) -> Vec<Row> {
    let file = format!("{}/data/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// A body with which a resource of this type can be made in the tenant.
pub(crate) fn body(tenant: &SeedTenant, resource_type: &str) -> Value {
    let mut body = match resource_type {
        "Microsoft.Compute/disks" => {
            json!({ "properties": { "diskSizeGB": 4, "creationData": { "createOption": "Empty" } } })
        }
        "Microsoft.Compute/snapshots" => {
            let group = format!("/subscriptions/{}/resourceGroups/rg", tenant.subscription_id);
            let source = format!("{group}/providers/Microsoft.Compute/disks/source");
            json!({ "properties": { "creationData": { "createOption": "Copy", "sourceResourceId": source } } })
        }
        "Microsoft.Compute/diskEncryptionSets" => {
            let key = json!({ "keyUrl": "https://kv-bodies.vault.azure.net/keys/k/1" });
            json!({ "identity": { "type": "SystemAssigned" }, "properties": { "activeKey": key } })
        }
        "Microsoft.Compute/virtualMachines" => {
            let os = json!({ "createOption": "Attach", "managedDisk": {} });
            json!({ "properties": { "storageProfile": { "osDisk": os } } })
        }
        "Microsoft.KeyVault/vaults" => {
            let sku = json!({ "family": "A", "name": "standard" });
            json!({ "properties": { "tenantId": tenant.tenant_id, "sku": sku, "accessPolicies": [] } })
        }
        "Microsoft.KeyVault/managedHSMs" => json!({
            "sku": { "family": "B", "name": "Standard_B1" },
            "properties": { "tenantId": tenant.tenant_id, "initialAdminObjectIds": [Uuid::new_v4()] },
        }),
        "Microsoft.ManagedIdentity/userAssignedIdentities" => json!({}),
        "Microsoft.Resources/deployments" => {
            let template = json!({ "$schema": "x", "contentVersion": "1.0.0.0", "resources": [] });
            return json!({ "properties": { "mode": "Incremental", "template": template } });
        }
        other if Described::named(other).is_some() => json!({}),
        other => panic!("no body of {other} is known here"),
    };
    body["location"] = json!(tenant.region);
    body
}

/// Sets a field: names with dots between them, `[]` for an item of an array, `{}` for a name in an object.
pub(crate) fn set(body: &mut Value, field: &str, value: &str) {
    let mut place = body;
    for name in field.split('.') {
        if let Some(name) = name.strip_suffix("{}") {
            place[name] = json!({ value: {} });
            return;
        }
        place = match name.strip_suffix("[]") {
            Some(name) => {
                if !place[name].is_array() {
                    place[name] = json!([{}]);
                }
                &mut place[name][0]
            }
            None => &mut place[name],
        };
    }
    *place = json!(value);
}

/// A type of which no more is simulated than that it is there.
#[derive(Deserialize)]
pub(crate) struct Described {
    #[serde(rename = "type")]
    pub(crate) name: String,
    pub(crate) versions: Vec<String>,
    pub(crate) place: String,
    #[serde(default)]
    pub(crate) names: Vec<String>,
    #[serde(default)]
    pub(crate) listed_by_post: bool,
}

impl Described {
    pub(crate) fn all() -> Vec<Self> {
        // The table says more than tests look at.
        table("described_types.json")
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|known| known.name == name)
    }
}

/// The id of a resource with this name. What it stands below is called `parent`, or by its only name.
pub(crate) fn id(group: &str, resource_type: &str, name: &str) -> String {
    let (namespace, kinds) = resource_type.split_once('/').unwrap();
    let described = Described::named(resource_type);
    let scope = match described {
        Some(Described { place, .. }) if place == "any resource" => {
            format!("{group}/providers/Microsoft.KeyVault/vaults/kv-bodies")
        }
        _ => group.to_owned(),
    };
    let kinds: Vec<&str> = kinds.split('/').collect();
    let mut id = format!("{scope}/providers/{namespace}");
    for number in 1..kinds.len() {
        let above = Described::named(&format!("{namespace}/{}", kinds[..number].join("/")));
        let only = above.and_then(|above| above.names.first().cloned());
        let vault = (namespace == "Microsoft.KeyVault").then(|| "kv-bodies".to_owned());
        let above = only.or(vault).unwrap_or_else(|| "parent".to_owned());
        id.push_str(&format!("/{}/{above}", kinds[number - 1]));
    }
    format!("{id}/{}/{name}", kinds.last().unwrap())
}

/// The address of a resource with an API version that its type takes.
pub(crate) fn address(group: &str, resource_type: &str, name: &str) -> String {
    let described = Described::named(resource_type).map(|known| known.versions[0].clone());
    let version = described.unwrap_or_else(|| {
        let disks = [
            "Microsoft.Compute/disks",
            "Microsoft.Compute/snapshots",
            "Microsoft.Compute/diskEncryptionSets",
        ];
        if disks.contains(&resource_type) { "2024-03-02" } else { "2024-03-01" }.to_owned()
    });
    at(&id(group, resource_type, name), &format!("api-version={version}"))
}

/// Makes what the bodies refer to: the group `rg` with a disk and a vault. Gives the group's id.
pub(crate) async fn group(cloud: &Cloud, tenant: &SeedTenant) -> String {
    let group = cloud.group(tenant).await;
    let source = body(tenant, "Microsoft.Compute/disks");
    let path = address(&group, "Microsoft.Compute/disks", "source");
    let begun: Answer = cloud.arm(tenant, Method::PUT, path, Some(source)).await.expect(202);
    cloud.follow(tenant, &begun).await;
    cloud.make_vault(tenant, &group, "kv-bodies").await;
    group
}
