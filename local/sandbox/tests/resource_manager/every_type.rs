//! What holds for every type of resource: it is listed, it can be a scope of roles, and it goes with its group.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cloud::{ARM, Answer, COMPUTE, Cloud, GRAPH, at};

const RESOURCES: &str = "api-version=2024-03-01";
const MACHINES: &str = "api-version=2024-07-01";
const BUS: &str = "api-version=2024-01-01";
const VAULTS: &str = "api-version=2023-07-01";

/// The vendor's group `rg` with one resource of every type in it.
struct Group {
    cloud: Cloud,
    id: String,
    set_principal: String,
}

impl Group {
    async fn full() -> Self {
        let cloud = Cloud::start().await;
        let vendor = &cloud.seed.vendor;
        let id = cloud.group(vendor).await;
        let mut group = Self { cloud, id, set_principal: String::new() };
        let tenant = group.cloud.seed.vendor.tenant_id;
        let vault =
            json!({ "tenantId": tenant, "sku": { "family": "A", "name": "standard" }, "accessPolicies": [] });
        group.put("Microsoft.KeyVault/vaults/kv-group", VAULTS, json!({ "properties": vault })).await;
        let hsm = json!({
            "sku": { "family": "B", "name": "Standard_B1" },
            "properties": { "tenantId": tenant, "initialAdminObjectIds": [Uuid::new_v4()] },
        });
        group.put("Microsoft.KeyVault/managedHSMs/hsm-group", VAULTS, hsm).await;
        let identity = "Microsoft.ManagedIdentity/userAssignedIdentities/identity1";
        group.put(identity, "api-version=2023-01-31", json!({})).await;
        group.put("Microsoft.ServiceBus/namespaces/bus-group", BUS, json!({})).await;
        let set = json!({
            "identity": { "type": "SystemAssigned" },
            "properties": { "activeKey": { "keyUrl": "https://kv-group.vault.azure.net/keys/k/1" } },
        });
        let set = group.put("Microsoft.Compute/diskEncryptionSets/set1", COMPUTE, set).await;
        group.set_principal = set["identity"]["principalId"].as_str().unwrap().to_owned();
        group.put_disk("disk1").await;
        let copy = json!({ "createOption": "Copy", "sourceResourceId": group.disk("disk1") });
        let snapshot = json!({ "properties": { "creationData": copy } });
        group.put("Microsoft.Compute/snapshots/snapshot1", COMPUTE, snapshot).await;
        group.put_machine(&group.disk("disk1")).await;
        for kind in ["images", "virtualMachineScaleSets"] {
            group.put(&format!("Microsoft.Compute/{kind}/{kind}1"), MACHINES, json!({})).await;
        }
        group
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.cloud.arm(&self.cloud.seed.vendor, method, path, body).await
    }

    fn resource(&self, rest: &str) -> String {
        format!("{}/providers/{rest}", self.id)
    }

    fn disk(&self, name: &str) -> String {
        self.resource(&format!("Microsoft.Compute/disks/{name}"))
    }

    /// Begins to write a resource.
    async fn begin(&self, id: &str, version: &str, mut body: Value) -> Answer {
        body["location"] = json!(self.cloud.seed.vendor.region);
        let answer = self.call(Method::PUT, &at(id, version), Some(body)).await;
        assert!((200..300).contains(&answer.status), "{id}: {}", answer.body);
        answer
    }

    /// Writes a resource and gives it as it is in the end.
    async fn put(&self, rest: &str, version: &str, body: Value) -> Value {
        let id = self.resource(rest);
        let begun = self.begin(&id, version, body).await;
        if !begun.header("azure-asyncoperation").is_empty() {
            let (ended, _) = self.cloud.follow(&self.cloud.seed.vendor, &begun).await;
            assert_eq!(ended.body["status"], "Succeeded", "{}", ended.body);
        }
        self.call(Method::GET, &at(&id, version), None).await.expect(200).body
    }

    async fn begin_disk(&self, id: &str) -> Answer {
        let properties = json!({ "diskSizeGB": 4, "creationData": { "createOption": "Empty" } });
        self.begin(id, COMPUTE, json!({ "properties": properties })).await
    }

    async fn put_disk(&self, name: &str) {
        let begun = self.begin_disk(&self.disk(name)).await;
        self.cloud.follow(&self.cloud.seed.vendor, &begun).await;
    }

    async fn put_machine(&self, disk: &str) {
        let os = json!({ "createOption": "Attach", "managedDisk": { "id": disk } });
        let machine = json!({ "properties": { "storageProfile": { "osDisk": os } } });
        self.put("Microsoft.Compute/virtualMachines/vm1", MACHINES, machine).await;
    }

    /// Deletes the group and waits until it is gone.
    async fn delete(&self) {
        let accepted = self.call(Method::DELETE, &at(&self.id, RESOURCES), None).await.expect(202);
        let address = accepted.header("location").to_owned();
        let token = self.cloud.token(&self.cloud.seed.vendor, ARM).await;
        for _ in 0..5 {
            if self.cloud.send(Method::GET, &address, Some(&token), None).await.status != 202 {
                return;
            }
        }
        panic!("the group is not gone after five looks");
    }

