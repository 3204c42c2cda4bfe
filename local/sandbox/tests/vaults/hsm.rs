//! Managed HSMs: keys as in a vault, under another name and with roles of their own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cloud::{ARM, Answer, COMPUTE, Cloud, KEYS, VAULT, at};

const VERSION: &str = "api-version=2023-07-01";
const HSM: &str = "https://managedhsm.azure.net";
const BASE: &str = "https://hsm-keys.managedhsm.azure.net";

struct Hsm {
    cloud: Cloud,
    group: String,
    id: String,
    token: String,
}

impl Hsm {
    /// An HSM whose administrator is the customer's.
    async fn start() -> Self {
        let cloud = Cloud::start().await;
        let customer = &cloud.seed.customer;
        let group = cloud.group(customer).await;
        let token = cloud.token(customer, HSM).await;
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let oid = serde_json::from_slice::<Value>(&claims).unwrap()["oid"].clone();
        let id = format!("{group}/providers/Microsoft.KeyVault/managedHSMs/hsm-keys");
        let body = json!({
            "location": customer.region,
            "sku": { "family": "B", "name": "Standard_B1" },
            "properties": { "tenantId": customer.tenant_id, "initialAdminObjectIds": [oid] },
        });
        let made = cloud.arm(customer, Method::PUT, at(&id, VERSION), Some(body)).await.expect(200).body;
        assert_eq!(made["properties"]["hsmUri"], format!("{BASE}/"));
        assert_eq!(made["properties"]["initialAdminObjectIds"], json!([oid]));
        Self { cloud, group, id, token }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.call_as(&self.token, method, path, body).await
    }

    async fn call_as(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.cloud.send(method, format!("{BASE}{path}?{KEYS}"), Some(token), body).await
    }

    async fn make_key(&self, name: &str) -> String {
        let path = format!("/keys/{name}/create");
        let made = self.call(Method::POST, &path, Some(json!({ "kty": "RSA-HSM" }))).await.expect(200).body;
        made["key"]["kid"].as_str().unwrap().to_owned()
    }

    async fn assign(&self, scope: &str, role: &str, principal: &str) -> Answer {
        let definitions =
            self.call(Method::GET, "/providers/Microsoft.Authorization/roleDefinitions", None).await;
        let all = definitions.expect(200).body["value"].clone();
        let wanted = |held: &&Value| held["properties"]["roleName"] == role;
        let role = all.as_array().unwrap().iter().find(wanted).unwrap()["id"].clone();
        let path = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{}", Uuid::new_v4());
        let body = json!({ "properties": { "roleDefinitionId": role, "principalId": principal } });
        self.call(Method::PUT, &path, Some(body)).await
    }
}

#[tokio::test]
async fn an_hsm_challenges_for_its_own_resource_and_takes_no_token_of_a_vault() {
    let hsm = Hsm::start().await;
    let customer = &hsm.cloud.seed.customer;
    let url = format!("{BASE}/keys/k?{KEYS}");
    let answer = hsm.cloud.send(Method::GET, &url, None, None).await.expect(401);
    assert_eq!(
        answer.header("www-authenticate"),
        format!(
            "Bearer authorization=\"https://login.microsoftonline.com/{}\", resource=\"{HSM}\"",
            customer.tenant_id
        )
    );
    assert_eq!(answer.header("x-ms-keyvault-region"), customer.region);
    let of_a_vault = hsm.cloud.token(customer, VAULT).await;
    let refused = hsm.call_as(&of_a_vault, Method::GET, "/keys/k", None).await.expect(401);
    assert!(refused.message().starts_with("AKV10022"), "{}", refused.message());
    let of_the_vendor = hsm.cloud.token(&hsm.cloud.seed.vendor, HSM).await;
    let refused = hsm.call_as(&of_the_vendor, Method::GET, "/keys/k", None).await.expect(401);
    assert!(refused.message().starts_with("AKV10032"), "{}", refused.message());

    hsm.cloud.make_vault(customer, &hsm.group, "hsm-keys").await;
    let of_the_hsm = hsm.token.clone();
    let same_name = format!("https://hsm-keys.vault.azure.net/keys?{KEYS}");
    let refused = hsm.cloud.send(Method::GET, same_name, Some(&of_the_hsm), None).await.expect(401);
    assert!(refused.message().starts_with("AKV10022"), "a vault of the same name is another place");
    let nowhere = format!("https://hsm-nowhere.managedhsm.azure.net/keys?{KEYS}");
    assert!(hsm.cloud.try_send(Method::GET, &nowhere, None, None).await.unwrap_err().is_connect());
}

