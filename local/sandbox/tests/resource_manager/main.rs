//! The gateway of Azure Resource Manager and the plain resources behind it.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too, which clippy cannot see")]

mod bodies;
#[path = "../cloud/mod.rs"]
mod cloud;
mod custom_roles;
mod deployments;
mod described;
mod enumerations;
mod every_type;
mod limits;
mod linked_access;
mod nested_deployments;
mod providers_and_tags;

use cloud::{ARM, Cloud, VAULT, at};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

#[tokio::test]
async fn the_gateway_checks_token_version_subscription_and_role_in_this_order() {
    let cloud = Cloud::start().await;
    let (vendor, customer) = (&cloud.seed.vendor, &cloud.seed.customer);
    let subscription = format!("{ARM}/subscriptions/{}", vendor.subscription_id);
    let good = format!("{subscription}/resourceGroups/rg?api-version=2024-03-01");
    let unversioned = format!("{subscription}/resourceGroups/rg");
    let unknown = format!("{ARM}/subscriptions/{}/resourceGroups/rg?api-version=2024-03-01", Uuid::nil());
    let old = format!("{subscription}/providers/Microsoft.Compute/disks?api-version=2018-01-01");
    let nothing = format!("{subscription}/providers/Microsoft.Nothing/things?api-version=2024-03-01");
    let ours = cloud.token(vendor, ARM).await;
    let theirs = cloud.token(customer, ARM).await;
    let vault = cloud.token(vendor, VAULT).await;
    let table = [
        (&good, None, 401, "AuthenticationFailed"),
        (&unversioned, None, 401, "AuthenticationFailed"),
        (&good, Some(&vault), 401, "InvalidAuthenticationTokenAudience"),
        (&good, Some(&theirs), 401, "InvalidAuthenticationTokenTenant"),
        (&unversioned, Some(&ours), 400, "MissingApiVersionParameter"),
        (&old, Some(&ours), 400, "NoRegisteredProviderFound"),
        (&unknown, Some(&ours), 404, "SubscriptionNotFound"),
        (&good, Some(&ours), 404, "ResourceGroupNotFound"),
        (&nothing, Some(&ours), 404, "InvalidResourceType"),
    ];
    for (url, token, status, code) in table {
        let answer = cloud.send(Method::GET, url.as_str(), token.map(String::as_str), None).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{url}: {}", answer.body);
        assert_eq!(answer.header("www-authenticate").is_empty(), status != 401);
    }
    let (token, _) = stranger(&cloud).await;
    let refused =
        cloud.send(Method::GET, good, Some(&token), None).await.expect_error(403, "AuthorizationFailed");
    assert!(
        refused
            .message()
            .contains("perform action 'Microsoft.Resources/subscriptions/resourceGroups/read' over scope")
    );
}

#[tokio::test]
async fn a_caller_sees_its_tenant_and_the_subscriptions_it_has_a_role_in() {
    let cloud = Cloud::start().await;
    let customer = &cloud.seed.customer;
    let subscriptions =
        cloud.arm(customer, Method::GET, "/subscriptions?api-version=2022-12-01", None).await.expect(200);
    let ids: Vec<&Value> =
        subscriptions.body["value"].as_array().unwrap().iter().map(|one| &one["subscriptionId"]).collect();
    assert_eq!(ids, [&json!(customer.subscription_id)]);
    let one = format!("/subscriptions/{}?api-version=2022-12-01", customer.subscription_id);
    cloud.arm(customer, Method::GET, one.as_str(), None).await.expect(200);
    let tenants = cloud.arm(customer, Method::GET, "/tenants?api-version=2022-12-01", None).await.expect(200);
    assert_eq!(tenants.body["value"][0]["tenantId"], json!(customer.tenant_id));
    cloud.group(&cloud.seed.vendor).await;
    let (token, _) = stranger(&cloud).await;
    let url = format!("{ARM}/subscriptions?api-version=2022-12-01");
    let nothing = cloud.send(Method::GET, url, Some(&token), None).await.expect(200);
    assert_eq!(nothing.body["value"], json!([]));
}

