//! What hangs on a set besides a single disk: machines, snapshots, and the group that everything is in.

use std::time::Duration;

use reqwest::Method;
use sandbox::Lags;
use serde_json::{Value, json};

use crate::Story;
use crate::cloud::{Answer, COMPUTE, at};

const CUSTOMER_KEY: &str = "EncryptionAtRestWithCustomerKey";
const PLATFORM_KEY: &str = "EncryptionAtRestWithPlatformKey";
const MACHINES: &str = "api-version=2024-07-01";
const GROUPS: &str = "api-version=2024-03-01";
/// Shorter than the hour of the documentation, within which the test's tokens would end.
const KEY_LOSS: Duration = Duration::from_secs(600);

impl Story {
    /// A disk under the set, both finished.
    async fn encrypted_disk() -> Self {
        let mut story = Self::begin(Lags { key_loss: KEY_LOSS, ..Lags::default() }).await;
        story.consent().await;
        story.grant().await;
        story.made_set().await;
        story.made_disk().await;
        story.settled(story.patch_disk(story.under_the_set()).await, "Succeeded").await;
        story
    }

    fn under_the_set(&self) -> Value {
        json!({ "type": CUSTOMER_KEY, "diskEncryptionSetId": self.set_id() })
    }

    fn machine_id(&self) -> String {
        format!("{}/providers/Microsoft.Compute/virtualMachines/vm1", self.group)
    }

    fn snapshot_id(&self) -> String {
        format!("{}/providers/Microsoft.Compute/snapshots/snap1", self.group)
    }

    async fn machine(&self, method: Method, rest: &str, body: Option<Value>) -> Answer {
        let path = at(&format!("{}{rest}", self.machine_id()), MACHINES);
        self.cloud.arm(&self.cloud.seed.vendor, method, path, body).await
    }

    fn machine_body(&self, disk: &str) -> Value {
        json!({ "location": self.cloud.seed.vendor.region, "properties": { "storageProfile": { "osDisk": {
            "createOption": "Attach", "managedDisk": { "id": disk },
        }}}})
    }

    async fn made_machine(&self) {
        let made = self.machine(Method::PUT, "", Some(self.machine_body(&self.disk_id()))).await.expect(201);
        assert!(made.header("location").is_empty());
        self.settled(made, "Succeeded").await;
    }

    async fn power(&self) -> String {
        let view = self.machine(Method::GET, "/instanceView", None).await.expect(200).body;
        view["statuses"][1]["code"].as_str().unwrap().to_owned()
    }

    async fn switch(&self, operation: &str, outcome: &str) -> Value {
        let accepted = self.machine(Method::POST, &format!("/{operation}"), None).await.expect(202);
        assert_eq!(accepted.header("azure-asyncnotification"), "Enabled", "recorded of machines");
        assert!(accepted.header("azure-asyncoperation").contains("/operations/"));
        self.settled(accepted, outcome).await
    }

    async fn settled(&self, accepted: Answer, outcome: &str) -> Value {
        let ended = self.ended(&accepted).await;
        assert_eq!(ended["status"], outcome, "{ended}");
        ended
    }

    async fn disk(&self) -> Value {
        self.vendor(Method::GET, &self.disk_id(), None).await.expect(200).body["properties"].clone()
    }

    async fn snapshot(&self, properties: Value) -> Answer {
        let mut properties = properties;
        properties["creationData"] = json!({ "createOption": "Copy", "sourceResourceId": self.disk_id() });
        let body = json!({ "location": self.cloud.seed.vendor.region, "properties": properties });
        self.vendor(Method::PUT, &self.snapshot_id(), Some(body)).await
    }
}

#[tokio::test]
async fn a_machine_pins_its_disks_until_it_is_deallocated() {
    let story = Story::encrypted_disk().await;
    story.made_machine().await;
    assert_eq!(story.power().await, "PowerState/running");
    assert_eq!(story.disk().await["diskState"], "Attached");
    story.patch_disk(json!({ "type": PLATFORM_KEY })).await.expect_error(409, "OperationNotAllowed");
    story.switch("powerOff", "Succeeded").await;
    assert_eq!(story.power().await, "PowerState/stopped");
    story.patch_disk(json!({ "type": PLATFORM_KEY })).await.expect_error(409, "OperationNotAllowed");
    let ended = story.switch("deallocate", "Succeeded").await;
    assert!(ended.get("properties").is_none(), "switching shows nothing");
    assert_eq!(story.disk().await["diskState"], "Reserved");
    story.settled(story.patch_disk(json!({ "type": PLATFORM_KEY })).await.expect(202), "Succeeded").await;

    let taken = story.machine_body(&story.disk_id());
    let other = story.machine_id().replace("vm1", "vm2");
    let path = at(&other, MACHINES);
    let refused = story.cloud.arm(&story.cloud.seed.vendor, Method::PUT, path, Some(taken)).await;
    refused.expect_error(409, "AttachDiskWhileBeingDetached");
    story.machine(Method::DELETE, "", None).await.expect(202);
    story.machine(Method::GET, "", None).await.expect(200);
    story.machine(Method::GET, "", None).await.expect_error(404, "ResourceNotFound");
    assert_eq!(story.disk().await["diskState"], "Unattached");
}

