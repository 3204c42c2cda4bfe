//! What is too much.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use sandbox::{Bucket, Limits, Windows};
use serde_json::{Value, json};

use crate::cloud::{Answer, COMPUTE, Cloud, at};

async fn put_disk(cloud: &Cloud, group: &str, region: &str, name: &str) -> Answer {
    let body = json!({ "location": region, "properties": {
        "creationData": { "createOption": "Empty" }, "diskSizeGB": 4,
    }});
    let path = at(&format!("{group}/providers/Microsoft.Compute/disks/{name}"), COMPUTE);
    cloud.arm(&cloud.seed.vendor, Method::PUT, path, Some(body)).await
}

fn disks(three_minutes: u32, thirty_minutes: u32) -> Limits {
    let windows = Windows { three_minutes, thirty_minutes };
    Limits { compute: BTreeMap::from([("CreateUpdateDisks".into(), windows)]), ..Limits::default() }
}

#[tokio::test]
async fn compute_tells_what_is_left_and_refuses_what_is_too_much_by_region_and_time() {
    let cloud = Cloud::start().await;
    let group = cloud.group(&cloud.seed.vendor).await;
    let region = cloud.seed.vendor.region.clone();
    let first = put_disk(&cloud, &group, &region, "d").await.expect(202);
    assert_eq!(
        first.header("x-ms-ratelimit-remaining-resource"),
        "Microsoft.Compute/CreateUpdateDisks3Min;999,Microsoft.Compute/CreateUpdateDisks30Min;7999"
    );
    let (polled, _) = cloud.follow(&cloud.seed.vendor, &first).await;
    assert!(
        polled
            .header("x-ms-ratelimit-remaining-resource")
            .starts_with("Microsoft.Compute/GetOperation3Min;4999")
    );

    cloud.sandbox.set_limits(disks(2, 3));
    put_disk(&cloud, &group, &region, "d").await.expect(202);
    let refused = put_disk(&cloud, &group, &region, "d").await.expect(429);
    assert_eq!(refused.body["code"], "OperationNotAllowed", "no error around it: {}", refused.body);
    assert_eq!(refused.body["details"][0]["target"], "CreateUpdateDisks3Min");
    let told: Value = serde_json::from_str(refused.body["details"][0]["message"].as_str().unwrap()).unwrap();
    assert_eq!((&told["allowedRequestCount"], &told["measuredRequestCount"]), (&json!(2), &json!(3)));
    assert_eq!(refused.header("x-ms-failure-cause"), "service");
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=180).contains(&seconds), "{seconds}");
    put_disk(&cloud, &group, "eastasia", "elsewhere").await.expect(202);

    cloud.sandbox.advance_clock(Duration::from_secs(seconds));
    put_disk(&cloud, &group, &region, "d").await.expect(202);
    let refused = put_disk(&cloud, &group, &region, "d").await.expect(429);
    assert_eq!(refused.body["details"][0]["target"], "CreateUpdateDisks30Min");

    let cloud = cloud.restart().await;
    put_disk(&cloud, &group, &region, "d").await.expect(202);
    put_disk(&cloud, &group, &region, "d").await.expect(202);
    put_disk(&cloud, &group, &region, "d").await.expect(429);
}

#[tokio::test]
async fn resource_manager_has_a_bucket_for_each_kind_of_call_that_fills_up_again() {
    let cloud = Cloud::start().await;
    let vendor = &cloud.seed.vendor;
    let group = cloud.group(vendor).await;
    let path = at(&group, "api-version=2024-03-01");
    let read = async || cloud.arm(vendor, Method::GET, path.as_str(), None).await;
    assert_eq!(read().await.expect(200).header("x-ms-ratelimit-remaining-subscription-reads"), "249");
    let one = Bucket { size: 1, refill_per_second: 0 };
    cloud.sandbox.set_limits(Limits { subscription_reads: one, ..Limits::default() });
    read().await.expect(200);
    let refused = read().await.expect_error(429, "SubscriptionRequestsThrottled");
    assert_eq!((refused.header("retry-after"), refused.header("x-ms-failure-cause")), ("1", "gateway"));
    let body = json!({ "location": vendor.region });
    let written = cloud.arm(vendor, Method::PUT, path.as_str(), Some(body)).await.expect(200);
    assert_eq!(written.header("x-ms-ratelimit-remaining-subscription-writes"), "199");
    let refilling = Bucket { size: 1, refill_per_second: 1 };
    cloud.sandbox.set_limits(Limits { subscription_reads: refilling, ..Limits::default() });
    cloud.sandbox.advance_clock(Duration::from_secs(1));
    read().await.expect(200);
}

#[tokio::test]
async fn the_control_api_shows_and_sets_what_is_too_much() {
    let cloud = Cloud::start().await;
    let url = format!("{}/control/limits", cloud.sandbox.own_url());
    let own = reqwest::Client::builder().no_proxy().build().unwrap();
    let usual: Value = own.get(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!(usual["compute"]["CreateUpdateHighCostDiskEncryptionSet"]["thirtyMinutes"], 300);
    assert_eq!(usual["diskEncryptionSets"], 5_000);
    let set = async |body: Value| {
        let answer = own.put(&url).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (status, set_to) = set(json!({ "diskEncryptionSets": 1 })).await;
    assert_eq!((status, &set_to["diskEncryptionSets"]), (200, &json!(1)));
    assert_eq!(set_to["compute"], usual["compute"], "what is not named is as in Azure");
    let windows = json!({ "threeMinutes": 1, "thirtyMinutes": 1 });
    let (status, refused) = set(json!({ "compute": { "Nothing": windows } })).await;
    assert_eq!((status, &refused["error"]["path"]), (400, &json!("compute.Nothing")));
    let (status, _) = set(json!({ "surprise": 1 })).await;
    assert_eq!(status, 400);
    let now: Value = own.get(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!(now["diskEncryptionSets"], 1);
}

#[tokio::test]
async fn lists_come_in_pages() {
    let cloud = Cloud::start().await;
    let vendor = &cloud.seed.vendor;
    let group = cloud.group(vendor).await;
    for name in ["a", "b", "c"] {
        put_disk(&cloud, &group, &vendor.region, name).await.expect(202);
    }
    let token = cloud.token(vendor, crate::cloud::ARM).await;
    cloud.sandbox.set_limits(Limits { page: 2, ..Limits::default() });
    let subscription = format!("/subscriptions/{}", vendor.subscription_id);
    for list in [format!("{group}/providers/Microsoft.Compute/disks"), format!("{subscription}/resources")] {
        let first = cloud.arm(vendor, Method::GET, at(&list, COMPUTE), None).await.expect(200).body;
        let next = first["nextLink"].as_str().unwrap();
        let second = cloud.send(Method::GET, next, Some(&token), None).await.expect(200).body;
        assert!(second.get("nextLink").is_none());
        let names = |page: &Value| {
            let page = page["value"].as_array().unwrap().clone();
            page.iter().map(|disk| disk["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!((names(&first).join(""), names(&second).join("")), ("ab".into(), "c".into()), "{list}");
        let one = format!("{}&$top=1", at(&list, COMPUTE));
        let one = cloud.arm(vendor, Method::GET, one, None).await.expect(200).body;
        assert_eq!(one["value"].as_array().unwrap().len(), 1);
        let bad = format!("{}&$skiptoken=x", at(&list, COMPUTE));
        cloud.arm(vendor, Method::GET, bad, None).await.expect_error(400, "InvalidParameter");
    }
}