    async fn listed(&self) -> Vec<Value> {
        let path = at(&format!("{}/resources", self.id), RESOURCES);
        let listed = self.call(Method::GET, &path, None).await.expect(200).body;
        listed["value"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn every_type_of_resource_is_listed_among_the_resources() {
    let group = Group::full().await;
    let listed = group.listed().await;
    let types: BTreeSet<&str> = listed.iter().map(|resource| resource["type"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        BTreeSet::from([
            "Microsoft.Compute/diskEncryptionSets",
            "Microsoft.Compute/disks",
            "Microsoft.Compute/images",
            "Microsoft.Compute/snapshots",
            "Microsoft.Compute/virtualMachineScaleSets",
            "Microsoft.Compute/virtualMachines",
            "Microsoft.KeyVault/managedHSMs",
            "Microsoft.KeyVault/vaults",
            "Microsoft.ManagedIdentity/userAssignedIdentities",
            "Microsoft.ServiceBus/namespaces",
        ])
    );
}

#[tokio::test]
async fn a_role_can_be_assigned_at_a_resource_of_every_type() {
    let group = Group::full().await;
    let vendor = &group.cloud.seed.vendor;
    for resource in group.listed().await {
        let scope = resource["id"].as_str().unwrap();
        group.cloud.assign(vendor, scope, "Reader", &group.set_principal).await;
    }
    let nothing = group.resource("Microsoft.Compute/virtualMachines/nothing");
    let role = "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7";
    let body = json!({ "properties": { "roleDefinitionId": role, "principalId": group.set_principal } });
    let path = format!("{nothing}/providers/Microsoft.Authorization/roleAssignments/{}", Uuid::new_v4());
    let refused = group.call(Method::PUT, &at(&path, "api-version=2022-04-01"), Some(body)).await;
    refused.expect_error(404, "ResourceNotFound");
}

#[tokio::test]
async fn everything_in_a_group_goes_with_it() {
    let group = Group::full().await;
    let listed = group.listed().await;
    group.delete().await;
    group.cloud.group(&group.cloud.seed.vendor).await;
    assert_eq!(group.listed().await, Vec::<Value>::new());
    for resource in listed {
        let id = resource["id"].as_str().unwrap();
        let version = match resource["type"].as_str().unwrap() {
            kind if kind.contains("virtualMachine") || kind.contains("images") => MACHINES,
            kind if kind.contains("Compute") => COMPUTE,
            _ => VAULTS,
        };
        group.call(Method::GET, &at(id, version), None).await.expect_error(404, "ResourceNotFound");
    }
}

#[tokio::test]
async fn what_a_deleted_group_held_is_let_go() {
    let group = Group::full().await;
    let other = group.id.replace("/rg", "/other");
    group.begin(&other, RESOURCES, json!({})).await;
    let outside = group.disk("outside").replace("/rg/", "/other/");
    let begun = group.begin_disk(&outside).await;
    group.cloud.follow(&group.cloud.seed.vendor, &begun).await;
    group.put_machine(&outside).await;
    let state = async || {
        let disk = group.call(Method::GET, &at(&outside, COMPUTE), None).await.expect(200).body;
        disk["properties"]["diskState"].clone()
    };
    assert_eq!(state().await, "Attached");
    group.delete().await;
    assert_eq!(state().await, "Unattached", "its machine is gone");
    principal_is_gone(&group).await;
}

#[tokio::test]
async fn a_deleted_set_takes_its_system_assigned_identity_along() {
    let group = Group::full().await;
    let set = group.resource("Microsoft.Compute/diskEncryptionSets/set1");
    let accepted = group.call(Method::DELETE, &at(&set, COMPUTE), None).await.expect(202);
    group.cloud.follow(&group.cloud.seed.vendor, &accepted).await;
    principal_is_gone(&group).await;
}

#[tokio::test]
async fn what_is_under_way_in_a_deleted_group_does_not_bring_anything_back() {
    let group = Group::full().await;
    let begun = group.begin_disk(&group.disk("late")).await;
    group.delete().await;
    group.cloud.follow(&group.cloud.seed.vendor, &begun).await;
    group.cloud.group(&group.cloud.seed.vendor).await;
    assert_eq!(group.listed().await, Vec::<Value>::new());
}

async fn principal_is_gone(group: &Group) {
    let token = group.cloud.token(&group.cloud.seed.vendor, GRAPH).await;
    let url = format!("{GRAPH}/v1.0/servicePrincipals/{}", group.set_principal);
    group.cloud.send(Method::GET, url, Some(&token), None).await.expect(404);
}

#[tokio::test]
async fn an_image_and_a_scale_set_are_kept_as_they_were_written() {
    let group = Group::full().await;
    let set = json!({ "id": group.resource("Microsoft.Compute/diskEncryptionSets/set1") });
    let profile = json!({ "osDisk": { "managedDisk": { "diskEncryptionSet": set } } });
    for (kind, properties) in [
        (
            "images",
            json!({ "storageProfile": { "osDisk": { "osType": "Linux", "diskEncryptionSet": set } } }),
        ),
        ("virtualMachineScaleSets", json!({ "virtualMachineProfile": { "storageProfile": profile } })),
    ] {
        let rest = format!("Microsoft.Compute/{kind}/kept");
        let body = json!({ "sku": { "capacity": 2 }, "tags": { "a": "b" }, "properties": properties });
        let mut shown = group.put(&rest, MACHINES, body.clone()).await;
        assert_eq!((&shown["sku"], &shown["tags"]), (&body["sku"], &body["tags"]));
        assert_eq!(shown["properties"]["provisioningState"].take(), json!("Succeeded"));
        shown["properties"].as_object_mut().unwrap().remove("provisioningState");
        assert_eq!(shown["properties"], properties);
        let path = at(&group.resource(&rest), MACHINES);
        group.call(Method::DELETE, &path, None).await.expect(200);
        group.call(Method::DELETE, &path, None).await.expect(204);
        group.call(Method::GET, &path, None).await.expect_error(404, "ResourceNotFound");
    }
}
