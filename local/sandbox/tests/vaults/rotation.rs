//! Rotation policies, and what the clock makes of them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::cloud::{ARM, COMPUTE, Cloud, KEYS, VAULT, at};

const DAY: u64 = 86_400;

struct Rotating {
    cloud: Cloud,
    group: String,
    first: String,
}

impl Rotating {
    /// A vault with one key of one version.
    async fn start() -> Self {
        let cloud = Cloud::start().await;
        let group = cloud.group(&cloud.seed.customer).await;
        cloud.make_vault(&cloud.seed.customer, &group, "kv-rotation").await;
        let first = cloud.make_key(&cloud.seed.customer, "kv-rotation", "k").await;
        Self { cloud, group, first }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> crate::cloud::Answer {
        let url = format!("https://kv-rotation.vault.azure.net/keys/k{path}?{KEYS}");
        self.cloud.vault(&self.cloud.seed.customer, method, url, body).await
    }

    async fn set(&self, policy: Value) -> Value {
        self.call(Method::PUT, "/rotationpolicy", Some(policy)).await.expect(200).body
    }

    async fn newest(&self) -> Value {
        self.call(Method::GET, "", None).await.expect(200).body
    }

    fn pass(&self, seconds: u64) {
        self.cloud.pass(seconds);
    }
}

fn policy(trigger: Value, expiry: Value) -> Value {
    json!({
        "lifetimeActions": [
            { "trigger": trigger, "action": { "type": "Rotate" } },
            { "trigger": { "timeBeforeExpiry": "P7D" }, "action": { "type": "Notify" } },
        ],
        "attributes": { "expiryTime": expiry },
    })
}

#[tokio::test]
async fn a_policy_is_kept_and_shown_and_gives_rotated_versions_their_expiry() {
    let rotating = Rotating::start().await;
    let id = "https://kv-rotation.vault.azure.net/keys/k/rotationpolicy";
    let default = rotating.call(Method::GET, "/rotationpolicy", None).await.expect(200).body;
    assert_eq!(
        default,
        json!({
            "id": id,
            "lifetimeActions": [{ "trigger": { "timeBeforeExpiry": "P30D" }, "action": { "type": "Notify" } }],
            "attributes": {},
        })
    );
    let wanted = policy(json!({ "timeAfterCreate": "P15D", "timeBeforeExpiry": null }), json!("P30D"));
    let set = rotating.set(wanted).await;
    let rotate = json!({ "trigger": { "timeAfterCreate": "P15D" }, "action": { "type": "Rotate" } });
    assert_eq!((&set["id"], &set["lifetimeActions"][0]), (&json!(id), &rotate));
    assert_eq!(set["attributes"]["expiryTime"], "P30D");
    assert!(set["attributes"]["created"].is_i64() && set["attributes"]["updated"].is_i64());
    assert_eq!(rotating.newest().await["attributes"].get("exp"), None, "the present version keeps its own");
    let rotated = rotating.call(Method::POST, "/rotate", None).await.expect(200).body;
    let of = |name: &str| rotated["attributes"][name].as_i64().unwrap();
    assert_eq!(of("exp") - of("created"), 30 * 86_400);

    let later = rotating.set(policy(json!({ "timeAfterCreate": "P20D" }), json!("P60D"))).await;
    assert_eq!(later["attributes"]["created"], set["attributes"]["created"]);
    let Rotating { cloud, .. } = rotating;
    let cloud = cloud.restart().await;
    let url = format!("{id}?{KEYS}");
    let kept = cloud.vault(&cloud.seed.customer, Method::GET, url, None).await.expect(200).body;
    assert_eq!(kept, later, "a policy survives a restart");
    cloud.save_har("key_vault_rotation_policy");
}

#[tokio::test]
async fn a_key_rotates_itself_when_its_policy_says_so() {
    let rotating = Rotating::start().await;
    rotating.set(policy(json!({ "timeAfterCreate": "P10D" }), json!("P30D"))).await;
    rotating.pass(10 * DAY - 600);
    assert_eq!(rotating.newest().await["key"]["kid"], *rotating.first, "not yet");
    rotating.pass(600);
    let second = rotating.newest().await;
    assert_ne!(second["key"]["kid"], *rotating.first);
    let of = |name: &str| second["attributes"][name].as_i64().unwrap();
    assert_eq!(of("exp") - of("created"), 30 * 86_400);
    assert_eq!(rotating.newest().await["key"]["kid"], second["key"]["kid"], "once is enough");

    rotating.set(policy(json!({ "timeBeforeExpiry": "P9D" }), json!("P30D"))).await;
    rotating.pass(20 * DAY);
    assert_eq!(rotating.newest().await["key"]["kid"], second["key"]["kid"], "ten days are left");
    rotating.pass(DAY + 600);
    let third = rotating.newest().await["key"]["kid"].clone();
    assert_ne!(third, second["key"]["kid"]);
    let disabled = json!({ "attributes": { "enabled": false } });
    rotating.call(Method::PATCH, "", Some(disabled)).await.expect(200);
    rotating.pass(100 * DAY);
    assert_eq!(rotating.newest().await["key"]["kid"], third, "a disabled key stays as it is");
}

#[tokio::test]
async fn a_set_follows_a_key_that_rotates_itself() {
    let rotating = Rotating::start().await;
    let customer = &rotating.cloud.seed.customer;
    rotating.set(policy(json!({ "timeAfterCreate": "P10D" }), json!("P30D"))).await;
    let set = at(&format!("{}/providers/Microsoft.Compute/diskEncryptionSets/s", rotating.group), COMPUTE);
    let body = json!({
        "location": customer.region,
        "identity": { "type": "SystemAssigned" },
        "properties": {
            "activeKey": { "keyUrl": rotating.first },
            "rotationToLatestKeyVersionEnabled": true,
        },
    });
    let accepted = rotating.cloud.arm(customer, Method::PUT, &set, Some(body)).await.expect(202);
    rotating.cloud.follow(customer, &accepted).await;
    let active = async || {
        let shown = rotating.cloud.arm(customer, Method::GET, &set, None).await.expect(200).body;
        shown["properties"]["activeKey"]["keyUrl"].clone()
    };
    assert_eq!(active().await, *rotating.first);
    rotating.pass(10 * DAY);
    // Nobody has looked at the key; the set is looked at twice, for it takes a version up only some time after it was made.
    active().await;
    rotating.pass(3_600);
    let followed = active().await;
    assert_ne!(followed, *rotating.first);
    assert_eq!(rotating.newest().await["key"]["kid"], followed);
}

#[tokio::test]
async fn policies_that_break_the_limits_are_refused_and_so_is_who_may_not_set_them() {
    let rotating = Rotating::start().await;
    let after = |text: &str| json!({ "timeAfterCreate": text });
    for wrong in [
        policy(after("P6D"), json!("P30D")),
        policy(after("P10D"), json!("P27D")),
        policy(after("P25D"), json!("P30D")),
        policy(json!({ "timeBeforeExpiry": "P10D" }), Value::Null),
        policy(json!({}), json!("P30D")),
        policy(after("ten days"), json!("P30D")),
        json!({ "lifetimeActions": [{ "trigger": after("P10D"), "action": { "type": "Notify" } }] }),
        json!({ "lifetimeActions": [{ "trigger": after("P10D"), "action": { "type": "Explode" } }] }),
    ] {
        rotating.call(Method::PUT, "/rotationpolicy", Some(wrong)).await.expect_error(400, "BadParameter");
    }
    let missing = "https://kv-rotation.vault.azure.net/keys/missing/rotationpolicy";
    let customer = &rotating.cloud.seed.customer;
    for method in [Method::GET, Method::PUT] {
        let body = (method == Method::PUT).then(|| json!({}));
        let answer = rotating.cloud.vault(customer, method, at(missing, KEYS), body).await;
        answer.expect_error(404, "KeyNotFound");
    }

    let (token, oid) = rotating.cloud.somebody(VAULT).await;
    let url = format!("https://kv-rotation.vault.azure.net/keys/k/rotationpolicy?{KEYS}");
    let ask = async |method: Method| {
        let body = (method == Method::PUT).then(|| json!({}));
        rotating.cloud.send(method, &url, Some(&token), body).await
    };
    let vault = format!("{}/providers/Microsoft.KeyVault/vaults/kv-rotation", rotating.group);
    rotating.cloud.assign(customer, &vault, "Key Vault Crypto User", &oid).await;
    for (method, action) in [(Method::GET, "read"), (Method::PUT, "write")] {
        let refused = ask(method).await.expect_error(403, "ForbiddenByRbac");
        let wanted = format!("Action: 'Microsoft.KeyVault/vaults/keyrotationpolicies/{action}'");
        assert!(refused.message().contains(&wanted), "{}", refused.message());
    }
    rotating.cloud.assign(customer, &vault, "Key Vault Crypto Officer", &oid).await;
    ask(Method::GET).await.expect(200);
    ask(Method::PUT).await.expect(200);

    let old = json!({ "properties": { "enableRbacAuthorization": false } });
    let token_of_arm = rotating.cloud.token(customer, ARM).await;
    let path = format!("{ARM}{vault}?api-version=2023-07-01");
    rotating.cloud.send(Method::PATCH, &path, Some(&token_of_arm), Some(old)).await.expect(200);
    for (method, word) in [(Method::GET, "getrotationpolicy"), (Method::PUT, "setrotationpolicy")] {
        let refused = ask(method).await.expect_error(403, "AccessDenied");
        assert!(refused.message().contains(&format!("does not have keys {word} permission")));
    }
}