#[tokio::test]
async fn groups_identities_and_vaults_are_made_read_and_kept_whatever_the_case_of_their_ids() {
    let cloud = Cloud::start().await;
    let vendor = &cloud.seed.vendor;
    let group = cloud.group(vendor).await;
    let again = json!({ "location": vendor.region });
    cloud.arm(vendor, Method::PUT, at(&group, "api-version=2024-03-01"), Some(again)).await.expect(200);
    let shouted = group.to_uppercase().replace("/SUBSCRIPTIONS/", "/subscriptions/");
    let shown =
        cloud.arm(vendor, Method::GET, at(&shouted, "api-version=2024-03-01"), None).await.expect(200);
    assert_eq!(shown.body["name"], "rg");

    let id = format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/identity1");
    let body = json!({ "location": vendor.region });
    let path = at(&id, "api-version=2023-01-31");
    let made = cloud.arm(vendor, Method::PUT, path.as_str(), Some(body.clone())).await.expect(201).body;
    assert!(made["id"].as_str().unwrap().contains("/resourcegroups/"), "recorded: lower case");
    let same = cloud.arm(vendor, Method::PUT, path.as_str(), Some(body)).await.expect(200).body;
    assert_eq!(made["properties"], same["properties"], "writing again keeps the principal");
    assert_eq!(made["properties"]["tenantId"], json!(vendor.tenant_id));
    assert_ne!(made["properties"]["principalId"], made["properties"]["clientId"]);

    let vault = cloud.make_vault(vendor, &group, "kv-arm").await;
    let shown = cloud
        .arm(vendor, Method::GET, at(&vault.to_lowercase(), "api-version=2026-02-01"), None)
        .await
        .expect(200);
    assert_eq!(shown.body["properties"]["vaultUri"], "https://kv-arm.vault.azure.net/");
    assert_eq!(shown.body["properties"]["enableRbacAuthorization"], true);
    assert_eq!(shown.body["properties"]["enablePurgeProtection"], true);
    for list in [&group, &format!("/subscriptions/{}", vendor.subscription_id)] {
        let path = format!("{list}/providers/Microsoft.KeyVault/vaults?api-version=2023-07-01");
        let listed = cloud.arm(vendor, Method::GET, path, None).await.expect(200);
        assert_eq!(listed.body["value"].as_array().unwrap().len(), 1);
    }
    cloud.save_har("resource_manager");
}

