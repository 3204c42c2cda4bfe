//! Templates, deployed into a resource group.

use reqwest::Method;
use serde_json::{Value, json};

use crate::cloud::{ARM, Answer, COMPUTE, Cloud, at};
use crate::stranger;

const DEPLOYMENTS: &str = "api-version=2024-03-01";

struct Group {
    cloud: Cloud,
    id: String,
}

impl Group {
    async fn start() -> Self {
        let cloud = Cloud::start().await;
        let id = cloud.group(&cloud.seed.vendor).await;
        Self { cloud, id }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let path = at(&format!("{}/providers/Microsoft.Resources/deployments{path}", self.id), DEPLOYMENTS);
        self.cloud.arm(&self.cloud.seed.vendor, method, path, body).await
    }

    async fn put(&self, template: Value) -> Answer {
        self.call(Method::PUT, "/d1", Some(deployment(template, json!({})))).await
    }

    /// Follows a deployment to its end, by the address that it was given.
    async fn ended(&self, accepted: Answer) -> Value {
        let token = self.cloud.token(&self.cloud.seed.vendor, ARM).await;
        let address = accepted.header("azure-asyncoperation").to_owned();
        for _ in 0..10 {
            let state = self.cloud.send(Method::GET, &address, Some(&token), None).await.expect(200);
            if state.body["status"] != "Running" {
                return state.body;
            }
            assert_eq!(state.header("retry-after"), "1");
        }
        panic!("the deployment did not end in ten polls");
    }

    async fn deployed(&self, template: Value) -> Value {
        let accepted = self.put(template).await;
        assert!([200, 201].contains(&accepted.status), "{}", accepted.body);
        assert_eq!(accepted.body["properties"]["provisioningState"], "Accepted");
        let ended = self.ended(accepted).await;
        assert_eq!(ended, json!({ "status": "Succeeded" }));
        self.call(Method::GET, "/d1", None).await.expect(200).body
    }

    async fn disk(&self, name: &str) -> Answer {
        let path = at(&format!("{}/providers/Microsoft.Compute/disks/{name}", self.id), COMPUTE);
        self.cloud.arm(&self.cloud.seed.vendor, Method::GET, path, None).await
    }
}

fn deployment(template: Value, parameters: Value) -> Value {
    json!({ "properties": { "mode": "Incremental", "template": template, "parameters": parameters } })
}

fn template(resources: Value, more: Value) -> Value {
    let mut template = json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": resources,
    });
    for (name, value) in more.as_object().unwrap() {
        template[name] = value.clone();
    }
    template
}

fn disk(name: &str, more: Value) -> Value {
    let mut disk = json!({
        "type": "Microsoft.Compute/disks",
        "apiVersion": "2023-04-02",
        "name": name,
        "location": "[resourceGroup().location]",
        "properties": { "creationData": { "createOption": "Empty" }, "diskSizeGB": 4 },
    });
    for (name, value) in more.as_object().unwrap() {
        disk[name] = value.clone();
    }
    disk
}

fn snapshot(name: &str, of: &str, more: Value) -> Value {
    let source = format!("[resourceId('Microsoft.Compute/disks', {of})]");
    let copy = json!({ "creationData": { "createOption": "Copy", "sourceResourceId": source } });
    let mut snapshot = disk(name, json!({ "type": "Microsoft.Compute/snapshots", "properties": copy }));
    for (name, value) in more.as_object().unwrap() {
        snapshot[name] = value.clone();
    }
    snapshot
}

