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
            "there": {
                "existing": true,
                "type": "Microsoft.Resources/resourceGroups",
                "apiVersion": "2025-04-01",
                "name": "[parameters('group')]",
                "dependsOn": ["messaging"],
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
            "place": { "type": "string", "value": "[reference('there', '2025-04-01', 'full').location]" },
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
        assert_eq!(outputs["place"]["value"], vendor.region.as_str());
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

/// A nested deployment with this name, and whatever else is said of it.
fn nested(name: &str, more: Value) -> Value {
    let mut nested = json!({
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2025-04-01",
        "name": name,
        "location": "[deployment().location]",
        "properties": {
            "mode": "Incremental",
            "expressionEvaluationOptions": { "scope": "inner" },
            "template": { "$schema": INTO_SUBSCRIPTIONS, "contentVersion": "1.0.0.0", "resources": [] },
        },
    });
    for (name, value) in more.as_object().unwrap() {
        nested[name] = value.clone();
    }
    nested
}

fn with(resources: Value) -> Value {
    json!({ "$schema": INTO_SUBSCRIPTIONS, "contentVersion": "1.0.0.0", "resources": resources })
}

#[tokio::test]
async fn a_deployment_that_leads_back_to_itself_fails_and_others_go_on() {
    let cloud = Cloud::start().await;
    let nothing = json!({});
    let within = with(json!([nested("outer", json!({}))]));
    put(&cloud, "outer", &within, &nothing).await.expect(201);
    let shown = ended(&cloud, "outer").await;
    assert_eq!(shown["properties"]["provisioningState"], "Failed", "{shown}");
    assert!(shown.to_string().contains("DeploymentActive"), "{shown}");

    let own =
        "[reference(subscriptionResourceId('Microsoft.Resources/deployments', 'itself')).provisioningState]";
    let mut looks = with(json!([]));
    looks["outputs"] = json!({ "own": { "type": "string", "value": own } });
    put(&cloud, "itself", &looks, &nothing).await.expect(201);
    ended(&cloud, "itself").await;
    put(&cloud, "another", &with(json!([])), &nothing).await.expect(201);
    assert_eq!(ended(&cloud, "another").await["properties"]["provisioningState"], "Succeeded");
}

#[tokio::test]
async fn a_subscription_that_is_named_without_a_group_is_meant_itself() {
    let cloud = Cloud::start().await;
    let vendor = &cloud.seed.vendor;
    let group = cloud.group(vendor).await;
    let subscription =
        json!({ "subscriptionId": "[subscription().subscriptionId]", "location": vendor.region });
    let template = with(json!([nested("below", subscription)]));
    let body = json!({ "properties": { "mode": "Incremental", "template": template } });
    let outer = at(&format!("{group}/providers/Microsoft.Resources/deployments/outer"), DEPLOYMENTS);
    cloud.arm(vendor, Method::PUT, outer, Some(body)).await.expect(201);
    assert_eq!(ended(&cloud, "below").await["properties"]["provisioningState"], "Succeeded");
}

#[tokio::test]
async fn what_is_secret_by_the_type_that_a_template_defines_is_not_shown() {
    let cloud = Cloud::start().await;
    let mut template = with(json!({}));
    template["languageVersion"] = json!("2.0");
    template["definitions"] = json!({ "Key": { "type": "securestring" } });
    template["parameters"] = json!({ "key": { "$ref": "#/definitions/Key" } });
    put(&cloud, "secret", &template, &json!({ "key": { "value": "hush" } })).await.expect(201);
    let shown = ended(&cloud, "secret").await;
    assert_eq!(shown["properties"]["parameters"]["key"], json!({ "type": "SecureString" }));
    assert!(!shown.to_string().contains("hush"), "{shown}");
}

#[tokio::test]
async fn a_function_of_the_templates_own_sees_no_variables() {
    let cloud = Cloud::start().await;
    let mut template = with(json!([]));
    template["variables"] = json!({ "outside": "x" });
    template["functions"] = json!([{ "namespace": "my", "members": { "look": {
        "parameters": [],
        "output": { "type": "string", "value": "[variables('outside')]" },
    } } }]);
    template["outputs"] = json!({ "seen": { "type": "string", "value": "[my.look()]" } });
    put(&cloud, "looks", &template, &json!({})).await.expect(201);
    let shown = ended(&cloud, "looks").await;
    assert_eq!(shown["properties"]["error"]["code"], "DeploymentOutputEvaluationFailed", "{shown}");
    assert!(shown.to_string().contains("The template variable 'outside' is not found"), "{shown}");
}

#[tokio::test]
async fn what_cannot_go_into_a_subscription_is_refused() {
    let cloud = Cloud::start().await;
    let vendor = &cloud.seed.vendor;
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