#[tokio::test]
async fn bad_resources_are_refused_by_name() {
    let cloud = Cloud::start().await;
    let (vendor, customer) = (&cloud.seed.vendor, &cloud.seed.customer);
    let group = cloud.group(vendor).await;
    let theirs = cloud.group(customer).await;
    cloud.make_vault(customer, &theirs, "kv-taken").await;
    let vaults = format!("{group}/providers/Microsoft.KeyVault/vaults");
    let identities = format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities");
    let namespaces = format!("{group}/providers/Microsoft.ServiceBus/namespaces");
    let properties =
        |tenant: Uuid| json!({ "tenantId": tenant, "sku": { "family": "A", "name": "standard" } });
    let vault = |properties: Value| json!({ "location": vendor.region, "properties": properties });
    let ours = properties(vendor.tenant_id);
    let with = |key: &str, value: Value| {
        let mut changed = ours.clone();
        changed[key] = value;
        vault(changed)
    };
    let table = [
        (format!("{vaults}/kv-taken"), vault(ours.clone()), 409, "VaultAlreadyExists"),
        (format!("{vaults}/kv--x"), vault(ours.clone()), 400, "VaultNameNotValid"),
        (format!("{vaults}/1kv"), vault(ours.clone()), 400, "VaultNameNotValid"),
        (format!("{vaults}/kv-new"), vault(properties(customer.tenant_id)), 400, "BadRequest"),
        (format!("{vaults}/kv-new"), with("enablePurgeProtection", json!(false)), 400, "BadRequest"),
        (format!("{vaults}/kv-new"), with("softDeleteRetentionInDays", json!(3)), 400, "BadRequest"),
        (
            format!("{vaults}/kv-new"),
            json!({ "location": "narnia", "properties": ours }),
            400,
            "LocationNotAvailableForResourceType",
        ),
        (format!("{vaults}/kv-new"), json!({ "properties": ours }), 400, "LocationRequired"),
        (format!("{identities}/id"), json!({ "location": vendor.region }), 400, "InvalidResourceName"),
        (format!("{identities}/_id"), json!({ "location": vendor.region }), 400, "InvalidResourceName"),
        (
            format!("{identities}/{}", "i".repeat(129)),
            json!({ "location": vendor.region }),
            400,
            "InvalidResourceName",
        ),
        (
            format!("{}/identity1", identities.replace("/rg/", "/none/")),
            json!({ "location": vendor.region }),
            404,
            "ResourceGroupNotFound",
        ),
        (format!("{identities}/identity1"), json!([1]), 400, "InvalidRequestContent"),
        (format!("{namespaces}/short"), json!({ "location": vendor.region }), 400, "BadRequest"),
        (format!("{namespaces}/1namespace"), json!({ "location": vendor.region }), 400, "BadRequest"),
        (format!("{namespaces}/namespace-"), json!({ "location": vendor.region }), 400, "BadRequest"),
        (
            format!("{namespaces}/namespace"),
            json!({ "location": vendor.region, "sku": { "name": "Large" } }),
            400,
            "BadRequest",
        ),
    ];
    for (path, body, status, code) in table {
        let answer =
            cloud.arm(vendor, Method::PUT, at(&path, "api-version=2023-07-01"), Some(body.clone())).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{path} {body}: {}", answer.body);
    }
    let missing = cloud
        .arm(vendor, Method::GET, at(&format!("{vaults}/kv-none"), "api-version=2023-07-01"), None)
        .await;
    let missing = missing.expect_error(404, "ResourceNotFound");
    assert_eq!(
        missing.message(),
        "The Resource 'Microsoft.KeyVault/vaults/kv-none' under resource group 'rg' was not found. For more details please \
         go to https://aka.ms/ARMResourceNotFoundFix"
    );
}

#[tokio::test]
async fn a_service_bus_namespace_is_kept_and_its_queues_are_scopes_of_the_data_roles() {
    let cloud = Cloud::start().await;
    let vendor = &cloud.seed.vendor;
    let group = cloud.group(vendor).await;
    let id = format!("{group}/providers/Microsoft.ServiceBus/namespaces/contoso-bus");
    let path = at(&id, "api-version=2024-01-01");
    let body = json!({
        "location": vendor.region, "sku": { "name": "premium" }, "properties": { "disableLocalAuth": true },
    });
    cloud.arm(vendor, Method::PUT, path.clone(), Some(body.clone())).await.expect(201);
    cloud.arm(vendor, Method::PUT, path.clone(), Some(body)).await.expect(200);
    let shown = cloud.arm(vendor, Method::GET, path.clone(), None).await.expect(200).body;
    assert_eq!(shown["sku"]["name"], "Premium");
    assert_eq!(shown["properties"]["disableLocalAuth"], true);
    let endpoint = &shown["properties"]["serviceBusEndpoint"];
    assert_eq!(endpoint, "https://contoso-bus.servicebus.windows.net:443/");

    let (_, principal) = stranger(&cloud).await;
    cloud.assign(vendor, &id, "Azure Service Bus Data Owner", &principal).await;
    let queue = format!("{id}/queues/orders");
    cloud.assign(vendor, &queue, "Azure Service Bus Data Receiver", &principal).await;
    cloud.assign(vendor, &queue, "Azure Service Bus Data Sender", &principal).await;
    let listed = format!("{id}/providers/Microsoft.Authorization/roleAssignments");
    let listed =
        cloud.arm(vendor, Method::GET, at(&listed, "api-version=2022-04-01"), None).await.expect(200);
    let scopes: Vec<&str> = listed.body["value"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["properties"]["principalId"] == *principal)
        .map(|one| one["properties"]["scope"].as_str().unwrap())
        .collect();
    assert_eq!(scopes.iter().filter(|scope| **scope == queue).count(), 2, "{scopes:?}");
    assert!(scopes.contains(&id.as_str()), "{scopes:?}");

    cloud.arm(vendor, Method::DELETE, path.clone(), None).await.expect(200);
    cloud.arm(vendor, Method::DELETE, path.clone(), None).await.expect(204);
    cloud.arm(vendor, Method::GET, path, None).await.expect_error(404, "ResourceNotFound");
}

