//! The story that the sandbox exists for: disks of one tenant under a key of another.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too, which clippy cannot see")]

#[path = "../cloud/mod.rs"]
mod cloud;
mod machines;
mod recorded;

use std::time::Duration;

use cloud::{ARM, Answer, COMPUTE, Cloud, KEYS, at};
use reqwest::Method;
use sandbox::{DiskState, Lags};
use serde_json::{Value, json};
use uuid::Uuid;

const EXCHANGE: &str = "api://AzureADTokenExchange";
const ENCRYPTION_USER: &str = "Key Vault Crypto Service Encryption User";

/// Everything that two organisations have to set up, each by its own administrator.
struct Story {
    cloud: Cloud,
    group: String,
    identity: String,
    identity_client: String,
    application: String,
    application_object: String,
    credential: Option<String>,
    vault: String,
    key: String,
    customer_principal: Option<String>,
}

impl Story {
    /// Set up, but neither consented to nor granted anything.
    async fn begin(lags: Lags) -> Self {
        let cloud = Cloud::with_lags(lags).await;
        let (vendor, customer) = (&cloud.seed.vendor, &cloud.seed.customer);
        let group = cloud.group(vendor).await;
        let identity = format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/latchkey");
        let body = json!({ "location": vendor.region });
        let made = cloud
            .arm(vendor, Method::PUT, at(&identity, "api-version=2023-01-31"), Some(body))
            .await
            .expect(201);
        assert!(cloud.sandbox.attach_identity(&identity));
        let subject = text(&made.body["properties"]["principalId"]);
        let body = json!({ "displayName": "Latchkey", "signInAudience": "AzureADMultipleOrgs" });
        let app = cloud.graph(vendor, "/applications", body).await.expect(201).body;
        let body = json!({
            "name": "latchkey",
            "issuer": format!("https://login.microsoftonline.com/{}/v2.0", vendor.tenant_id),
            "subject": subject,
            "audiences": [EXCHANGE],
        });
        let path = format!("/applications/{}/federatedIdentityCredentials", text(&app["id"]));
        let credential = cloud.graph(vendor, path, body).await.expect(201).body;
        let theirs = cloud.group(customer).await;
        let vault = cloud.make_vault(customer, &theirs, "kv-customer").await;
        let key = cloud.make_key(customer, "kv-customer", "disks").await;
        Self {
            identity_client: text(&made.body["properties"]["clientId"]),
            application: text(&app["appId"]),
            application_object: text(&app["id"]),
            credential: Some(text(&credential["id"])),
            customer_principal: None,
            cloud,
            group,
            identity,
            vault,
            key,
        }
    }

    /// The customer lets the application in and grants it the key.
    async fn consented_and_granted() -> Self {
        let mut story = Self::begin(Lags::default()).await;
        story.consent().await;
        story.grant().await;
        story
    }

    async fn consent(&mut self) {
        let body = json!({ "appId": self.application });
        let made = self.cloud.graph(&self.cloud.seed.customer, "/servicePrincipals", body).await.expect(201);
        self.customer_principal = Some(text(&made.body["id"]));
    }

    async fn grant(&self) -> String {
        let principal = self.customer_principal.as_deref().unwrap();
        let scope = format!("{}/keys/disks", self.vault);
        self.cloud.assign(&self.cloud.seed.customer, &scope, ENCRYPTION_USER, principal).await
    }

    fn set_id(&self) -> String {
        format!("{}/providers/Microsoft.Compute/diskEncryptionSets/des1", self.group)
    }

    fn disk_id(&self) -> String {
        format!("{}/providers/Microsoft.Compute/disks/disk1", self.group)
    }

    fn set_body(&self) -> Value {
        json!({
            "location": self.cloud.seed.vendor.region,
            "identity": { "type": "UserAssigned", "userAssignedIdentities": { self.identity.clone(): {} } },
            "properties": {
                "activeKey": { "keyUrl": self.key },
                "federatedClientId": self.application,
                "rotationToLatestKeyVersionEnabled": true,
            },
        })
    }