#[tokio::test]
async fn keys_of_an_hsm_are_made_rotated_and_used_under_local_roles_alone() {
    let hsm = Hsm::start().await;
    let customer = &hsm.cloud.seed.customer;
    let refused = hsm.call(Method::POST, "/keys/soft/create", Some(json!({ "kty": "RSA" }))).await;
    refused.expect_error(400, "BadParameter");
    let key = hsm.make_key("k").await;
    assert!(key.starts_with(&format!("{BASE}/keys/k/")));
    let rotated = hsm.call(Method::POST, "/keys/k/rotate", None).await.expect(200).body;
    assert_eq!(rotated["key"]["kty"], "RSA-HSM");
    hsm.make_key("other").await;

    let (token, oid) = hsm.cloud.somebody(HSM).await;
    let wrap = json!({ "alg": "RSA-OAEP-256", "value": URL_SAFE_NO_PAD.encode([7; 32]) });
    let try_wrap = async |name: &str| {
        hsm.call_as(&token, Method::POST, &format!("/keys/{name}//wrapkey"), Some(wrap.clone())).await
    };
    let subscription = format!("/subscriptions/{}", customer.subscription_id);
    hsm.cloud.assign(customer, &subscription, "Key Vault Administrator", &oid).await;
    try_wrap("k").await.expect_error(403, "AccessDenied");
    let role = "Managed HSM Crypto Service Encryption User";
    let made = hsm.assign("/keys/k", role, &oid).await.expect(201).body;
    assert_eq!(made["properties"]["scope"], "/keys/k");
    let wrapped = try_wrap("k").await.expect(200).body["value"].clone();
    try_wrap("other").await.expect_error(403, "AccessDenied");
    let body = json!({ "alg": "RSA-OAEP-256", "value": wrapped });
    let unwrapped =
        hsm.call_as(&token, Method::POST, "/keys/k//unwrapkey", Some(body)).await.expect(200).body;
    assert_eq!(unwrapped["value"], wrap["value"]);
    hsm.call_as(&token, Method::POST, "/keys/k/rotate", None).await.expect_error(403, "AccessDenied");
    let assignments = "/providers/Microsoft.Authorization/roleAssignments";
    hsm.call_as(&token, Method::GET, assignments, None).await.expect_error(403, "AccessDenied");
    hsm.assign("/keys/k", role, &oid).await.expect_error(409, "RoleAssignmentExists");
    hsm.assign("/keys/k", role, &Uuid::new_v4().to_string()).await.expect_error(400, "BadParameter");

    let Hsm { cloud, group, id, .. } = hsm;
    let cloud = cloud.restart().await;
    let token = cloud.token(&cloud.seed.customer, HSM).await;
    let hsm = Hsm { cloud, group, id, token };
    let all = hsm.call(Method::GET, assignments, None).await.expect(200).body["value"].clone();
    assert_eq!(all.as_array().unwrap().len(), 2, "they survive a restart: {all}");
    let one = format!("/keys/k{assignments}/{}", made["name"].as_str().unwrap());
    assert_eq!(hsm.call(Method::GET, &one, None).await.expect(200).body, made);
    hsm.call(Method::DELETE, &one, None).await.expect(200);
    hsm.call(Method::DELETE, &one, None).await.expect_error(404, "RoleAssignmentNotFound");
}