#[tokio::test]
async fn role_assignments_repeat_conflict_and_go() {
    let cloud = Cloud::start().await;
    let vendor = &cloud.seed.vendor;
    let group = cloud.group(vendor).await;
    let (token, oid) = stranger(&cloud).await;
    let reader = format!(
        "/subscriptions/{}/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
        vendor.subscription_id
    );
    let body = |principal: &str, role: &str| json!({ "properties": { "roleDefinitionId": role, "principalId": principal } });
    let name = |guid: Uuid| {
        format!("{group}/providers/Microsoft.Authorization/roleAssignments/{guid}?api-version=2022-04-01")
    };
    let (first, second) = (name(Uuid::new_v4()), name(Uuid::new_v4()));
    let put = |path: String, body: Value| cloud.arm(vendor, Method::PUT, path, Some(body));

    let made = put(first.clone(), body(&oid, &reader)).await.expect(201);
    assert_eq!(made.body["properties"]["scope"], group.as_str());
    assert_eq!(made.body["properties"]["principalType"], "ServicePrincipal", "looked up in the directory");
    put(first.clone(), body(&oid, &reader)).await.expect(200);
    let nobody = Uuid::new_v4().to_string();
    let owner =
        reader.replace("acdd72a7-3385-48ef-bd42-f606fba81ae7", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635");
    let unknown = reader.replace("acdd72a7", "00000000");
    let table = [
        (&second, body(&oid, &reader), 409, "RoleAssignmentExists"),
        (&first, body(&oid, &owner), 400, "RoleAssignmentUpdateNotPermitted"),
        (&second, body(&nobody, &reader), 400, "PrincipalNotFound"),
        (&second, body(&oid, &unknown), 404, "RoleDefinitionDoesNotExist"),
    ];
    for (path, body, status, code) in table {
        put(path.clone(), body).await.expect_error(status, code);
    }
    let url = format!("{ARM}{group}?api-version=2024-03-01");
    cloud.send(Method::GET, url.as_str(), Some(&token), None).await.expect(200);
    let escalate =
        cloud.send(Method::PUT, format!("{ARM}{second}"), Some(&token), Some(body(&oid, &owner))).await;
    escalate.expect_error(403, "AuthorizationFailed");

    let list = format!(
        "{group}/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01&$filter=principalId%20eq%20'{oid}'"
    );
    let listed = cloud.arm(vendor, Method::GET, list.as_str(), None).await.expect(200);
    assert_eq!(listed.body["value"].as_array().unwrap().len(), 1);
    cloud.arm(vendor, Method::DELETE, first.as_str(), None).await.expect(200);
    cloud.arm(vendor, Method::DELETE, first.as_str(), None).await.expect(204);
    cloud.arm(vendor, Method::GET, first.as_str(), None).await.expect_error(404, "RoleAssignmentNotFound");
    cloud.send(Method::GET, url, Some(&token), None).await.expect_error(403, "AuthorizationFailed");
    cloud.save_har("role_assignments");
}

/// An identity of the vendor's without any role: a management token and its object id.
async fn stranger(cloud: &Cloud) -> (String, String) {
    let vendor = &cloud.seed.vendor;
    let other = format!("/subscriptions/{}/resourceGroups/strangers", vendor.subscription_id);
    let body = json!({ "location": vendor.region });
    cloud
        .arm(vendor, Method::PUT, at(&other, "api-version=2024-03-01"), Some(body.clone()))
        .await
        .expect(201);
    let id = format!("{other}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/stranger");
    let made =
        cloud.arm(vendor, Method::PUT, at(&id, "api-version=2023-01-31"), Some(body)).await.expect(201);
    assert!(cloud.sandbox.attach_identity(&id));
    let client_id = made.body["properties"]["clientId"].as_str().unwrap();
    let token = cloud.identity_token(client_id, ARM).await;
    (token, made.body["properties"]["principalId"].as_str().unwrap().to_owned())
}
