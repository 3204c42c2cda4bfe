//! Templates as Bicep compiles them: into a subscription, with nested deployments, loops, names and functions of their own.

use reqwest::Method;
use serde_json::{Value, json};

use crate::cloud::{ARM, Answer, Cloud, at};
use crate::stranger;

const DEPLOYMENTS: &str = "api-version=2024-03-01";
const BUS: &str = "api-version=2024-01-01";
const INTO_SUBSCRIPTIONS: &str =
    "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#";
const INTO_GROUPS: &str = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#";

fn path(cloud: &Cloud, rest: &str) -> String {
    let subscription = format!("/subscriptions/{}", cloud.seed.vendor.subscription_id);
    at(&format!("{subscription}/providers/Microsoft.Resources/deployments{rest}"), DEPLOYMENTS)
}

fn deployment(cloud: &Cloud, template: &Value, parameters: &Value) -> Value {
    json!({
        "location": cloud.seed.vendor.region,
        "properties": { "mode": "Incremental", "template": template, "parameters": parameters },
    })
}

async fn put(cloud: &Cloud, name: &str, template: &Value, parameters: &Value) -> Answer {
    let body = deployment(cloud, template, parameters);
    cloud.arm(&cloud.seed.vendor, Method::PUT, path(cloud, &format!("/{name}")), Some(body)).await
}

/// Looks at a deployment until it has ended.
async fn ended(cloud: &Cloud, name: &str) -> Value {
    for _ in 0..10 {
        let look = cloud.arm(&cloud.seed.vendor, Method::GET, path(cloud, &format!("/{name}")), None).await;
        let shown = look.expect(200).body;
        if shown["properties"]["provisioningState"] != "Running" {
            return shown;
        }
    }
    panic!("the deployment did not end in ten looks");
}

/// A namespace with as many queues as there are names, in a group that is made too.
fn messaging() -> Value {
    let names = json!({ "type": "object", "properties": { "bus": { "type": "string" } } });
    let inner = json!({
        "$schema": INTO_GROUPS,
        "languageVersion": "2.0",
        "contentVersion": "1.0.0.0",
        "definitions": { "Names": names },
        "parameters": {
            "names": { "$ref": "#/definitions/Names" },
            "queues": { "type": "array", "items": { "type": "string" } },
        },
        "variables": { "copy": [{ "name": "upper", "count": 2, "input": "[toUpper(parameters('queues')[copyIndex('upper')])]" }] },
        "resources": {
            "bus": {
                "type": "Microsoft.ServiceBus/namespaces",
                "apiVersion": "2024-01-01",
                "name": "[parameters('names').bus]",
                "location": "[resourceGroup().location]",
                "tags": { "queues": "[join(variables('upper'), ' ')]" },
            },
            "queues": {
                "copy": { "name": "queues", "count": "[length(parameters('queues'))]" },
                "type": "Microsoft.ServiceBus/namespaces/queues",
                "apiVersion": "2024-01-01",
                "name": "[format('{0}/{1}', parameters('names').bus, parameters('queues')[copyIndex()])]",
                "properties": { "maxDeliveryCount": "[copyIndex(3)]" },
                "dependsOn": ["bus"],
            },
            "log": {
                "type": "Microsoft.Insights/diagnosticSettings",
                "apiVersion": "2021-05-01-preview",
                "scope": "[resourceId('Microsoft.ServiceBus/namespaces', parameters('names').bus)]",
                "name": "log",
                "properties": { "copy": [{
                    "name": "logs",
                    "count": "[length(parameters('queues'))]",
                    "input": { "category": "[parameters('queues')[copyIndex('logs')]]", "enabled": true },
                }] },
                "dependsOn": ["[format('queues[{0}]', 1)]"],
            },
        },
        "outputs": { "endpoint": { "type": "string", "value": "[reference('bus').serviceBusEndpoint]" } },
    });
    json!({
        "$schema": INTO_SUBSCRIPTIONS,
        "languageVersion": "2.0",
        "contentVersion": "1.0.0.0",
        "functions": [{ "namespace": "__bicep", "members": { "namesOf": {
            "parameters": [{ "name": "token", "type": "string" }],
            "output": { "type": "object", "value": { "bus": "[format('sb-{0}', parameters('token'))]" } },
        } } }],
        "parameters": {
            "group": { "type": "string", "defaultValue": "[format('rg-{0}', parameters('token'))]" },
            "token": { "type": "string" },
        },
        "variables": { "names": "[__bicep.namesOf(parameters('token'))]" },
        "resources": {
            "group": {
                "type": "Microsoft.Resources/resourceGroups",
                "apiVersion": "2025-04-01",
                "name": "[parameters('group')]",
                "location": "[deployment().location]",
            },
            "messaging": {
                "type": "Microsoft.Resources/deployments",
                "apiVersion": "2025-04-01",
                "name": "messaging",
                "resourceGroup": "[parameters('group')]",
                "properties": {
                    "mode": "Incremental",
                    "expressionEvaluationOptions": { "scope": "inner" },
                    "parameters": {
                        "names": { "value": "[variables('names')]" },
                        "queues": { "value": ["first", "second"] },
                    },
                    "template": inner,
                },
                "dependsOn": ["group"],
            },
            "unwanted": {
                "condition": false,
                "type": "Microsoft.Resources/resourceGroups",
                "apiVersion": "2025-04-01",
                "name": "unwanted",
                "location": "[deployment().location]",
            },
        },
        "outputs": {
            "endpoint": { "type": "string", "value": "[reference('messaging').outputs.endpoint.value]" },
            "bus": { "type": "string", "value": "[resourceId(subscription().subscriptionId, parameters('group'), 'Microsoft.ServiceBus/namespaces', variables('names').bus)]" },
        },
    })
}

