//! What clients that work with any type ask of Microsoft.Resources: the providers with their versions, and tags.

use reqwest::Method;
use serde_json::{Value, json};

use crate::bodies::{address, body, group};
use crate::cloud::{ARM, Cloud, at};

const RESOURCES: &str = "api-version=2024-03-01";

#[tokio::test]
async fn the_providers_of_a_subscription_tell_their_types_and_versions() {
    let cloud = Cloud::start().await;
    let vendor = &cloud.seed.vendor;
    let base = format!("/subscriptions/{}/providers", vendor.subscription_id);
    let list = cloud.arm(vendor, Method::GET, at(&base, RESOURCES), None).await.expect(200).body;
    let namespaces: Vec<&str> =
        list["value"].as_array().unwrap().iter().map(|one| one["namespace"].as_str().unwrap()).collect();
    assert_eq!(
        namespaces,
        [
            "Microsoft.Authorization",
            "Microsoft.Compute",
            "Microsoft.Insights",
            "Microsoft.KeyVault",
            "Microsoft.ManagedIdentity",
            "Microsoft.Network",
            "Microsoft.OperationalInsights",
            "Microsoft.Resources",
            "Microsoft.ServiceBus",
            "Microsoft.Storage",
            "Microsoft.Web"
        ]
    );
    let one = at(&format!("{base}/microsoft.COMPUTE"), RESOURCES);
    let compute = cloud.arm(vendor, Method::GET, one, None).await.expect(200).body;
    assert_eq!(compute["registrationState"], "Registered");
    let disks =
        compute["resourceTypes"].as_array().unwrap().iter().find(|one| one["resourceType"] == "disks");
    let versions = disks.unwrap()["apiVersions"].as_array().unwrap();
    assert_eq!((&versions[0], versions.last().unwrap()), (&json!("2026-03-02"), &json!("2019-07-01")));

    let unknown = at(&format!("{base}/Microsoft.Nothing"), RESOURCES);
    cloud.arm(vendor, Method::GET, unknown, None).await.expect_error(404, "InvalidResourceNamespace");
    cloud.group(&cloud.seed.customer).await;
    let (token, _) = cloud.somebody(ARM).await;
    let base =
        base.replace(&vendor.subscription_id.to_string(), &cloud.seed.customer.subscription_id.to_string());
    let refused = cloud.send(Method::GET, format!("{ARM}{}", at(&base, RESOURCES)), Some(&token), None).await;
    refused.expect_error(403, "AuthorizationFailed");
}

#[tokio::test]
async fn tags_are_read_and_written_by_themselves_on_groups_and_on_every_type() {
    let cloud = Cloud::start().await;
    let customer = &cloud.seed.customer;
    let group = group(&cloud, customer).await;
    let mut carriers = vec![at(&group, RESOURCES)];
    for (name, resource_type) in [
        ("d1", "Microsoft.Compute/disks"),
        ("s1", "Microsoft.Compute/snapshots"),
        ("des1", "Microsoft.Compute/diskEncryptionSets"),
        ("kv-tagged", "Microsoft.KeyVault/vaults"),
        ("hsm-tagged", "Microsoft.KeyVault/managedHSMs"),
        ("identity1", "Microsoft.ManagedIdentity/userAssignedIdentities"),
    ] {
        let path = address(&group, resource_type, name);
        let made = cloud.arm(customer, Method::PUT, &path, Some(body(customer, resource_type))).await;
        assert!(made.status < 300, "{path}: {}", made.body);
        carriers.push(path);
    }
    for carrier in carriers {
        let id = carrier.split('?').next().unwrap();
        let path = at(&format!("{id}/providers/Microsoft.Resources/tags/default"), RESOURCES);
        let call = |method, body: Option<Value>| cloud.arm(customer, method, &path, body);
        let tags = |pairs: Value| json!({ "properties": { "tags": pairs } });
        let patch = |operation: &str, pairs: Value| json!({ "operation": operation, "properties": { "tags": pairs } });
        assert_eq!(call(Method::GET, None).await.expect(200).body["properties"]["tags"], json!({}), "{id}");
        call(Method::PUT, Some(tags(json!({ "a": "1", "b": "2" })))).await.expect(200);
        call(Method::PATCH, Some(patch("Merge", json!({ "A": "3", "c": "4" })))).await.expect(200);
        call(Method::PATCH, Some(patch("delete", json!({ "b": "2", "c": "other" })))).await.expect(200);
        let shown = cloud.arm(customer, Method::GET, &carrier, None).await.expect(200).body;
        assert_eq!(shown["tags"], json!({ "a": "3", "c": "4" }), "{id}");
        call(Method::PATCH, Some(patch("Replace", json!({ "d": "5" })))).await.expect(200);
        let read = call(Method::GET, None).await.expect(200).body;
        assert_eq!(read["properties"]["tags"], json!({ "d": "5" }), "{id}");
        assert_eq!((&read["name"], &read["type"]), (&json!("default"), &json!("Microsoft.Resources/tags")));
        call(Method::PATCH, Some(patch("Else", json!({})))).await.expect_error(400, "BadRequest");
        call(Method::DELETE, None).await.expect(200);
        assert_eq!(call(Method::GET, None).await.expect(200).body["properties"]["tags"], json!({}), "{id}");
    }
    let ghost =
        format!("{group}/providers/Microsoft.Compute/disks/ghost/providers/Microsoft.Resources/tags/default");
    let missing = cloud.arm(customer, Method::GET, at(&ghost, RESOURCES), None).await;
    missing.expect_error(404, "ResourceNotFound");
}

#[tokio::test]
async fn who_may_write_tags_alone_writes_them_and_nothing_else() {
    let cloud = Cloud::start().await;
    let customer = &cloud.seed.customer;
    let group = group(&cloud, customer).await;
    let (token, object_id) = cloud.somebody(ARM).await;
    let role = format!("{group}/providers/Microsoft.Authorization/roleDefinitions/{}", uuid::Uuid::new_v4());
    let definition = json!({ "properties": {
        "roleName": "Tags alone",
        "type": "CustomRole",
        "assignableScopes": [group],
        "permissions": [{ "actions": ["Microsoft.Resources/tags/*"] }],
    }});
    let made = cloud.arm(customer, Method::PUT, at(&role, "api-version=2022-04-01"), Some(definition)).await;
    made.expect(201);
    cloud.assign(customer, &group, "Tags alone", &object_id).await;
    let tags = format!("{ARM}{group}/providers/Microsoft.Resources/tags/default?{RESOURCES}");
    let body = json!({ "properties": { "tags": { "a": "1" } } });
    cloud.send(Method::PUT, &tags, Some(&token), Some(body.clone())).await.expect(200);
    let write = json!({ "location": customer.region, "tags": {} });
    let refused =
        cloud.send(Method::PUT, format!("{ARM}{}", at(&group, RESOURCES)), Some(&token), Some(write)).await;
    refused.expect_error(403, "AuthorizationFailed");
}