#[tokio::test]
async fn a_machine_whose_key_is_disabled_stops_after_a_while_and_starts_when_it_is_back() {
    let story = Story::encrypted_disk().await;
    story.made_machine().await;
    story.set_key(json!({ "enabled": false })).await;
    story.cloud.sandbox.advance_clock(KEY_LOSS - Duration::from_secs(60));
    assert_eq!(story.power().await, "PowerState/running");
    story.cloud.sandbox.advance_clock(Duration::from_secs(120));
    assert_eq!(story.power().await, "PowerState/stopped");
    let failed = story.switch("start", "Failed").await;
    assert_eq!(failed["error"]["code"], "KeyVaultKeyNotEnabled");
    assert!(failed["error"]["message"].as_str().unwrap().contains("Target: VM: '"), "{failed}");
    story.set_key(json!({ "enabled": true })).await;
    story.switch("start", "Succeeded").await;
    assert_eq!(story.power().await, "PowerState/running");
}

/// A set gets another key of the customer's, from another vault, by one PATCH. What was lost before is not mended by that.
#[tokio::test]
async fn a_key_that_was_replaced_is_needed_until_it_can_be_used_again() {
    let story = Story::encrypted_disk().await;
    story.made_machine().await;
    let customer = story.cloud.seed.customer.clone();
    // The group of the key in use.
    let theirs = format!("/subscriptions/{}/resourceGroups/rg", customer.subscription_id);
    let vault = story.cloud.make_vault(&customer, &theirs, "kv-other").await;
    let other = story.cloud.make_key(&customer, "kv-other", "disks").await;
    let principal = story.customer_principal.as_deref().unwrap();
    story.cloud.assign(&customer, &format!("{vault}/keys/disks"), crate::ENCRYPTION_USER, principal).await;

    story.set_key(json!({ "enabled": false })).await;
    story.switch("deallocate", "Succeeded").await;
    let change = json!({ "properties": { "activeKey": { "keyUrl": other } } });
    let accepted = story.vendor(Method::PATCH, &story.set_id(), Some(change)).await.expect(202);
    story.settled(accepted, "Succeeded").await;
    // Within the lifetime of the tokens.
    story.cloud.sandbox.advance_clock(Duration::from_secs(1800));
    let set = story.get_set().await["properties"].clone();
    assert_eq!(set["activeKey"]["keyUrl"], other.as_str());
    assert_eq!(set["previousKeys"], json!([{ "keyUrl": story.key }]), "no disk could be wrapped anew");
    assert_eq!(story.switch("start", "Failed").await["error"]["code"], "KeyVaultKeyNotEnabled");
    story.set_key(json!({ "enabled": true })).await;
    story.switch("start", "Succeeded").await;
    assert!(story.get_set().await["properties"].get("previousKeys").is_none());
}

#[tokio::test]
async fn an_expired_key_leaves_a_running_machine_alone_and_keeps_it_from_starting() {
    let story = Story::encrypted_disk().await;
    story.made_machine().await;
    story.set_key(json!({ "exp": 1_600_000_000 })).await;
    story.cloud.sandbox.advance_clock(KEY_LOSS * 2);
    assert_eq!(story.power().await, "PowerState/running");
    story.switch("deallocate", "Succeeded").await;
    let failed = story.switch("start", "Failed").await;
    assert!(failed["error"]["message"].as_str().unwrap().contains("Key is expired"), "{failed}");
}

#[tokio::test]
async fn a_machine_is_made_of_disks_that_it_may_have() {
    let story = Story::encrypted_disk().await;
    let nowhere = story.disk_id().replace("disk1", "none");
    let put = async |body: Value| story.machine(Method::PUT, "", Some(body)).await;
    put(story.machine_body(&nowhere)).await.expect_error(404, "NotFound");
    let mut image = story.machine_body(&story.disk_id());
    image["properties"]["storageProfile"]["osDisk"]["createOption"] = json!("FromImage");
    put(image).await.expect_error(400, "InvalidParameter");
    let mut elsewhere = story.machine_body(&story.disk_id());
    elsewhere["location"] = json!("northeurope");
    put(elsewhere).await.expect_error(400, "InvalidParameter");
    story.machine(Method::POST, "/start", None).await.expect_error(404, "ResourceNotFound");
    story.machine(Method::POST, "/redeploy", None).await.expect_error(404, "InvalidResourceType");
}