#[tokio::test]
async fn a_template_becomes_resources_in_the_order_that_they_need() {
    let group = Group::start().await;
    let resources = json!([
        snapshot(
            "[variables('copy')]",
            "parameters('name')",
            json!({
                "dependsOn": ["[resourceId('Microsoft.Compute/disks', parameters('name'))]"],
                "tags": { "of": "[reference(parameters('name')).uniqueId]" },
            })
        ),
        disk("[parameters('name')]", json!({ "tags": { "[[plain]": "[[not an expression]" } })),
        disk("unwanted", json!({ "condition": "[equals(parameters('name'), 'other')]" })),
    ]);
    let template = template(
        resources,
        json!({
            "parameters": {
                "Name": { "type": "string", "defaultValue": "[concat('disk', '-', 1)]" },
                "secret": { "type": "secureString", "defaultValue": "hush" },
            },
            "variables": { "copy": "[format('{0}-copy', parameters('name'))]" },
            "outputs": {
                "size": { "type": "int", "value": "[reference(resourceId('Microsoft.Compute/snapshots', variables('copy'))).diskSizeGB]" },
                "place": { "type": "string", "value": "[reference('disk-1', '2023-04-02', 'Full').location]" },
            },
        }),
    );
    let shown = group.deployed(template.clone()).await;
    let properties = &shown["properties"];
    assert_eq!(properties["outputs"]["size"], json!({ "type": "Int", "value": 4 }), "{shown}");
    assert_eq!(properties["outputs"]["place"]["value"], group.cloud.seed.vendor.region.as_str());
    assert_eq!(properties["parameters"]["Name"]["value"], "disk-1");
    assert_eq!(
        properties["parameters"]["secret"],
        json!({ "type": "SecureString" }),
        "its value is not shown"
    );
    assert_eq!(properties["outputResources"].as_array().unwrap().len(), 2);
    let first = &properties["dependencies"][0];
    assert_eq!(
        (&first["resourceName"], &first["dependsOn"][0]["resourceName"]),
        (&json!("disk-1-copy"), &json!("disk-1"))
    );

    let made = group.disk("disk-1").await.expect(200).body;
    assert_eq!(made["tags"], json!({ "[plain]": "[not an expression]" }));
    let path = at(&format!("{}/providers/Microsoft.Compute/snapshots/disk-1-copy", group.id), COMPUTE);
    let copy = group.cloud.arm(&group.cloud.seed.vendor, Method::GET, path, None).await.expect(200).body;
    assert_eq!(copy["tags"]["of"], made["properties"]["uniqueId"]);
    group.disk("unwanted").await.expect_error(404, "ResourceNotFound");

    let operations = group.call(Method::GET, "/d1/operations", None).await.expect(200).body;
    let states: Vec<&Value> = operations["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["properties"]["provisioningState"])
        .collect();
    assert_eq!(states, ["Succeeded", "Succeeded"]);
    let one = operations["value"][0]["operationId"].as_str().unwrap();
    let one = group.call(Method::GET, &format!("/d1/operations/{one}"), None).await.expect(200).body;
    assert_eq!(one, operations["value"][0]);
    group
        .call(Method::GET, "/d1/operations/nothing", None)
        .await
        .expect_error(404, "DeploymentOperationNotFound");

    assert_eq!(group.put(template.clone()).await.expect(200).body["name"], "d1", "deployed again");
    group.put(template).await.expect_error(409, "DeploymentActive");
}

#[tokio::test]
async fn a_deployment_goes_on_after_a_restart_and_is_deleted_without_what_it_made() {
    let group = Group::start().await;
    let accepted = group.put(template(json!([disk("d", json!({}))]), json!({}))).await.expect(201);
    let Group { cloud, id } = group;
    let group = Group { cloud: cloud.restart().await, id };
    assert_eq!(group.ended(accepted).await["status"], "Succeeded");
    let listed = group.call(Method::GET, "/", None).await.expect(200).body;
    assert_eq!(listed["value"][0]["properties"]["provisioningState"], "Succeeded");
    group.call(Method::HEAD, "/d1", None).await.expect(204);
    let gone = group.call(Method::DELETE, "/d1", None).await.expect(202);
    let token = group.cloud.token(&group.cloud.seed.vendor, ARM).await;
    let address = gone.header("location").to_owned();
    group.cloud.send(Method::GET, &address, Some(&token), None).await.expect(202);
    group.cloud.send(Method::GET, &address, Some(&token), None).await.expect(204);
    group.call(Method::GET, "/d1", None).await.expect_error(404, "DeploymentNotFound");
    group.call(Method::DELETE, "/d1", None).await.expect(204);
    group.disk("d").await.expect(200);
}

#[tokio::test]
async fn a_resource_that_is_refused_fails_the_deployment_with_its_own_error() {
    let group = Group::start().await;
    let after = json!({ "dependsOn": ["bad"] });
    let resources = json!([disk("bad", json!({ "location": "narnia" })), disk("after", after)]);
    let accepted = group.put(template(resources, json!({}))).await.expect(201);
    let ended = group.ended(accepted).await;
    assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("Failed"), &json!("DeploymentFailed")));
    assert_eq!(ended["error"]["details"][0]["code"], "LocationNotAvailableForResourceType");
    let shown = group.call(Method::GET, "/d1", None).await.expect(200).body;
    assert_eq!(shown["properties"]["provisioningState"], "Failed");
    assert_eq!(shown["properties"]["error"], ended["error"]);
    let operations = group.call(Method::GET, "/d1/operations", None).await.expect(200).body;
    let failed = &operations["value"][0]["properties"];
    assert_eq!(
        (&failed["statusCode"], operations["value"].as_array().unwrap().len()),
        (&json!("BadRequest"), 1)
    );
    assert_eq!(failed["statusMessage"]["error"]["code"], "LocationNotAvailableForResourceType");
    group.disk("after").await.expect_error(404, "ResourceNotFound");

    let outputs = json!({ "x": { "type": "string", "value": "[reference('good').nothing]" } });
    let accepted = group.put(template(json!([disk("good", json!({}))]), json!({ "outputs": outputs }))).await;
    let ended = group.ended(accepted).await;
    assert_eq!(ended["error"]["code"], "DeploymentOutputEvaluationFailed", "{ended}");
}