    async fn vendor(&self, method: Method, id: &str, body: Option<Value>) -> Answer {
        self.cloud.arm(&self.cloud.seed.vendor, method, at(id, COMPUTE), body).await
    }

    async fn put_set(&self, body: Value) -> Answer {
        self.vendor(Method::PUT, &self.set_id(), Some(body)).await
    }

    async fn get_set(&self) -> Value {
        self.vendor(Method::GET, &self.set_id(), None).await.expect(200).body
    }

    async fn ended(&self, accepted: &Answer) -> Value {
        self.cloud.follow(&self.cloud.seed.vendor, accepted).await.0.body
    }

    /// A set that is there and finished.
    async fn made_set(&self) {
        let accepted = self.put_set(self.set_body()).await.expect(202);
        assert_eq!(self.ended(&accepted).await["status"], "Succeeded");
    }

    async fn made_disk(&self) {
        let body = json!({
            "location": self.cloud.seed.vendor.region,
            "sku": { "name": "Premium_LRS" },
            "tags": { "customer": self.cloud.seed.customer.tenant_id },
            "properties": { "creationData": { "createOption": "Empty" }, "diskSizeGB": 4 },
        });
        let accepted = self.vendor(Method::PUT, &self.disk_id(), Some(body)).await.expect(202);
        assert_eq!(self.ended(&accepted).await["status"], "Succeeded");
    }

    async fn patch_disk(&self, encryption: Value) -> Answer {
        let body = json!({ "properties": { "encryption": encryption } });
        self.vendor(Method::PATCH, &self.disk_id(), Some(body)).await
    }

