//! Whoever writes a resource must be allowed to use every other one that the body names by id.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use crate::bodies::{address, body, group, set, table};
use crate::cloud::{ARM, Answer, Cloud};

#[derive(Deserialize)]
struct Field {
    #[serde(rename = "type")]
    resource_type: String,
    field: String,
    action: String,
}

#[tokio::test]
async fn every_id_in_a_body_is_one_that_the_caller_may_use() {
    let cloud = Cloud::start().await;
    let (vendor, customer) = (&cloud.seed.vendor, &cloud.seed.customer);
    let own = group(&cloud, customer).await;
    let other = own.replace("/rg", "/other");
    let made = json!({ "location": customer.region });
    cloud.arm(customer, Method::PUT, format!("{other}?api-version=2024-03-01"), Some(made)).await.expect(201);
    let foreign = cloud.group(vendor).await;
    let (token, object_id) = cloud.somebody(ARM).await;
    cloud.assign(customer, &own, "Contributor", &object_id).await;

    for (number, Field { resource_type, field, action }) in
        table("linked_access.json").into_iter().enumerate()
    {
        let put = |linked: &str| {
            let mut body = body(customer, &resource_type);
            if field.ends_with("userAssignedIdentities{}") {
                body["identity"] = json!({ "type": "UserAssigned" });
            }
            set(&mut body, &field, &format!("{linked}/providers/Microsoft.Some/things/linked"));
            let url = format!("{ARM}{}", address(&own, &resource_type, &format!("linked-{number}")));
            let (cloud, token) = (&cloud, &token);
            async move { cloud.send(Method::PUT, url, Some(token), Some(body)).await }
        };
        let refused = |answer: Answer, words: &str| {
            let answer = answer.expect_error(403, "LinkedAuthorizationFailed");
            assert!(answer.message().contains(words), "{resource_type} {field}: {}", answer.body);
        };
        let across = format!("however the current tenant '{}' is not authorized", customer.tenant_id);
        refused(put(&foreign).await, &across);
        refused(put(&other).await, &format!("perform action(s) '{action}' on the linked scope(s) '{other}/"));
        let answer = put(&own).await;
        assert_ne!(answer.status, 403, "{resource_type} {field}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_disk_is_no_copy_of_another_tenants_disk() {
    let cloud = Cloud::start().await;
    let (vendor, customer) = (&cloud.seed.vendor, &cloud.seed.customer);
    let theirs = group(&cloud, customer).await;
    let ours = cloud.group(vendor).await;
    let source = format!("{theirs}/providers/Microsoft.Compute/disks/source");
    let mut copy = body(vendor, "Microsoft.Compute/disks");
    copy["properties"]["creationData"] = json!({ "createOption": "Copy", "sourceResourceId": source });
    let path = address(&ours, "Microsoft.Compute/disks", "copy");
    let refused = cloud.arm(vendor, Method::PUT, &path, Some(copy)).await;
    let refused = refused.expect_error(403, "LinkedAuthorizationFailed");
    let expected = format!(
        "The client has permission to perform action 'Microsoft.Compute/disks/beginGetAccess/action' on scope \
         '{ours}/providers/Microsoft.Compute/disks/copy', however the current tenant '{}' is not authorized to access \
         linked subscription '{}'.",
        vendor.tenant_id, customer.subscription_id
    );
    assert_eq!(refused.message(), expected);
    cloud.arm(vendor, Method::GET, path, None).await.expect_error(404, "ResourceNotFound");
}