#[tokio::test]
async fn a_template_goes_into_a_subscription_with_everything_that_bicep_makes_of_modules_and_loops() {
    let cloud = Cloud::start().await;
    let vendor = &cloud.seed.vendor;
    let token = json!({ "token": { "value": "contoso" } });
    for status in [201, 200] {
        let accepted = put(&cloud, "all", &messaging(), &token).await.expect(status);
        assert_eq!(accepted.body["location"], vendor.region.as_str());
        let shown = ended(&cloud, "all").await;
        assert_eq!(shown["properties"]["provisioningState"], "Succeeded", "{shown}");
        let outputs = &shown["properties"]["outputs"];
        assert_eq!(outputs["endpoint"]["value"], "https://sb-contoso.servicebus.windows.net:443/");
        let bus = outputs["bus"]["value"].as_str().unwrap();
        let get = async |id: String, version: &str| {
            cloud.arm(vendor, Method::GET, at(&id, version), None).await.expect(200).body
        };
        assert_eq!(get(bus.to_owned(), BUS).await["tags"], json!({ "queues": "FIRST SECOND" }));
        for (number, queue) in ["first", "second"].iter().enumerate() {
            let queue = get(format!("{bus}/queues/{queue}"), BUS).await;
            assert_eq!(queue["properties"]["maxDeliveryCount"], number + 3);
        }
        let log = format!("{bus}/providers/Microsoft.Insights/diagnosticSettings/log");
        let log = get(log, "api-version=2021-05-01-preview").await;
        assert_eq!(
            log["properties"]["logs"],
            json!([{ "category": "first", "enabled": true }, { "category": "second", "enabled": true }])
        );
        let group = bus.split("/providers").next().unwrap();
        let nested =
            get(format!("{group}/providers/Microsoft.Resources/deployments/messaging"), DEPLOYMENTS).await;
        assert_eq!(nested["properties"]["outputResources"].as_array().unwrap().len(), 4, "{nested}");
    }
    let listed = cloud.arm(vendor, Method::GET, path(&cloud, ""), None).await.expect(200).body;
    let names: Vec<&Value> = listed["value"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["all"], "the nested one is its group's");
    let unwanted = format!("/subscriptions/{}/resourceGroups/unwanted", vendor.subscription_id);
    cloud.arm(vendor, Method::GET, at(&unwanted, DEPLOYMENTS), None).await.expect(404);
}

#[tokio::test]
async fn what_a_nested_deployment_is_refused_fails_the_outer_one_with_the_reason() {
    let cloud = Cloud::start().await;
    let mut template = messaging();
    template["resources"]["messaging"]["properties"]["parameters"]["queues"]["value"] = json!(["one", 2]);
    put(&cloud, "all", &template, &json!({ "token": { "value": "contoso" } })).await.expect(201);
    let shown = ended(&cloud, "all").await;
    assert_eq!(shown["properties"]["provisioningState"], "Failed");
    let details = shown["properties"]["error"]["details"].to_string();
    assert!(details.contains("parameter 'queues'[1] is not valid"), "{details}");
}