#[tokio::test]
async fn a_set_takes_a_key_of_an_hsm_once_its_identity_has_the_local_role() {
    let hsm = Hsm::start().await;
    let customer = &hsm.cloud.seed.customer;
    let key = hsm.make_key("disks").await;
    let (_, oid) = hsm.cloud.somebody(ARM).await;
    let identity =
        format!("{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/somebody", hsm.group);
    let set = at(&format!("{}/providers/Microsoft.Compute/diskEncryptionSets/s", hsm.group), COMPUTE);
    let body = json!({
        "location": customer.region,
        "identity": { "type": "UserAssigned", "userAssignedIdentities": { identity: {} } },
        "properties": { "activeKey": { "keyUrl": key }, "rotationToLatestKeyVersionEnabled": true },
    });
    let put = async || hsm.cloud.arm(customer, Method::PUT, &set, Some(body.clone())).await;
    put().await.expect_error(400, "KeyVaultAccessForbidden");
    hsm.assign("/keys/disks", "Managed HSM Crypto Service Encryption User", &oid).await.expect(201);
    let accepted = put().await.expect(202);
    let (ended, _) = hsm.cloud.follow(customer, &accepted).await;
    assert_eq!(ended.body["status"], "Succeeded");

    let rotated = hsm.call(Method::POST, "/keys/disks/rotate", None).await.expect(200).body;
    hsm.cloud.pass(3_600);
    let shown = hsm.cloud.arm(customer, Method::GET, &set, None).await.expect(200).body;
    assert_eq!(shown["properties"]["activeKey"]["keyUrl"], rotated["key"]["kid"]);
}

#[tokio::test]
async fn an_hsm_is_deleted_listed_recovered_and_purged_apart_from_vaults() {
    let hsm = Hsm::start().await;
    let customer = &hsm.cloud.seed.customer;
    let key = hsm.make_key("k").await;
    let arm = async |method: Method, path: String, body: Option<Value>| {
        hsm.cloud.arm(customer, method, at(&path, VERSION), body).await
    };
    let provider = format!("/subscriptions/{}/providers/Microsoft.KeyVault", customer.subscription_id);
    let listed = async |path: &str| {
        let listed = arm(Method::GET, format!("{provider}/{path}"), None).await.expect(200).body;
        listed["value"].as_array().unwrap().len()
    };
    assert_eq!((listed("managedHSMs").await, listed("vaults").await), (1, 0));
    arm(Method::GET, hsm.id.clone(), None).await.expect(200);
    arm(Method::DELETE, hsm.id.clone(), None).await.expect(200);
    arm(Method::GET, hsm.id.clone(), None).await.expect_error(404, "ResourceNotFound");
    assert_eq!((listed("deletedManagedHSMs").await, listed("deletedVaults").await), (1, 0));
    let deleted = format!("{provider}/locations/{}/deletedManagedHSMs/hsm-keys", customer.region);
    let shown = arm(Method::GET, deleted.clone(), None).await.expect(200).body;
    assert_eq!(shown["properties"]["mhsmId"], hsm.id);

    let body = |mode: &str| {
        json!({
            "location": customer.region,
            "sku": { "family": "B", "name": "Standard_B1" },
            "properties": { "tenantId": customer.tenant_id, "createMode": mode },
        })
    };
    arm(Method::PUT, hsm.id.clone(), Some(body("default"))).await.expect_error(409, "ConflictError");
    arm(Method::PUT, hsm.id.clone(), Some(body("recover"))).await.expect(200);
    let url = at(&key, KEYS);
    hsm.cloud.send(Method::GET, &url, Some(&hsm.token), None).await.expect(200);
    arm(Method::DELETE, hsm.id.clone(), None).await.expect(200);
    let accepted = arm(Method::POST, format!("{deleted}/purge"), None).await.expect(202);
    let token = hsm.cloud.token(customer, ARM).await;
    for polls in 0.. {
        let answer = hsm.cloud.send(Method::GET, accepted.header("location"), Some(&token), None).await;
        if answer.status == 200 {
            break;
        }
        assert!(answer.status == 202 && polls < 10, "{}", answer.body);
    }
    assert_eq!(listed("deletedManagedHSMs").await, 0);
    let without = arm(Method::PUT, hsm.id.clone(), Some(body("default"))).await;
    without.expect_error(400, "BadRequest");
    let mut wrong = body("default");
    wrong["sku"]["name"] = json!("premium");
    arm(Method::PUT, hsm.id.clone(), Some(wrong)).await.expect_error(400, "BadRequest");
}