    async fn set_key(&self, attributes: Value) {
        let body = json!({ "attributes": attributes });
        let url = at(&self.key, KEYS);
        self.cloud.vault(&self.cloud.seed.customer, Method::PATCH, url, Some(body)).await.expect(200);
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

#[tokio::test]
async fn a_disk_of_one_tenant_is_encrypted_under_a_key_of_another() {
    let story = Story::consented_and_granted().await;
    let vendor = &story.cloud.seed.vendor;
    let accepted = story.put_set(story.set_body()).await.expect(202);
    assert!(
        accepted.body.get("id").is_none()
            && accepted.body.get("name").is_none()
            && accepted.body.get("type").is_none()
    );
    assert_eq!(accepted.body["properties"]["provisioningState"], "Updating");
    assert_eq!(accepted.body["identity"], story.set_body()["identity"], "echoed as it came");
    assert_eq!(accepted.header("retry-after"), "1");
    assert_eq!(
        accepted.header("location").replace("&monitor=true", ""),
        accepted.header("azure-asyncoperation")
    );
    assert_eq!(story.get_set().await["properties"]["provisioningState"], "Updating");

    let (ended, running) = story.cloud.follow(vendor, &accepted).await;
    assert_eq!((ended.body["status"].as_str(), running), (Some("Succeeded"), 1));
    let set = story.get_set().await;
    assert_eq!(ended.body["properties"]["output"], set);
    assert_eq!(
        set["properties"]["encryptionType"], "EncryptionAtRestWithCustomerKey",
        "the default is filled in"
    );
    assert_eq!(set["properties"]["federatedClientId"], story.application.as_str());
    assert_eq!(
        set["identity"]["userAssignedIdentities"][&story.identity]["clientId"],
        story.identity_client.as_str()
    );
    for absent in ["lastKeyRotationTimestamp", "previousKeys", "autoKeyRotationError"] {
        assert!(set["properties"].get(absent).is_none(), "{absent}");
    }

    story.made_disk().await;
    let before = story.vendor(Method::GET, &story.disk_id(), None).await.expect(200).body;
    assert_eq!(before["properties"]["encryption"]["type"], "EncryptionAtRestWithPlatformKey");
    let encryption =
        json!({ "type": "EncryptionAtRestWithCustomerKey", "diskEncryptionSetId": story.set_id() });
    let accepted = story.patch_disk(encryption.clone()).await.expect(202);
    assert_eq!(accepted.body["properties"]["encryption"], encryption, "the echo keeps the case");
    assert_eq!(accepted.body["name"], "disk1");
    story.ended(&accepted).await;
    let token = story.cloud.token(vendor, ARM).await;
    let monitored =
        story.cloud.send(Method::GET, accepted.header("location"), Some(&token), None).await.expect(200);
    let disk = story.vendor(Method::GET, &story.disk_id(), None).await.expect(200).body;
    assert_eq!(monitored.body, disk, "the Location address ends with the resource itself");
    assert_eq!(disk["properties"]["encryption"]["type"], "EncryptionAtRestWithCustomerKey");
    let used = text(&disk["properties"]["encryption"]["diskEncryptionSetId"]);
    assert!(used.contains("/resourceGroups/RG/") && used.eq_ignore_ascii_case(&story.set_id()), "{used}");

    let associated =
        story.vendor(Method::GET, &format!("{}/associatedResources", story.set_id()), None).await.expect(200);
    assert_eq!(
        associated.body["value"],
        json!([story.disk_id().replace("/rg/", "/RG/").replace("disk1", "DISK1")])
    );
    for scope in [story.group.clone(), format!("/subscriptions/{}", vendor.subscription_id)] {
        let listed = story
            .vendor(Method::GET, &format!("{scope}/providers/Microsoft.Compute/disks"), None)
            .await
            .expect(200);
        assert_eq!(listed.body["value"], json!([disk]));
        let listed = story
            .vendor(Method::GET, &format!("{scope}/providers/Microsoft.Compute/diskEncryptionSets"), None)
            .await;
        assert_eq!(listed.expect(200).body["value"], json!([set]));
    }

    story.vendor(Method::DELETE, &story.set_id(), None).await.expect_error(409, "OperationNotAllowed");
    let accepted = story.patch_disk(json!({ "type": "EncryptionAtRestWithPlatformKey" })).await.expect(202);
    story.ended(&accepted).await;
    let accepted = story.vendor(Method::DELETE, &story.set_id(), None).await.expect(202);
    assert!(story.ended(&accepted).await.get("properties").is_none());
    story.vendor(Method::GET, &story.set_id(), None).await.expect_error(404, "ResourceNotFound");
    story.vendor(Method::DELETE, &story.set_id(), None).await.expect(204);
    story.cloud.save_har("cross_tenant_key");
}

#[tokio::test]
async fn a_set_is_refused_for_as_long_as_any_link_of_the_chain_is_missing() {
    let mut story = Story::begin(Lags::default()).await;
    let refused = story.put_set(story.set_body()).await.expect_error(400, "KeyVaultAccessForbidden");
    assert_eq!(
        refused.message(),
        format!(
            "Unable to access key vault resource '{}' to enable encryption at rest. Please grant get, wrap and unwrap key \
             permissions to user-assigned identity '{}'. Please visit https://aka.ms/keyvaultaccessssecmk for more information.",
            story.key, story.identity
        )
    );
    story.vendor(Method::GET, &story.set_id(), None).await.expect_error(404, "ResourceNotFound");
    story.consent().await;
    story.put_set(story.set_body()).await.expect_error(400, "KeyVaultAccessForbidden");
    story.grant().await;
    story.put_set(story.set_body()).await.expect(202);

    story.set_key(json!({ "enabled": false })).await;
    story.put_set(story.set_body()).await.expect_error(400, "KeyVaultKeyNotEnabled");
    story.set_key(json!({ "enabled": true, "exp": 1_000_000_000 })).await;
    let expired = story.put_set(story.set_body()).await.expect_error(400, "BadRequest");
    assert!(expired.message().ends_with("Key is expired."));
    story.set_key(json!({ "exp": 4_000_000_000_i64 })).await;
    story.put_set(story.set_body()).await.expect(202);

    let token = story.cloud.token(&story.cloud.seed.vendor, cloud::GRAPH).await;
    let credential = story.credential.as_deref().unwrap();
    let url = format!(
        "https://graph.microsoft.com/v1.0/applications/{}/federatedIdentityCredentials/{credential}",
        story.application_object
    );
    story.cloud.send(Method::DELETE, url, Some(&token), None).await.expect(204);
    story.put_set(story.set_body()).await.expect_error(400, "KeyVaultAccessForbidden");
}

#[tokio::test]
async fn a_refusal_can_be_made_to_come_with_the_operation() {
    let story = Story::begin(Lags::default()).await;
    story.cloud.sandbox.let_key_refusals_come_late(true);
    let accepted = story.put_set(story.set_body()).await.expect(202);
    let ended = story.ended(&accepted).await;
    assert_eq!(
        (ended["status"].as_str(), ended["error"]["code"].as_str()),
        (Some("Failed"), Some("KeyVaultAccessForbidden"))
    );
    assert_eq!(story.get_set().await["properties"]["provisioningState"], "Failed");
}

#[tokio::test]
async fn without_the_multi_tenant_application_a_foreign_key_cannot_be_reached() {
    let story = Story::consented_and_granted().await;
    let mut body = story.set_body();
    body["properties"].as_object_mut().unwrap().remove("federatedClientId");
    story.put_set(body).await.expect_error(400, "KeyVaultAccessForbidden");
}

#[tokio::test]
async fn bad_sets_are_refused_before_the_key_is_tried() {
    let story = Story::consented_and_granted().await;
    let (vendor, customer) = (&story.cloud.seed.vendor, &story.cloud.seed.customer);
    let versionless = story.key.rsplit_once('/').unwrap().0.to_owned();
    let with = |pointer: &str, value: Value| {
        let mut body = story.set_body();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = value;
        body
    };
    let foreign = format!(
        "/subscriptions/{}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-customer",
        customer.subscription_id
    );
    // What Azure CLI makes of `--source-vault ""`.
    let nameless = format!("{}/providers/Microsoft.KeyVault/vaults/", story.group);
    let ghost = story.identity.replace("latchkey", "ghost");
    let table = [
        (with("/properties/activeKey", json!({ "keyUrl": versionless })), "InvalidParameter"),
        (with("/properties/activeKey", json!({})), "InvalidParameter"),
        (with("/properties/activeKey/sourceVault", json!({ "id": nameless })), "InvalidParameter"),
        (with("/properties/federatedClientId", json!("")), "BadRequest"),
        (with("/properties/encryptionType", json!("EncryptionAtRestWithPlatformKey")), "InvalidParameter"),
        (with("/properties/surprise", json!(1)), "InvalidRequestContent"),
        (with("/identity/type", json!("None")), "InvalidParameter"),
        (with("/identity/userAssignedIdentities", json!({})), "InvalidParameter"),
        (with("/identity/userAssignedIdentities", json!({ ghost: {} })), "FailedIdentityOperation"),
        (with("/location", json!("eastasia")), "BadRequest"),
        (with("/location", Value::Null), "LocationRequired"),
    ];
    for (body, code) in table {
        let answer = story.put_set(body.clone()).await;
        assert_eq!((answer.status, answer.code()), (400, code), "{body}: {}", answer.body);
    }
    let body = with("/properties/activeKey/sourceVault", json!({ "id": foreign }));
    story.put_set(body).await.expect_error(403, "LinkedAuthorizationFailed");
    assert_eq!(vendor.region, customer.region, "the seeds share a region, or nothing here could work");
    story.vendor(Method::GET, &story.set_id(), None).await.expect_error(404, "ResourceNotFound");
}

#[tokio::test]
async fn the_vendors_identity_needs_a_role_on_the_group_and_on_the_identity_it_gives_away() {
    let story = Story::consented_and_granted().await;
    let vendor = &story.cloud.seed.vendor;
    let token = story.cloud.identity_token(&story.identity_client, ARM).await;
    let shown = story
        .cloud
        .arm(vendor, Method::GET, at(&story.identity, "api-version=2023-01-31"), None)
        .await
        .expect(200);
    let oid = text(&shown.body["properties"]["principalId"]);
    let url = format!("{ARM}{}?{COMPUTE}", story.set_id());
    let put = || story.cloud.send(Method::PUT, url.as_str(), Some(&token), Some(story.set_body()));
    put().await.expect_error(403, "AuthorizationFailed");
    let operator = "Disk Encryption Set Operator for Managed Disks";
    story.cloud.assign(vendor, &story.group, operator, &oid).await;
    let refused = put().await.expect_error(403, "LinkedAuthorizationFailed");
    assert!(refused.message().contains("'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action'"));
    story.cloud.assign(vendor, &story.identity, "Managed Identity Operator", &oid).await;
    let accepted = put().await.expect(202);
    let polled =
        story.cloud.send(Method::GET, accepted.header("azure-asyncoperation"), Some(&token), None).await;
    polled.expect(200);
    let unsigned = accepted.header("azure-asyncoperation").replace("?p=", "?q=");
    story.cloud.send(Method::GET, unsigned, Some(&token), None).await.expect(404);
}

#[tokio::test]
async fn patches_change_what_they_name() {
    let story = Story::consented_and_granted().await;
    story.made_set().await;
    let patch = |body: Value| {
        let story = &story;
        async move { story.vendor(Method::PATCH, &story.set_id(), Some(body)).await }
    };
    let tagged = patch(json!({ "tags": { "a": "b" } })).await.expect(200);
    assert_eq!((tagged.body["tags"]["a"].as_str(), tagged.body["name"].as_str()), (Some("b"), Some("des1")));

    let accepted = patch(json!({ "identity": { "type": "None" } })).await.expect(202);
    assert_eq!(accepted.body["identity"]["type"], "UserAssigned", "the answer shows the old resource");
    assert_eq!(accepted.body["properties"]["provisioningState"], "Updating");
    story.ended(&accepted).await;
    let set = story.get_set().await;
    assert_eq!(set["identity"], json!({ "type": "None" }));
    assert_eq!(set["properties"]["federatedClientId"], story.application.as_str(), "it survives");

    let identity =
        json!({ "type": "UserAssigned", "userAssignedIdentities": { story.identity.clone(): {} } });
    story.ended(&patch(json!({ "identity": identity })).await.expect(202)).await;
    let set = story.get_set().await;
    assert!(set["identity"]["userAssignedIdentities"].get(story.identity.to_lowercase()).is_some(), "{set}");

    let rotating = |on: bool| json!({ "properties": { "rotationToLatestKeyVersionEnabled": on } });
    patch(rotating(false)).await.expect(202);
    let tenant = json!({ "properties": { "federatedClientId": story.application } });
    // A second change, while Azure is at the first, leaves the first as it is.
    story.ended(&patch(tenant).await.expect(202)).await;
    assert_eq!(story.get_set().await["properties"]["rotationToLatestKeyVersionEnabled"], false);

    let mut cleared = story.set_body();
    cleared["properties"]["federatedClientId"] = json!("None");
    story.put_set(cleared).await.expect_error(400, "KeyVaultAccessForbidden");
    story.ended(&patch(json!({ "identity": { "type": "SystemAssigned" } })).await.expect(202)).await;
    assert!(story.get_set().await["identity"]["principalId"].is_string());
    let accepted = patch(json!({ "properties": { "federatedClientId": "None" } })).await.expect(202);
    story.ended(&accepted).await;
    assert!(story.get_set().await["properties"].get("federatedClientId").is_none());
    story.cloud.save_har("set_patches");
}

#[tokio::test]
async fn disks_are_refused_a_set_they_cannot_use() {
    let story = Story::consented_and_granted().await;
    story.made_set().await;
    story.made_disk().await;
    let id = story.set_id();
    let customer_key = "EncryptionAtRestWithCustomerKey";
    let foreign = id.replace(&story.cloud.seed.vendor.subscription_id.to_string(), &Uuid::nil().to_string());
    let table = [
        (json!({ "type": customer_key }), 400, "InvalidParameter"),
        (
            json!({ "type": "EncryptionAtRestWithPlatformKey", "diskEncryptionSetId": id }),
            400,
            "InvalidParameter",
        ),
        (
            json!({ "type": "EncryptionAtRestWithPlatformAndCustomerKeys", "diskEncryptionSetId": id }),
            400,
            "BadRequest",
        ),
        (json!({ "type": customer_key, "diskEncryptionSetId": id.replace("des1", "des2") }), 404, "NotFound"),
        (json!({ "type": customer_key, "diskEncryptionSetId": story.disk_id() }), 400, "InvalidParameter"),
        (json!({ "type": customer_key, "diskEncryptionSetId": foreign }), 403, "LinkedAuthorizationFailed"),
    ];
    for (encryption, status, code) in table {
        let answer = story.patch_disk(encryption.clone()).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{encryption}: {}", answer.body);
    }
    let good = json!({ "type": customer_key, "diskEncryptionSetId": id });
    assert!(story.cloud.sandbox.set_disk_state(&story.disk_id(), DiskState::Attached));
    story.patch_disk(good.clone()).await.expect_error(409, "OperationNotAllowed");
    assert!(story.cloud.sandbox.set_disk_state(&story.disk_id(), DiskState::Reserved));
    story.set_key(json!({ "enabled": false })).await;
    story.patch_disk(good.clone()).await.expect_error(400, "KeyVaultKeyNotEnabled");
    story.set_key(json!({ "enabled": true })).await;
    story.patch_disk(good).await.expect(202);
}

/// Whoever gives a disk back needs its key a last time.
#[tokio::test]
async fn a_disk_goes_back_to_a_platform_key_only_while_its_key_can_be_used_and_then_the_set_can_go() {
    let story = Story::consented_and_granted().await;
    story.made_set().await;
    story.made_disk().await;
    let under = json!({ "type": "EncryptionAtRestWithCustomerKey", "diskEncryptionSetId": story.set_id() });
    let accepted = story.patch_disk(under).await.expect(202);
    assert_eq!(story.ended(&accepted).await["status"], "Succeeded");
    let back = json!({ "type": "EncryptionAtRestWithPlatformKey" });
    story.set_key(json!({ "enabled": false })).await;
    story.patch_disk(back.clone()).await.expect_error(400, "KeyVaultKeyNotEnabled");
    let used = story.vendor(Method::DELETE, &story.set_id(), None).await;
    used.expect_error(409, "OperationNotAllowed");
    story.set_key(json!({ "enabled": true })).await;
    let accepted = story.patch_disk(back).await.expect(202);
    assert_eq!(story.ended(&accepted).await["status"], "Succeeded");
    let read = story.vendor(Method::GET, &story.disk_id(), None).await.expect(200);
    assert_eq!(read.body["properties"]["encryption"], json!({ "type": "EncryptionAtRestWithPlatformKey" }));
    let accepted = story.vendor(Method::DELETE, &story.set_id(), None).await.expect(202);
    story.ended(&accepted).await;
    assert_eq!(story.vendor(Method::GET, &story.set_id(), None).await.status, 404);
}

#[tokio::test]
async fn a_new_version_of_the_key_is_taken_up_after_a_while_or_its_refusal_stays() {
    let lags = Lags {
        key_rotation: Duration::from_secs(600),
        disk_rewrap: Duration::from_secs(600),
        ..Lags::default()
    };
    let mut story = Story::begin(lags).await;
    story.consent().await;
    let grant = story.grant().await;
    story.made_set().await;
    let customer = story.cloud.seed.customer.clone();
    let rotate = || async {
        let url = format!("https://kv-customer.vault.azure.net/keys/disks/rotate?{KEYS}");
        text(&story.cloud.vault(&customer, Method::POST, url, None).await.expect(200).body["key"]["kid"])
    };
    let second = rotate().await;
    assert_eq!(story.get_set().await["properties"]["activeKey"]["keyUrl"], story.key.as_str(), "not yet");
    story.cloud.sandbox.advance_clock(Duration::from_secs(600));
    let set = story.get_set().await;
    assert_eq!(set["properties"]["activeKey"]["keyUrl"], second.as_str());
    assert_eq!(set["properties"]["previousKeys"], json!([{ "keyUrl": story.key }]));
    assert!(set["properties"]["lastKeyRotationTimestamp"].is_string());
    story.cloud.sandbox.advance_clock(Duration::from_secs(600));
    assert!(story.get_set().await["properties"].get("previousKeys").is_none());

    rotate().await;
    story.cloud.arm(&customer, Method::DELETE, at(&grant, "api-version=2022-04-01"), None).await.expect(200);
    story.cloud.sandbox.advance_clock(Duration::from_secs(600));
    let set = story.get_set().await;
    assert_eq!(set["properties"]["autoKeyRotationError"]["code"], "KeyVaultAccessForbidden");
    assert_eq!(set["properties"]["activeKey"]["keyUrl"], second.as_str());
    story.grant().await;
    let set = story.get_set().await;
    assert!(set["properties"].get("autoKeyRotationError").is_some(), "it stays until the set is written");
}

#[tokio::test]
async fn rotation_stops_when_the_identity_of_the_set_is_gone() {
    let story = Story::consented_and_granted().await;
    story.made_set().await;
    let url = format!("https://kv-customer.vault.azure.net/keys/disks/rotate?{KEYS}");
    story.cloud.vault(&story.cloud.seed.customer, Method::POST, url, None).await.expect(200);
    let path = at(&story.identity, "api-version=2023-01-31");
    story.cloud.arm(&story.cloud.seed.vendor, Method::DELETE, path, None).await.expect(200);
    let error = story.get_set().await["properties"]["autoKeyRotationError"].clone();
    assert_eq!(error["code"], "ManagedServiceIdentityNotFound");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .starts_with("Auto-key rotation was disabled as managed service identity")
    );
}

#[tokio::test]
async fn a_firewall_lets_the_disk_service_in_only_with_its_bypass() {
    let story = Story::consented_and_granted().await;
    let customer = &story.cloud.seed.customer;
    for (bypass, status) in [("AzureServices", 202), ("None", 400)] {
        let rules = json!({ "networkAcls": { "bypass": bypass, "defaultAction": "Deny" } });
        let body = json!({ "properties": rules });
        let path = at(&story.vault, "api-version=2023-07-01");
        story.cloud.arm(customer, Method::PATCH, path, Some(body)).await.expect(200);
        story.put_set(story.set_body()).await.expect(status);
    }
}

#[tokio::test]
async fn the_application_reaches_the_key_as_its_principal_in_the_customers_tenant() {
    let story = Story::consented_and_granted().await;
    let assertion = story.cloud.identity_token(&story.identity_client, EXCHANGE).await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", story.application.as_str()),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion.as_str()),
        ("scope", "https://vault.azure.net/.default"),
    ];
    let answer = story.cloud.entra(story.cloud.seed.customer.tenant_id, &form).await.expect(200);
    let token = text(&answer.body["access_token"]);
    let shown = story.cloud.send(Method::GET, at(&story.key, KEYS), Some(&token), None).await.expect(200);
    assert_eq!(shown.body["key"]["kid"], story.key.as_str());
    let url = format!("https://kv-customer.vault.azure.net/keys?{KEYS}");
    let refused =
        story.cloud.send(Method::GET, url, Some(&token), None).await.expect_error(403, "ForbiddenByRbac");
    assert!(refused.message().contains(&format!("oid={}", story.customer_principal.as_deref().unwrap())));
}
