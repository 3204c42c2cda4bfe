//! What recordings of the real Azure show beside the bodies: headers, and how moments are written.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Answer, Story, text};
use crate::cloud::ARM;

/// Names every answer of the gateway carries.
const STAMPS: [&str; 4] = [
    "x-ms-request-id",
    "x-ms-correlation-request-id",
    "x-ms-routing-request-id",
    "strict-transport-security",
];

/// `2025-02-26T08:56:16.9960559+00:00`, with up to seven digits and no zero at the end.
#[track_caller]
fn assert_moment(value: &Value, zone: &str) {
    let moment = text(value);
    let (second, fraction) = moment.strip_suffix(zone).expect(&moment).split_at(19);
    let digits = fraction.strip_prefix('.').unwrap_or("1");
    let plain = digits.bytes().all(|digit| digit.is_ascii_digit()) && !digits.ends_with('0');
    assert!(second.contains('T') && plain && digits.len() <= 7, "{moment}");
}

#[track_caller]
fn assert_stamped(answer: &Answer) {
    for name in STAMPS {
        assert!(!answer.header(name).is_empty(), "{name}: {:?}", answer.headers);
    }
}

#[tokio::test]
async fn answers_carry_the_headers_and_the_moments_that_recordings_show() {
    let story = Story::consented_and_granted().await;
    story.made_set().await;
    let disk = json!({
        "location": "westeurope",
        "properties": { "creationData": { "createOption": "Empty" }, "diskSizeGB": 4 },
    });
    let accepted = story.vendor(Method::PUT, &story.disk_id(), Some(disk)).await.expect(202);
    assert_eq!(accepted.header("retry-after"), "2", "recorded of a disk");
    assert_eq!(accepted.header("content-type"), "application/json; charset=utf-8");
    assert!(accepted.header("azure-asyncnotification").is_empty(), "only machines have it");
    assert_stamped(&accepted);
    let ended = story.ended(&accepted).await;
    assert_moment(&ended["startTime"], "+00:00");
    assert_moment(&ended["endTime"], "+00:00");
    assert_moment(&ended["properties"]["output"]["properties"]["timeCreated"], "+00:00");

    let rotating = json!({ "properties": { "rotationToLatestKeyVersionEnabled": false } });
    let again = story.vendor(Method::PATCH, &story.set_id(), Some(rotating)).await.expect(202);
    assert_eq!(again.header("retry-after"), "1", "no recording has kept a set's");
    story.ended(&again).await;

    let deleted = story.vendor(Method::DELETE, &story.disk_id(), None).await.expect(202);
    assert_eq!(
        (deleted.header("content-length"), deleted.header("content-type")),
        ("0", ""),
        "nothing has no type"
    );

    let scope = format!("{}/providers/Microsoft.Authorization/roleAssignments", story.group);
    let listed = story.vendor(Method::GET, &scope, None).await.expect(200);
    assert_moment(&listed.body["value"][0]["properties"]["createdOn"], "Z");
}

#[tokio::test]
async fn a_refusal_says_whether_it_is_the_gateways() {
    let story = Story::consented_and_granted().await;
    let missing =
        story.vendor(Method::GET, &story.set_id(), None).await.expect_error(404, "ResourceNotFound");
    assert_eq!(missing.header("x-ms-failure-cause"), "gateway");
    assert_stamped(&missing);
    let body = json!({ "location": "westeurope", "properties": {} });
    let refused = story.put_set(body).await.expect_error(400, "InvalidParameter");
    assert_eq!(refused.header("x-ms-failure-cause"), "", "that was the provider");
    assert_stamped(&refused);
}

#[tokio::test]
async fn a_correlation_is_taken_over_and_a_clients_own_id_is_echoed_on_request() {
    let story = Story::consented_and_granted().await;
    let token = story.cloud.token(&story.cloud.seed.vendor, ARM).await;
    let url = format!("{ARM}/subscriptions?api-version=2022-12-01");
    let unasked = [("x-ms-client-request-id", "mine")];
    let plain = story.cloud.send_with_all(Method::GET, &url, &token, &unasked).await;
    assert_eq!(plain.header("x-ms-client-request-id"), "");
    let asked = [
        ("x-ms-client-request-id", "mine"),
        ("x-ms-return-client-request-id", "True"),
        ("x-ms-correlation-request-id", "theirs"),
    ];
    let answered = story.cloud.send_with_all(Method::GET, &url, &token, &asked).await;
    assert_eq!(answered.header("x-ms-client-request-id"), "mine");
    assert_eq!(answered.header("x-ms-correlation-request-id"), "theirs");
    assert_ne!(answered.header("x-ms-request-id"), plain.header("x-ms-request-id"));
}