#[tokio::test]
async fn what_cannot_go_into_a_subscription_is_refused() {
    let cloud = Cloud::start().await;
    let vendor = &cloud.seed.vendor;
    let with = |resources: Value| json!({ "$schema": INTO_SUBSCRIPTIONS, "contentVersion": "1.0.0.0", "resources": resources });
    let bus = json!([{
        "type": "Microsoft.ServiceBus/namespaces", "apiVersion": "2024-01-01", "name": "sb-contoso", "location": "eastus",
    }]);
    let group = json!([{
        "type": "Microsoft.Resources/resourceGroups", "apiVersion": "2025-04-01", "name": "[resourceGroup().name]",
    }]);
    for (resources, words) in [
        (bus, "resources of the type 'Microsoft.ServiceBus/namespaces' in a subscription"),
        (group, "The template function 'resourceGroup' is not expected at this location"),
    ] {
        let refused = put(&cloud, "refused", &with(resources), &json!({})).await;
        let refused = refused.expect_error(400, "InvalidTemplate");
        assert!(refused.message().contains(words), "{}", refused.body);
    }
    let nothing = with(json!([]));
    let mut nowhere = deployment(&cloud, &nothing, &json!({}));
    nowhere.as_object_mut().unwrap().remove("location");
    let refused = cloud.arm(vendor, Method::PUT, path(&cloud, "/n"), Some(nowhere)).await;
    refused.expect_error(400, "LocationRequired");
    put(&cloud, "here", &nothing, &json!({})).await.expect(201);
    let mut elsewhere = deployment(&cloud, &nothing, &json!({}));
    elsewhere["location"] = json!("eastus2euap");
    let refused = cloud.arm(vendor, Method::PUT, path(&cloud, "/here"), Some(elsewhere)).await;
    refused.expect_error(409, "InvalidDeploymentLocation");

    let (token, _) = stranger(&cloud).await;
    let body = deployment(&cloud, &nothing, &json!({}));
    let url = format!("{ARM}{}", path(&cloud, "/theirs"));
    let refused = cloud.send(Method::PUT, url, Some(&token), Some(body)).await;
    refused.expect_error(403, "AuthorizationFailed");
}

#[tokio::test]
async fn a_key_of_a_vault_is_made_by_a_template_once() {
    let cloud = Cloud::start().await;
    let vendor = &cloud.seed.vendor;
    let group = cloud.group(vendor).await;
    cloud.make_vault(vendor, &group, "kv-contoso").await;
    let key = |name: &str| {
        at(
            &format!("{group}/providers/Microsoft.KeyVault/vaults/kv-contoso/keys/{name}"),
            "api-version=2024-11-01",
        )
    };
    let made = |properties: Value| Some(json!({ "properties": properties }));
    let evidence = made(json!({ "kty": "EC", "curveName": "P-256", "keyOps": ["sign", "verify"] }));
    let first = cloud.arm(vendor, Method::PUT, key("evidence"), evidence.clone()).await.expect(200).body;
    assert_eq!(first["properties"]["curveName"], "P-256");
    assert_eq!(first["properties"]["keyUri"], "https://kv-contoso.vault.azure.net/keys/evidence");
    let again = cloud.arm(vendor, Method::PUT, key("evidence"), evidence).await.expect(200).body;
    assert_eq!(again["properties"]["keyUriWithVersion"], first["properties"]["keyUriWithVersion"]);
    for (name, properties, status, code) in [
        ("curve", json!({ "kty": "EC", "curveName": "P-521" }), 400, "BadRequest"),
        ("kind", json!({ "kty": "oct" }), 400, "BadRequest"),
        ("size", json!({ "kty": "RSA", "keySize": 7 }), 400, "BadRequest"),
        ("nothing", json!({}), 400, "InvalidRequestContent"),
    ] {
        let refused = cloud.arm(vendor, Method::PUT, key(name), made(properties)).await;
        refused.expect_error(status, code);
        cloud.arm(vendor, Method::GET, key(name), None).await.expect_error(404, "ResourceNotFound");
    }
    let nowhere = key("evidence").replace("kv-contoso", "kv-none");
    cloud.arm(vendor, Method::GET, nowhere, None).await.expect_error(404, "ResourceNotFound");
    let (token, _) = stranger(&cloud).await;
    let refused = cloud.send(Method::GET, format!("{ARM}{}", key("evidence")), Some(&token), None).await;
    refused.expect_error(403, "AuthorizationFailed");
}
