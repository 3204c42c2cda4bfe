//! Disk encryption sets and disks over ARM.

use std::{sync::Arc, time::Duration};

use azure_clients::{
    ArmError, ArmRefusal, Compute, Outage,
    compute::{EncryptionType, NewDiskEncryptionSet, OperationState, ProvisioningState},
};
use azure_ids::ArmId;
use serde_json::json;

use crate::support::{Answer, FakeCloud, FixedIdentity, Seen, body_of, new_id, refusal};

const GROUP: &str = "/subscriptions/0a1b2c3d-1111-2222-3333-444455556666/resourceGroups/rg1";
const KEY: &str = "https://contoso.vault.azure.net/keys/disks/d3781afa0b4848ab9aee9edf0848f28c";
const OPERATION: &str = "https://management.azure.com/subscriptions/s/providers/Microsoft.Compute/locations/westeurope/DiskOperations/o?p=1&api-version=2022-03-02&s=a%2Bb%3D";

fn compute(cloud: &FakeCloud) -> Compute {
    Compute::new(&cloud.transport(), Arc::new(FixedIdentity::new()))
}

fn id(kind: &str, name: &str) -> ArmId {
    format!("{GROUP}/providers/Microsoft.Compute/{kind}/{name}").parse().unwrap()
}

fn new_set() -> NewDiskEncryptionSet {
    let identity =
        format!("{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i1").parse().unwrap();
    NewDiskEncryptionSet::new("westeurope".parse().unwrap(), identity, new_id(), KEY.parse().unwrap())
        .unwrap()
}

fn disk_body(name: &str) -> serde_json::Value {
    json!({"id": id("disks", name), "name": name, "location": "westeurope", "properties": {
        "diskState": "Unattached", "provisioningState": "Succeeded",
        "encryption": {"type": "EncryptionAtRestWithPlatformKey"}}})
}

#[tokio::test]
async fn a_set_is_put_and_its_operation_followed_to_the_letter() {
    let cloud = FakeCloud::start(|seen| match seen.method.as_str() {
        "PUT" => Answer::json(
            202,
            &json!({"location": "westeurope", "properties": {"provisioningState": "Updating"}}),
        )
        .with_header("azure-asyncoperation", OPERATION)
        .with_header("location", &format!("{OPERATION}&monitor=true"))
        .with_header("x-long", &"s".repeat(16_000))
        .with_header("retry-after", "2"),
        _ => Answer::json(200, &json!({"status": "Succeeded", "name": "o"})),
    })
    .await;
    let compute = compute(&cloud);
    let accepted =
        compute.put_disk_encryption_set(&id("diskEncryptionSets", "s1"), &new_set()).await.unwrap();
    assert_eq!(accepted.retry_after, Some(Duration::from_secs(2)));
    let echo = accepted.resource.unwrap();
    assert_eq!((echo.id, echo.provisioning_state), (None, ProvisioningState::Updating));
    let state = compute.operation(&accepted.operation.unwrap()).await.unwrap();
    assert!(matches!(state, OperationState::Succeeded), "{state:?}");

    let seen = cloud.seen();
    let path = id("diskEncryptionSets", "s1").to_string();
    assert_eq!(seen[0].path, format!("{path}?api-version=2025-01-02"));
    assert_eq!(body_of(&seen[0])["properties"]["activeKey"]["keyUrl"], KEY);
    assert!(seen[0].header("authorization").unwrap().starts_with("Bearer "));
    assert_eq!(format!("https://management.azure.com{}", seen[1].path), OPERATION);
}

#[tokio::test]
async fn an_operation_that_leads_elsewhere_is_not_followed() {
    let cloud = FakeCloud::start(|_| {
        Answer::json(202, &json!({"location": "westeurope", "properties": {}}))
            .with_header("azure-asyncoperation", "https://evil.vault.azure.net/operations/o")
    })
    .await;
    let error = compute(&cloud)
        .put_disk_encryption_set(&id("diskEncryptionSets", "s1"), &new_set())
        .await
        .unwrap_err();
    assert!(matches!(error, ArmError::Undecodable(_)), "{error:?}");
}

#[tokio::test]
async fn an_id_of_another_kind_of_resource_is_never_sent() {
    let cloud = FakeCloud::start(|_| panic!("something was sent")).await;
    let compute = compute(&cloud);
    let (disk, set) = (id("disks", "d1"), id("diskEncryptionSets", "s1"));
    let bad =
        |error: ArmError| assert!(matches!(error, ArmError::Refused(ArmRefusal::BadId { .. })), "{error:?}");
    bad(compute.disk_encryption_set(&disk).await.unwrap_err());
    bad(compute.disk(&set).await.unwrap_err());
    bad(compute.put_disk_encryption_set(&disk, &new_set()).await.unwrap_err());
    bad(compute.patch_disk_encryption(&set, &set).await.unwrap_err());
    bad(compute.patch_disk_encryption(&disk, &disk).await.unwrap_err());
    bad(compute.disks(new_id(), "rg1/../rg2").await.unwrap_err());
    bad(compute.disks(new_id(), "").await.unwrap_err());
}