#[tokio::test]
async fn a_template_defines_a_role_and_assigns_it_at_the_group_and_at_a_resource() {
    let group = Group::start().await;
    let identity = json!({
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2023-01-31", "name": "mine",
        "location": "[resourceGroup().location]",
    });
    let role = json!({
        "type": "Microsoft.Authorization/roleDefinitions", "apiVersion": "2022-04-01",
        "name": "[guid(resourceGroup().id, 'role')]",
        "properties": {
            "roleName": "[format('Disks of {0}', resourceGroup().name)]", "type": "CustomRole",
            "assignableScopes": ["[resourceGroup().id]"], "permissions": [{ "actions": ["Microsoft.Compute/disks/read"] }],
        },
    });
    let assigned = |name: &str| {
        json!({
            "type": "Microsoft.Authorization/roleAssignments", "apiVersion": "2022-04-01",
            "name": format!("[guid(resourceGroup().id, '{name}')]"),
            "dependsOn": ["[resourceId('Microsoft.Authorization/roleDefinitions', guid(resourceGroup().id, 'role'))]"],
            "properties": {
                "roleDefinitionId": "[resourceId('Microsoft.Authorization/roleDefinitions', guid(resourceGroup().id, 'role'))]",
                "principalId": "[reference('mine').principalId]", "principalType": "ServicePrincipal",
            },
        })
    };
    let mut at_the_identity = assigned("identity");
    at_the_identity["scope"] = json!("Microsoft.ManagedIdentity/userAssignedIdentities/mine");
    let resources = json!([at_the_identity, assigned("group"), role, identity]);
    // The second time nothing changes.
    for _ in 0..2 {
        group.deployed(template(resources.clone(), json!({}))).await;
    }
    let vendor = &group.cloud.seed.vendor;
    let list = format!("{}/providers/Microsoft.Authorization/roleAssignments", group.id);
    let listed =
        group.cloud.arm(vendor, Method::GET, at(&list, "api-version=2022-04-01"), None).await.expect(200);
    let mut scopes: Vec<&str> = listed.body["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["properties"]["scope"].as_str().unwrap())
        .filter(|scope| scope.starts_with(&group.id))
        .collect();
    scopes.sort_unstable();
    let identity = format!("{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/mine", group.id);
    assert_eq!(scopes, [group.id.as_str(), identity.as_str()]);
}

#[tokio::test]
async fn what_is_wrong_with_a_template_is_said_before_anything_is_made() {
    let group = Group::start().await;
    let one = |more: Value| template(json!([disk("d", more)]), json!({}));
    let with = |more: Value| template(json!([]), more);
    let parameter = |declared: Value| with(json!({ "parameters": { "p": declared } }));
    let depends = |on: &str| json!({ "dependsOn": [on] });
    let nested = |options: Value| {
        let properties =
            json!({ "mode": "Incremental", "template": {}, "expressionEvaluationOptions": options });
        one(json!({ "type": "Microsoft.Resources/deployments", "properties": properties }))
    };
    let loops = || {
        let inner = (0..4).fold(
            json!(1),
            |input, number| json!({ "copy": [{ "name": format!("l{number}"), "count": 1, "input": input }] }),
        );
        let named = json!([disk("[string(variables('loops'))]", json!({}))]);
        template(named, json!({ "variables": { "loops": inner } }))
    };
    let table = [
        (json!([]), "not an object"),
        (json!({ "$schema": "s", "resources": [] }), "'contentVersion' not found"),
        (with(json!({ "surprise": 1 })), "Could not find member 'surprise'"),
        (with(json!({ "functions": [{}] })), "'functions' is no array of namespaces with members"),
        (with(json!({ "languageVersion": "3.0" })), "the template element 'languageVersion' with the value"),
        (one(json!({ "copy": { "count": 2 } })), "The 'name' of a copy has to be a text"),
        (one(json!({ "copy": { "name": "c", "count": 801 } })), "no whole number from 0 to 800 but 801"),
        (one(json!({ "copy": { "name": "c", "count": 2 } })), "defined multiple times"),
        (one(json!({ "copy": { "name": "c", "count": 1, "mode": "Serial" } })), "the mode 'serial'"),
        (
            one(json!({ "name": "[format('d{0}', copyIndex())]" })),
            "'copyIndex' is not expected at this location",
        ),
        (one(json!({ "tags": { "a": "[my.own()]" } })), "The template function 'my.own' is not valid"),
        (one(json!({ "scope": "x" })), "a scope for resources of the type"),
        (one(json!({ "resources": [{}] })), "the resource element 'resources'"),
        (nested(json!({})), "whose expressions the outer one evaluates"),
        (loops(), "loops in more than 2 others"),
        (
            template(
                json!([
                    disk("[format('d{0}', copyIndex())]", json!({ "copy": { "name": "c", "count": 800 } })),
                    disk("one", json!({})),
                ]),
                json!({}),
            ),
            "exceeds the limit of 800 resources",
        ),
        (parameter(json!({ "$ref": "#/definitions/none" })), "no type definition"),
        (
            with(json!({ "parameters": {
                "a": { "type": "string", "defaultValue": "[parameters('b')]" },
                "b": { "type": "string", "defaultValue": "[parameters('a')]" },
            } })),
            "The defaults of the template parameters 'a', 'b' lead back to themselves",
        ),
        (one(json!({ "tags": { "a": "[utcNow('x')]" } })), "The template function 'utcNow' is not valid"),
        (one(json!({ "tags": { "a": "[concat('x']" } })), "Unable to parse language expression"),
        (
            one(json!({ "tags": { "a": "[parameters('none')]" } })),
            "The template parameter 'none' is not found",
        ),
        (one(json!({ "tags": { "a": "[variables('none')]" } })), "The template variable 'none' is not found"),
        (one(json!({ "name": "[reference('x').y]" })), "'reference' is not expected at this location"),
        (one(json!({ "type": "Microsoft.Compute/disks/parts" })), "incorrect segment lengths"),
        (
            one(json!({ "type": "Microsoft.Nothing/things" })),
            "resources of the type 'Microsoft.Nothing/things'",
        ),
        (one(depends("other")), "The resource 'other' is not defined in the template"),
        (one(depends("d")), "Circular dependency detected"),
        (template(json!([disk("d", json!({})), disk("D", json!({}))]), json!({})), "defined multiple times"),
        (parameter(json!({ "type": "string" })), "The value for the template parameter 'p' is not provided"),
        (parameter(json!({ "type": "int", "defaultValue": "x" })), "Expected a value of type 'int'"),
        (parameter(json!({ "type": "string", "defaultValue": "c", "allowedValues": ["a", "b"] })), "'a,b'"),
        (
            parameter(json!({ "type": "string", "defaultValue": "abc", "maxLength": 2 })),
            "outside of what the template",
        ),
        (parameter(json!({ "type": "strange", "defaultValue": 1 })), "The type 'strange'"),
        (with(json!({ "outputs": { "o": { "value": 1 } } })), "needs a 'type' and a 'value'"),
        (
            with(
                json!({ "variables": { "a": "[variables('a')]" }, "outputs": { "o": { "type": "string", "value": "[reference(variables('a')).x]" } } }),
            ),
            "lead back to themselves",
        ),
    ];
    for (template, words) in table {
        for (method, path) in [(Method::PUT, "/d1"), (Method::POST, "/d1/validate")] {
            let refused = group.call(method, path, Some(deployment(template.clone(), json!({})))).await;
            assert_eq!(
                (refused.status, refused.code()),
                (400, "InvalidTemplate"),
                "{words}: {}",
                refused.body
            );
            assert!(refused.message().contains(words), "{words}: {}", refused.body);
        }
    }
    let nothing = with(json!({}));
    let given = deployment(nothing.clone(), json!({ "p": { "value": 1 } }));
    let refused = group.call(Method::PUT, "/d1", Some(given)).await.expect_error(400, "InvalidTemplate");
    assert!(refused.message().contains("The template parameters 'p' in the parameters file are not valid"));
    for (name, value) in [("mode", json!("Complete")), ("templateLink", json!({ "uri": "https://x" }))] {
        let mut body = deployment(nothing.clone(), json!({}));
        body["properties"][name] = value;
        let refused = group.call(Method::PUT, "/d1", Some(body)).await.expect_error(400, "InvalidTemplate");
        assert!(refused.message().contains("The sandbox does not have the deployment"), "{}", refused.body);
    }
    let long = format!("/{}", "x".repeat(65));
    let refused = group.call(Method::PUT, &long, Some(deployment(nothing, json!({})))).await;
    refused.expect_error(400, "InvalidDeploymentName");
    group.call(Method::PUT, "/d1", Some(json!({}))).await.expect_error(400, "InvalidRequestContent");
    group.call(Method::GET, "/d1", None).await.expect_error(404, "DeploymentNotFound");
}

#[tokio::test]
async fn who_may_deploy_may_not_write_everything() {
    let group = Group::start().await;
    let vendor = &group.cloud.seed.vendor;
    let (token, principal) = stranger(&group.cloud).await;
    let identity = json!({
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2023-01-31", "name": "mine",
        "location": "[resourceGroup().location]",
    });
    let body = deployment(template(json!([identity]), json!({})), json!({}));
    let url = at(&format!("{ARM}{}/providers/Microsoft.Resources/deployments/d1", group.id), DEPLOYMENTS);
    let put = || group.cloud.send(Method::PUT, url.as_str(), Some(&token), Some(body.clone()));
    put().await.expect_error(403, "AuthorizationFailed");
    group.cloud.assign(vendor, &group.id, "Managed Identity Operator", &principal).await;
    let refused = put().await;
    // This role may deploy, and assign identities, and not make any.
    let refused = refused.expect_error(403, "InvalidTemplateDeployment");
    assert!(
        refused.message().contains("Authorization failed for template resource 'mine'"),
        "{}",
        refused.body
    );
}