#[tokio::test]
async fn a_snapshot_is_under_its_disks_key_and_counts_as_a_user_of_the_set() {
    let story = Story::encrypted_disk().await;
    story.settled(story.snapshot(json!({})).await.expect(202), "Succeeded").await;
    let made = story.vendor(Method::GET, &story.snapshot_id(), None).await.expect(200).body;
    assert_eq!(made["properties"]["encryption"]["type"], CUSTOMER_KEY);
    let path = format!("{}/associatedResources", story.set_id());
    let users = story.vendor(Method::GET, &path, None).await.expect(200).body;
    let users: Vec<&str> = users["value"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(users.len(), 2, "{users:?}");
    assert!(users.iter().any(|id| id.ends_with("/snapshots/SNAP1")), "{users:?}");

    // A plain snapshot may leave the set; only then nothing keeps the disk's key.
    let body = json!({ "properties": { "encryption": { "type": PLATFORM_KEY } } });
    let patched = story.vendor(Method::PATCH, &story.snapshot_id(), Some(body)).await.expect(202);
    story.settled(patched, "Succeeded").await;
    story.settled(story.patch_disk(json!({ "type": PLATFORM_KEY })).await.expect(202), "Succeeded").await;
    let gone = story.vendor(Method::DELETE, &story.set_id(), None).await.expect(202);
    story.settled(gone, "Succeeded").await;
}

#[tokio::test]
async fn an_incremental_snapshot_binds_its_disk_to_the_set() {
    let story = Story::encrypted_disk().await;
    let other = json!({ "incremental": true, "encryption": { "type": PLATFORM_KEY } });
    story.snapshot(other).await.expect_error(409, "OperationNotAllowed");
    story.settled(story.snapshot(json!({ "incremental": true })).await.expect(202), "Succeeded").await;
    story.patch_disk(json!({ "type": PLATFORM_KEY })).await.expect_error(409, "OperationNotAllowed");
    story.vendor(Method::DELETE, &story.set_id(), None).await.expect_error(409, "OperationNotAllowed");
    let gone = story.vendor(Method::DELETE, &story.snapshot_id(), None).await.expect(202);
    story.settled(gone, "Succeeded").await;
    story.patch_disk(json!({ "type": PLATFORM_KEY })).await.expect(202);
}

#[tokio::test]
async fn disks_with_a_past_or_of_a_kind_are_refused() {
    let story = Story::consented_and_granted().await;
    story.made_set().await;
    story.made_disk().await;
    let older = json!({ "properties": { "encryptionSettingsCollection": { "enabled": true } } });
    let patched = story.vendor(Method::PATCH, &story.disk_id(), Some(older)).await.expect(202);
    story.settled(patched, "Succeeded").await;
    let turned_off = json!({ "properties": { "encryptionSettingsCollection": { "enabled": false } } });
    let patched = story.vendor(Method::PATCH, &story.disk_id(), Some(turned_off)).await.expect(202);
    story.settled(patched, "Succeeded").await;
    let shown = story.vendor(Method::GET, &story.disk_id(), None).await.expect(200);
    let past = json!({ "enabled": false, "encryptionSettingsVersion": "1.1" });
    assert_eq!(shown.body["properties"]["encryptionSettingsCollection"], past);
    let refused = story.patch_disk(story.under_the_set()).await.expect_error(409, "OperationNotAllowed");
    assert!(refused.message().contains("previously encrypted with Azure Disk Encryption"), "{refused:?}");

    let fast = story.disk_id().replace("disk1", "fast");
    let body = json!({
        "location": story.cloud.seed.vendor.region,
        "sku": { "name": "PremiumV2_LRS" },
        "properties": {
            "creationData": { "createOption": "Empty" }, "diskSizeGB": 4, "encryption": story.under_the_set(),
        },
    });
    story.cloud.sandbox.let_direct_drive_be_refused(true);
    let refused = story.vendor(Method::PUT, &fast, Some(body.clone())).await;
    refused.expect_error(400, "DirectDriveDiskNotSupportUserAssignedIdentityDes");
    story.cloud.sandbox.let_direct_drive_be_refused(false);
    story.vendor(Method::PUT, &fast, Some(body)).await.expect(202);
}

#[tokio::test]
async fn addresses_of_operations_can_be_as_long_as_azures_have_become() {
    let story = Story::consented_and_granted().await;
    story.cloud.sandbox.let_operation_urls_be_long(true);
    let accepted = story.put_set(story.set_body()).await.expect(202);
    assert!(accepted.header("azure-asyncoperation").len() > 3_500);
    story.settled(accepted, "Succeeded").await;
}

#[tokio::test]
async fn a_group_takes_everything_in_it_along() {
    let story = Story::encrypted_disk().await;
    story.made_machine().await;
    let vendor = &story.cloud.seed.vendor;
    let listed = async || {
        let path = at(&format!("/subscriptions/{}/resources", vendor.subscription_id), GROUPS);
        let body = story.cloud.arm(vendor, Method::GET, path, None).await.expect(200).body;
        body["value"].as_array().unwrap().len()
    };
    assert_eq!(listed().await, 4, "an identity, a set, a disk and a machine");
    let accepted = story.cloud.arm(vendor, Method::DELETE, at(&story.group, GROUPS), None).await.expect(202);
    let token = story.cloud.token(vendor, crate::cloud::ARM).await;
    let address = accepted.header("location").to_owned();
    story.cloud.send(Method::GET, &address, Some(&token), None).await.expect(202);
    story.cloud.send(Method::GET, &address, Some(&token), None).await.expect(200);
    story.cloud.arm(vendor, Method::GET, at(&story.group, GROUPS), None).await.expect(404);
    assert_eq!(listed().await, 0);
    story.cloud.arm(vendor, Method::DELETE, at(&story.group, GROUPS), None).await.expect(404);
}

#[tokio::test]
async fn a_group_stays_while_a_disk_or_snapshot_outside_needs_its_set() {
    let story = Story::encrypted_disk().await;
    let vendor = &story.cloud.seed.vendor;
    let other = format!("/subscriptions/{}/resourceGroups/other", vendor.subscription_id);
    let body = json!({ "location": vendor.region });
    story.cloud.arm(vendor, Method::PUT, at(&other, GROUPS), Some(body)).await.expect(201);
    let body = json!({ "location": vendor.region, "properties": {
        "creationData": { "createOption": "Empty" }, "diskSizeGB": 4, "encryption": story.under_the_set(),
    }});
    let disk = at(&format!("{other}/providers/Microsoft.Compute/disks/outside"), COMPUTE);
    let accepted = story.cloud.arm(vendor, Method::PUT, disk, Some(body)).await.expect(202);
    story.settled(accepted, "Succeeded").await;
    let deleted = async || story.cloud.arm(vendor, Method::DELETE, at(&story.group, GROUPS), None).await;
    deleted().await.expect_error(409, "ResourceGroupDeletionBlocked");

    let source = format!("{other}/providers/Microsoft.Compute/disks/outside");
    let body = json!({ "location": vendor.region, "properties": {
        "creationData": { "createOption": "Copy", "sourceResourceId": source },
    }});
    let snapshot = at(&format!("{other}/providers/Microsoft.Compute/snapshots/outside"), COMPUTE);
    let accepted = story.cloud.arm(vendor, Method::PUT, snapshot, Some(body)).await.expect(202);
    story.settled(accepted, "Succeeded").await;
    let accepted = story.cloud.arm(vendor, Method::DELETE, at(&source, COMPUTE), None).await.expect(202);
    story.settled(accepted, "Succeeded").await;
    deleted().await.expect_error(409, "ResourceGroupDeletionBlocked");
}

#[tokio::test]
async fn a_snapshot_written_twice_in_a_row_comes_to_rest() {
    let story = Story::encrypted_disk().await;
    story.settled(story.snapshot(json!({})).await.expect(202), "Succeeded").await;
    let body = json!({ "properties": { "encryption": { "type": PLATFORM_KEY } } });
    story.vendor(Method::PATCH, &story.snapshot_id(), Some(body.clone())).await.expect(202);
    let second = story.vendor(Method::PATCH, &story.snapshot_id(), Some(body)).await.expect(202);
    story.settled(second, "Succeeded").await;
    let shown = story.vendor(Method::GET, &story.snapshot_id(), None).await.expect(200).body;
    assert_eq!(shown["properties"]["provisioningState"], "Succeeded");
}

#[tokio::test]
async fn a_region_of_a_subscription_takes_only_so_many_sets() {
    let story = Story::consented_and_granted().await;
    story.cloud.sandbox.set_limits(sandbox::Limits { disk_encryption_sets: 1, ..Default::default() });
    story.made_set().await;
    let second = story.set_id().replace("des1", "des2");
    let refused = story.vendor(Method::PUT, &second, Some(story.set_body())).await;
    assert!(
        refused.expect_error(409, "OperationNotAllowed").message().contains("has 1 disk encryption sets")
    );
    story.put_set(story.set_body()).await.expect(202);
}