#[tokio::test]
async fn a_disk_is_encrypted_and_read_back() {
    let set = id("diskEncryptionSets", "s1");
    let upper = set.to_string().to_uppercase();
    let cloud = FakeCloud::start(move |seen| match seen.method.as_str() {
        "PATCH" => Answer::json(202, &disk_body("d1")).with_header("azure-asyncoperation", OPERATION),
        _ => {
            let mut disk = disk_body("d1");
            disk["properties"]["encryption"] =
                json!({"type": "EncryptionAtRestWithCustomerKey", "diskEncryptionSetId": upper});
            Answer::json(200, &disk)
        }
    })
    .await;
    let compute = compute(&cloud);
    let accepted = compute.patch_disk_encryption(&id("disks", "d1"), &set).await.unwrap();
    assert!(accepted.operation.is_some());
    assert_eq!(
        body_of(&cloud.seen()[0]),
        json!({"properties": {"encryption": {"type": "EncryptionAtRestWithCustomerKey", "diskEncryptionSetId": set}}})
    );
    let disk = compute.disk(&id("disks", "d1")).await.unwrap();
    assert_eq!(disk.encryption.encryption_type, EncryptionType::CustomerKey);
    assert_eq!(disk.encryption.disk_encryption_set, Some(set), "ARM shouts the id back");
}

#[tokio::test]
async fn every_page_of_a_listing_is_read() {
    let cloud = FakeCloud::start(|seen| {
        let page = |name: &str, next: Option<&str>| json!({"value": [disk_body(name)], "nextLink": next});
        match seen.path.rsplit_once("skiptoken=") {
            None => Answer::json(200, &page("d1", Some("https://management.azure.com/more?$skiptoken=2"))),
            Some((_, "2")) => {
                Answer::json(200, &page("d2", Some("https://management.azure.com/more?$skiptoken=3")))
            }
            Some(_) => Answer::json(200, &page("d3", None)),
        }
    })
    .await;
    let disks = compute(&cloud).disks(new_id(), "rg1").await.unwrap();
    assert_eq!(disks.iter().map(|disk| disk.id.name()).collect::<Vec<_>>(), ["d1", "d2", "d3"]);
}

#[tokio::test]
async fn a_listing_that_leads_elsewhere_or_nowhere_is_not_followed() {
    let elsewhere = FakeCloud::start(|_| {
        Answer::json(200, &json!({"value": [], "nextLink": "https://evil.vault.azure.net/more"}))
    })
    .await;
    let error = compute(&elsewhere).disks(new_id(), "rg1").await.unwrap_err();
    assert!(matches!(error, ArmError::Undecodable(_)), "{error:?}");
    assert_eq!(elsewhere.seen().len(), 1);

    let nowhere = FakeCloud::start(|_| {
        Answer::json(200, &json!({"value": [], "nextLink": "https://management.azure.com/more"}))
    })
    .await;
    let error = compute(&nowhere).disks(new_id(), "rg1").await.unwrap_err();
    assert!(matches!(error, ArmError::Undecodable(_)), "{error:?}");
}

#[tokio::test]
async fn every_refusal_of_arm_has_its_variant() {
    async fn refused(answer: Answer) -> ArmError {
        let cloud = FakeCloud::start(move |_: &Seen| answer.clone()).await;
        compute(&cloud)
            .put_disk_encryption_set(&id("diskEncryptionSets", "s1"), &new_set())
            .await
            .unwrap_err()
    }
    assert!(matches!(
        refused(refusal(404, "ResourceGroupNotFound")).await,
        ArmError::Refused(ArmRefusal::NotFound { .. })
    ));
    assert!(matches!(
        refused(refusal(403, "AuthorizationFailed")).await,
        ArmError::Refused(ArmRefusal::Forbidden { .. })
    ));
    assert!(matches!(
        refused(refusal(400, "KeyVaultAccessForbidden")).await,
        ArmError::Refused(ArmRefusal::KeyVaultAccessForbidden { .. })
    ));
    assert!(matches!(
        refused(refusal(400, "InvalidParameter")).await,
        ArmError::Refused(ArmRefusal::BadRequest { .. })
    ));
    assert!(matches!(
        refused(refusal(409, "OperationNotAllowed")).await,
        ArmError::Refused(ArmRefusal::Conflict { .. })
    ));
    assert!(matches!(
        refused(refusal(401, "ExpiredAuthenticationToken")).await,
        ArmError::Refused(ArmRefusal::TokenRefused { .. })
    ));
    let throttled = Answer::json(429, &json!({"code": "OperationNotAllowed", "message": "too many"}));
    let throttled = refused(throttled.with_header("retry-after", "1200")).await;
    assert!(matches!(throttled, ArmError::Throttled { .. }));
    assert_eq!(throttled.retry_after(), Some(Duration::from_secs(1200)));
    let unwell = refused(refusal(503, "ServerTimeout")).await;
    assert!(matches!(unwell, ArmError::Unavailable(Outage::Status { status: 503, .. })));
    assert!(matches!(refused(Answer::text(200, "<html>")).await, ArmError::Undecodable(_)));
    assert!(matches!(
        refused(Answer::json(202, &json!({"location": "x", "properties": {}}))).await,
        ArmError::Undecodable(_)
    ));
    assert!(matches!(
        refused(Answer::text(307, "").with_header("location", "https://management.azure.com/")).await,
        ArmError::Undecodable(_)
    ));
}

#[tokio::test]
async fn a_call_that_arm_never_answers_ends_in_time() {
    let cloud = FakeCloud::start(|_| Answer::Hang).await;
    let transport = cloud.transport_with_time_limit(Duration::from_millis(200));
    let compute = Compute::new(&transport, Arc::new(FixedIdentity::new()));
    let error = compute.disk(&id("disks", "d1")).await.unwrap_err();
    assert!(matches!(error, ArmError::Unavailable(Outage::TimedOut(_))), "{error:?}");
}

#[tokio::test]
async fn another_api_version_is_used_when_asked_for() {
    let cloud = FakeCloud::start(|_| Answer::json(200, &disk_body("d1"))).await;
    compute(&cloud).with_api_version("2023-04-02").disk(&id("disks", "d1")).await.unwrap();
    assert!(cloud.seen()[0].path.ends_with("?api-version=2023-04-02"));
}
