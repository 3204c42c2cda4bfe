//! Deleted vaults: listed, shown, recovered, purged, and gone when their time is over.

use reqwest::Method;
use serde_json::{Value, json};

use crate::cloud::{Answer, Cloud, KEYS, VAULT, at};

const VERSION: &str = "api-version=2023-07-01";
const DAY: u64 = 86_400;

struct Vaults {
    cloud: Cloud,
    group: String,
}

impl Vaults {
    async fn start() -> Self {
        let cloud = Cloud::start().await;
        let group = cloud.group(&cloud.seed.customer).await;
        Self { cloud, group }
    }

    /// A vault that is kept for a week after its deletion.
    async fn make(&self, name: &str, protected: bool) -> String {
        let mut more = json!({ "enableRbacAuthorization": true, "softDeleteRetentionInDays": 7 });
        more["enablePurgeProtection"] = if protected { json!(true) } else { Value::Null };
        self.cloud.make_vault_with(&self.cloud.seed.customer, &self.group, name, more).await
    }

    async fn arm(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.cloud.arm(&self.cloud.seed.customer, method, at(path, VERSION), body).await
    }

    /// What Key Vault is asked of the whole subscription.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let subscription = self.cloud.seed.customer.subscription_id;
        let path = format!("/subscriptions/{subscription}/providers/Microsoft.KeyVault/{path}");
        self.arm(method, &path, body).await
    }

    async fn delete(&self, id: &str) {
        self.arm(Method::DELETE, id, None).await.expect(200);
    }

    fn deleted(&self, name: &str) -> String {
        format!("locations/{}/deletedVaults/{name}", self.cloud.seed.customer.region)
    }

    /// As Azure CLI asks for it, which always says that the vault is a standard one.
    async fn recover(&self, id: &str) -> Answer {
        let customer = &self.cloud.seed.customer;
        let sku = json!({ "family": "A", "name": "standard" });
        let properties = json!({ "tenantId": customer.tenant_id, "sku": sku, "createMode": "recover" });
        let body = json!({ "location": customer.region, "properties": properties });
        self.arm(Method::PUT, id, Some(body)).await
    }

    async fn names(&self) -> Vec<String> {
        let listed = self.ask(Method::GET, "deletedVaults", None).await.expect(200).body;
        let all = listed["value"].as_array().unwrap();
        all.iter().map(|vault| vault["name"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn a_deleted_vault_is_shown_and_comes_back_with_its_keys_and_without_its_roles() {
    let vaults = Vaults::start().await;
    let customer = &vaults.cloud.seed.customer;
    let id = vaults.make("kv-recover", true).await;
    let key = vaults.cloud.make_key(customer, "kv-recover", "k").await;
    let (token, oid) = vaults.cloud.somebody(VAULT).await;
    vaults.cloud.assign(customer, &id, "Key Vault Crypto User", &oid).await;
    let url = at(&key, KEYS);
    vaults.cloud.send(Method::GET, &url, Some(&token), None).await.expect(200);

    vaults.delete(&id).await;
    vaults.arm(Method::GET, &id, None).await.expect_error(404, "ResourceNotFound");
    vaults.arm(Method::DELETE, &id, None).await.expect(204);
    assert_eq!(vaults.names().await, ["kv-recover"]);
    let shown = vaults.ask(Method::GET, &vaults.deleted("KV-Recover"), None).await.expect(200).body;
    assert_eq!(
        (&shown["name"], &shown["type"]),
        (&json!("kv-recover"), &json!("Microsoft.KeyVault/deletedVaults"))
    );
    let properties = &shown["properties"];
    assert_eq!((&properties["vaultId"], &properties["purgeProtectionEnabled"]), (&json!(id), &json!(true)));
    let moment = |name: &str| {
        let text = properties[name].as_str().unwrap();
        time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).unwrap()
    };
    assert_eq!(moment("scheduledPurgeDate") - moment("deletionDate"), time::Duration::days(7));

    let Vaults { cloud, group } = vaults;
    let vaults = Vaults { cloud: cloud.restart().await, group };
    let customer = &vaults.cloud.seed.customer;
    assert_eq!(vaults.names().await, ["kv-recover"], "deleted vaults survive a restart");
    let recovered = vaults.recover(&id).await.expect(200).body;
    assert_eq!(recovered["properties"]["softDeleteRetentionInDays"], 7);
    assert_eq!(vaults.names().await, [""; 0]);
    let kept = vaults.cloud.vault(customer, Method::GET, &url, None).await.expect(200).body;
    assert_eq!(kept["key"]["kid"], key);
    let refused = vaults.cloud.send(Method::GET, &url, Some(&token), None).await;
    refused.expect_error(403, "ForbiddenByRbac");
    vaults.cloud.save_har("deleted_vaults");
}

#[tokio::test]
async fn the_name_of_a_deleted_vault_is_taken_until_it_is_purged() {
    let vaults = Vaults::start().await;
    let customer = &vaults.cloud.seed.customer;
    let id = vaults.make("kv-name", false).await;
    vaults.cloud.make_key(customer, "kv-name", "k").await;
    let check = async || {
        let body = json!({ "name": "kv-name", "type": "Microsoft.KeyVault/vaults" });
        vaults.ask(Method::POST, "checkNameAvailability", Some(body)).await.expect(200).body
    };
    assert_eq!(check().await["reason"], "AlreadyExists");
    vaults.delete(&id).await;
    assert_eq!(check().await["nameAvailable"], false);
    let sku = json!({ "family": "A", "name": "standard" });
    let properties = json!({ "tenantId": customer.tenant_id, "sku": sku, "enableRbacAuthorization": true });
    let body = json!({ "location": customer.region, "properties": properties });
    let put = async || vaults.arm(Method::PUT, &id, Some(body.clone())).await;
    put().await.expect_error(409, "ConflictError");

    let purge = format!("{}/purge", vaults.deleted("kv-name"));
    let accepted = vaults.ask(Method::POST, &purge, None).await.expect(202);
    let location = accepted.header("location").to_owned();
    assert!(location.contains("/providers/Microsoft.KeyVault/locations/"), "{location}");
    let token = vaults.cloud.token(customer, crate::cloud::ARM).await;
    for polls in 0.. {
        let answer = vaults.cloud.send(Method::GET, &location, Some(&token), None).await;
        if answer.status == 200 {
            break;
        }
        assert!(answer.status == 202 && polls < 10, "{}", answer.body);
    }
    assert_eq!(vaults.names().await, [""; 0]);
    vaults.ask(Method::POST, &purge, None).await.expect_error(404, "DeletedVaultNotFound");
    assert_eq!(check().await, json!({ "nameAvailable": true }));
    put().await.expect(200);
    let url = format!("https://kv-name.vault.azure.net/keys?{KEYS}");
    let listed = vaults.cloud.vault(customer, Method::GET, url, None).await.expect(200).body;
    assert_eq!(listed["value"], json!([]), "another vault of the same name holds nothing of the old one");
}

#[tokio::test]
async fn purge_protection_and_missing_rights_refuse_a_purge_and_time_alone_ends_it() {
    let vaults = Vaults::start().await;
    let customer = &vaults.cloud.seed.customer;
    let id = vaults.make("kv-protected", true).await;
    vaults.delete(&id).await;
    let purge = format!("{}/purge", vaults.deleted("kv-protected"));
    let refused = vaults.ask(Method::POST, &purge, None).await.expect_error(405, "MethodNotAllowed");
    assert_eq!(refused.message(), "Operation 'DeletedVaultPurge' is not allowed.");
    for path in ["locations/nowhere/deletedVaults/kv-protected", &vaults.deleted("kv-other")] {
        vaults.ask(Method::GET, path, None).await.expect_error(404, "DeletedVaultNotFound");
    }
    vaults
        .recover(&format!("{}/providers/Microsoft.KeyVault/vaults/kv-other", vaults.group))
        .await
        .expect_error(400, "SoftDeletedVaultDoesNotExist");
    vaults.ask(Method::GET, "locations/x/y", None).await.expect(404);

    let (token, oid) = vaults.cloud.somebody(crate::cloud::ARM).await;
    let subscription = format!("/subscriptions/{}", customer.subscription_id);
    vaults.cloud.assign(customer, &subscription, "Key Vault Contributor", &oid).await;
    let ask = async |method: Method, path: &str| {
        let url =
            format!("{}{subscription}/providers/Microsoft.KeyVault/{path}?{VERSION}", crate::cloud::ARM);
        vaults.cloud.send(method, url, Some(&token), None).await
    };
    ask(Method::GET, "deletedVaults").await.expect(200);
    ask(Method::POST, &purge).await.expect_error(403, "AuthorizationFailed");

    vaults.cloud.pass(7 * DAY - 600);
    assert_eq!(vaults.names().await, ["kv-protected"]);
    vaults.cloud.pass(600);
    assert_eq!(vaults.names().await, [""; 0], "a week is over");
    vaults.recover(&id).await.expect_error(400, "SoftDeletedVaultDoesNotExist");
    vaults.make("kv-protected", true).await;
}

#[tokio::test]
async fn a_deleted_key_is_gone_when_its_time_is_over() {
    let vaults = Vaults::start().await;
    let customer = &vaults.cloud.seed.customer;
    vaults.make("kv-retention", true).await;
    vaults.cloud.make_key(customer, "kv-retention", "k").await;
    let base = "https://kv-retention.vault.azure.net";
    let call = async |method: Method, path: &str| {
        vaults.cloud.vault(customer, method, format!("{base}/{path}?{KEYS}"), None).await
    };
    call(Method::DELETE, "keys/k").await.expect(200);
    vaults.cloud.pass(7 * DAY - 600);
    call(Method::GET, "deletedkeys/k").await.expect(200);
    vaults.cloud.pass(600);
    call(Method::GET, "deletedkeys/k").await.expect_error(404, "KeyNotFound");
    call(Method::POST, "deletedkeys/k/recover").await.expect_error(404, "KeyNotFound");
    vaults.cloud.make_key(customer, "kv-retention", "k").await;
}
