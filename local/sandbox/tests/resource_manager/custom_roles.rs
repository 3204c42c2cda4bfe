//! Roles that somebody defines.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::cloud::{ARM, Cloud};
use super::stranger;

const API: &str = "api-version=2022-04-01";

fn definition(scope: &str, name: &str, actions: &[&str]) -> Value {
    json!({ "properties": {
        "roleName": name,
        "description": "Of a test.",
        "type": "CustomRole",
        "assignableScopes": [scope],
        "permissions": [{ "actions": actions, "notActions": [], "dataActions": [], "notDataActions": [] }],
    }})
}

fn path(scope: &str, kind: &str, id: Uuid) -> String {
    format!("{scope}/providers/Microsoft.Authorization/{kind}/{id}?{API}")
}

#[tokio::test]
async fn a_custom_role_allows_exactly_what_it_says_and_a_change_of_it_counts_at_once() {
    let cloud = Cloud::start().await;
    let vendor = &cloud.seed.vendor;
    let group = cloud.group(vendor).await;
    let (token, principal) = stranger(&cloud).await;
    let (role, assignment) = (Uuid::new_v4(), Uuid::new_v4());
    let put = |path: String, body: Value| cloud.arm(vendor, Method::PUT, path, Some(body));
    let read_disks = || {
        let url = format!("{ARM}{group}/providers/Microsoft.Compute/disks?api-version=2025-01-02");
        cloud.send(Method::GET, url, Some(&token), None)
    };
    let nothing = definition(&group, "Reads nothing here", &["Microsoft.Compute/images/read"]);
    let made = put(path(&group, "roleDefinitions", role), nothing).await.expect(201).body;
    assert_eq!(made["properties"]["type"], "CustomRole");
    let assign = json!({ "properties": {
        "roleDefinitionId": made["id"], "principalId": principal, "principalType": "ServicePrincipal",
    }});
    put(path(&group, "roleAssignments", assignment), assign).await.expect(201);
    read_disks().await.expect_error(403, "AuthorizationFailed");

    let disks = definition(&group, "Reads disks", &["Microsoft.Compute/disks/read"]);
    put(path(&group, "roleDefinitions", role), disks).await.expect(201);
    read_disks().await.expect(200);
    let shown = cloud.arm(vendor, Method::GET, path(&group, "roleDefinitions", role), None).await.expect(200);
    assert_eq!(shown.body["properties"]["roleName"], "Reads disks");

    let filter = "$filter=type%20eq%20'CustomRole'";
    let list = format!("{group}/providers/Microsoft.Authorization/roleDefinitions?{API}&{filter}");
    let listed = cloud.arm(vendor, Method::GET, list, None).await.expect(200).body;
    assert_eq!(listed["value"], json!([shown.body]));

    let delete = || cloud.arm(vendor, Method::DELETE, path(&group, "roleDefinitions", role), None);
    delete().await.expect_error(400, "RoleDefinitionHasAssignments");
    cloud.arm(vendor, Method::DELETE, path(&group, "roleAssignments", assignment), None).await.expect(200);
    delete().await.expect(200);
    delete().await.expect(204);
    cloud.save_har("custom_roles");
}

#[tokio::test]
async fn a_custom_role_that_makes_no_sense_is_refused() {
    let cloud = Cloud::start().await;
    let vendor = &cloud.seed.vendor;
    let group = cloud.group(vendor).await;
    let theirs = cloud.group(&cloud.seed.customer).await;
    let (token, principal) = stranger(&cloud).await;
    let known = Uuid::new_v4();
    let good = |name: &str| definition(&group, name, &["Microsoft.Compute/disks/read"]);
    let put = |id: Uuid, body: Value| {
        cloud.arm(vendor, Method::PUT, path(&group, "roleDefinitions", id), Some(body))
    };
    put(known, good("Known")).await.expect(201);
    let table = [
        (good("known"), 409, "RoleDefinitionWithSameNameExists"),
        (definition(&group, "x", &["reads disks"]), 400, "InvalidActionOrNotAction"),
        (definition("/", "x", &["Microsoft.Compute/disks/read"]), 400, "InvalidRoleDefinition"),
        (definition(&theirs, "x", &["Microsoft.Compute/disks/read"]), 403, "AuthorizationFailed"),
        (good(""), 400, "InvalidRoleDefinition"),
    ];
    for (body, status, code) in table {
        put(Uuid::new_v4(), body).await.expect_error(status, code);
    }
    let url = format!("{ARM}{}", path(&group, "roleDefinitions", Uuid::new_v4()));
    let escalate = cloud.send(Method::PUT, url, Some(&token), Some(good("Mine"))).await;
    escalate.expect_error(403, "AuthorizationFailed");

    // Above the scopes that it can be assigned at, it does not exist.
    let subscription = format!("/subscriptions/{}", vendor.subscription_id);
    let role = format!("{subscription}/providers/Microsoft.Authorization/roleDefinitions/{known}");
    let assign = json!({ "properties": {
        "roleDefinitionId": role, "principalId": principal, "principalType": "ServicePrincipal",
    }});
    let wide =
        cloud.arm(vendor, Method::PUT, path(&subscription, "roleAssignments", known), Some(assign)).await;
    wide.expect_error(404, "RoleDefinitionDoesNotExist");
}
