//! Each kind of fault over the real wire: what the client sees, and whether its call had its effect.

use std::time::{Duration, Instant};

use reqwest::Method;
use sandbox::FaultScript;
use serde_json::{Value, json};

use crate::cloud::{ARM, Cloud, KEYS};
use crate::own::Own;

/// A cloud in which the first PUT of a resource group meets a fault, and that call's address.
struct Struck {
    cloud: Cloud,
    token: String,
    url: String,
}

impl Struck {
    async fn by(fault: Value) -> Self {
        let cloud = Cloud::start().await;
        let vendor = &cloud.seed.vendor;
        let token = cloud.token(vendor, ARM).await;
        let url = format!(
            "{ARM}/subscriptions/{}/resourceGroups/struck?api-version=2024-03-01",
            vendor.subscription_id
        );
        let script = json!({"faults": [{
            "name": "the first group",
            "call": { "method": "PUT", "host": "management.azure.com", "path": "*/resourceGroups/*" },
            "nth": [1],
            "fault": fault,
        }]});
        cloud.sandbox.set_faults(FaultScript::parse(&script.to_string()).unwrap());
        Self { cloud, token, url }
    }

    /// What comes of the PUT: status, headers and whole body, or the client's error.
    async fn put(&self) -> Result<(u16, reqwest::header::HeaderMap, String), reqwest::Error> {
        let body = json!({ "location": "westeurope" });
        let answer = self.cloud.try_send(Method::PUT, &self.url, Some(&self.token), Some(body)).await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok((status, headers, answer.text().await?))
    }

    async fn happened(&self) -> bool {
        let answer = self.cloud.send(Method::GET, &*self.url, Some(&self.token), None).await;
        assert!([200, 404].contains(&answer.status), "{}", answer.body);
        answer.status == 200
    }

    /// The fault struck once, and a second PUT is not struck.
    async fn ends(self) {
        let summary = self.cloud.sandbox.fault_summary();
        assert_eq!((summary.faults[0].matched, summary.faults[0].fired), (1, 1));
        assert_eq!(summary.faults[0].name, "the first group");
        let (status, ..) = self.put().await.unwrap();
        assert!([200, 201].contains(&status), "{status}");
        let summary = self.cloud.sandbox.fault_summary();
        assert_eq!((summary.faults[0].matched, summary.faults[0].fired), (2, 1));
    }
}

#[tokio::test]
async fn a_slow_call_is_answered_late() {
    let struck = Struck::by(json!({ "kind": "slow", "milliseconds": 400 })).await;
    let since = Instant::now();
    assert_eq!(struck.put().await.unwrap().0, 201);
    assert!(since.elapsed() >= Duration::from_millis(400), "{:?}", since.elapsed());
    assert!(struck.happened().await);
    struck.ends().await;
}

#[tokio::test]
async fn a_throttled_call_is_told_when_to_come_again_and_has_no_effect() {
    let struck = Struck::by(json!({ "kind": "throttled", "retryAfterSeconds": 7 })).await;
    let (status, headers, body) = struck.put().await.unwrap();
    assert_eq!((status, headers["retry-after"].to_str().unwrap()), (429, "7"));
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["error"]["code"], "SubscriptionRequestsThrottled");
    assert!(!struck.happened().await);
    struck.ends().await;
}

#[tokio::test]
async fn a_throttled_call_may_not_be_told_when_to_come_again() {
    let struck = Struck::by(json!({ "kind": "throttled", "retryAfterSeconds": 0 })).await;
    let (status, headers, _) = struck.put().await.unwrap();
    assert_eq!((status, headers.get("retry-after")), (429, None));
    assert!(!struck.happened().await);
    struck.ends().await;
}

#[tokio::test]
async fn an_answer_can_be_garbled_although_the_call_had_its_effect() {
    let struck = Struck::by(json!({ "kind": "garbled" })).await;
    let (status, headers, body) = struck.put().await.unwrap();
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (201, "text/html"));
    assert!(serde_json::from_str::<Value>(&body).is_err(), "{body}");
    assert!(struck.happened().await);
    struck.ends().await;
}

#[tokio::test]
async fn a_call_answered_500_or_503_has_no_effect_unless_the_script_says_so() {
    for (status, after_effect) in
        [(500, false), (503, false), (502, false), (504, false), (500, true), (503, true)]
    {
        let fault = json!({ "kind": "status", "status": status, "afterEffect": after_effect });
        let struck = Struck::by(fault).await;
        let (answered, _, body) = struck.put().await.unwrap();
        assert_eq!(answered, status);
        let body: Value = serde_json::from_str(&body).unwrap();
        assert!(body["error"]["code"].is_string(), "{body}");
        assert_eq!(struck.happened().await, after_effect, "{status}");
        struck.ends().await;
    }
}

#[tokio::test]
async fn an_unseen_call_gets_no_answer_and_has_no_effect() {
    let struck = Struck::by(json!({ "kind": "unseen" })).await;
    assert!(struck.put().await.unwrap_err().is_request());
    assert!(!struck.happened().await);
    struck.ends().await;
}

#[tokio::test]
async fn an_answer_can_be_lost_although_the_call_had_its_effect() {
    let struck = Struck::by(json!({ "kind": "answerLost" })).await;
    assert!(struck.put().await.unwrap_err().is_request());
    assert!(struck.happened().await);
    struck.ends().await;
}

#[tokio::test]
async fn an_effect_can_be_lost_although_the_call_was_answered() {
    let struck = Struck::by(json!({ "kind": "effectLost" })).await;
    assert_eq!(struck.put().await.unwrap().0, 201);
    assert!(!struck.happened().await);
    struck.ends().await;
}

#[tokio::test]
async fn an_answer_can_break_off_in_the_middle() {
    let struck = Struck::by(json!({ "kind": "cutOff" })).await;
    let body = json!({ "location": "westeurope" });
    let answer = struck.cloud.try_send(Method::PUT, &struck.url, Some(&struck.token), Some(body)).await;
    let answer = answer.expect("the head arrives");
    assert_eq!(answer.status().as_u16(), 201);
    assert!(answer.bytes().await.is_err(), "the body does not");
    assert!(struck.happened().await);
    struck.ends().await;
}

#[tokio::test]
async fn an_answer_breaks_off_over_http_1_too() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let cloud = Cloud::start().await;
    let script = r#"{"faults":[{"call":{"host":"127.0.0.1","path":"/msi/*"},"fault":{"kind":"cutOff"}}]}"#;
    cloud.sandbox.set_faults(FaultScript::parse(script).unwrap());
    let address = cloud.sandbox.own_url().replace("http://", "");
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    stream.write_all(format!("GET /msi/token HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).await.unwrap();
    let mut read = Vec::new();
    let _ = tokio::time::timeout(crate::receiver::PATIENCE, stream.read_to_end(&mut read)).await.unwrap();
    let text = String::from_utf8_lossy(&read);
    let (head, body) = text.split_once("\r\n\r\n").expect("the head arrives");
    let promised =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let promised: usize = promised.unwrap();
    assert!(!body.is_empty() && body.len() < promised, "{} of {promised} bytes", body.len());
}

#[tokio::test]
async fn a_duplicated_call_is_carried_out_twice() {
    let cloud = Cloud::start().await;
    let customer = &cloud.seed.customer;
    let group = cloud.group(customer).await;
    cloud.make_vault(customer, &group, "twice").await;
    let script = json!({"faults": [{
        "call": { "method": "POST", "host": "*.vault.azure.net", "path": "/keys/k/create" },
        "fault": { "kind": "duplicated" },
    }]});
    cloud.sandbox.set_faults(FaultScript::parse(&script.to_string()).unwrap());
    let kid = cloud.make_key(customer, "twice", "k").await;
    let url = format!("https://twice.vault.azure.net/keys/k/versions?{KEYS}");
    let versions = cloud.vault(customer, Method::GET, url, None).await.expect(200).body;
    let versions: Vec<&str> =
        versions["value"].as_array().unwrap().iter().map(|item| item["kid"].as_str().unwrap()).collect();
    assert_eq!(versions.len(), 2);
    assert!(versions.contains(&kid.as_str()));
}

#[tokio::test]
async fn a_disk_that_is_written_again_while_it_is_being_written_comes_to_rest() {
    let cloud = Cloud::start().await;
    let vendor = &cloud.seed.vendor;
    let group = cloud.group(vendor).await;
    let script = r#"{"faults":[{"call":{"path":"*/disks/d"},"times":2,"fault":{"kind":"duplicated"}}]}"#;
    cloud.sandbox.set_faults(FaultScript::parse(script).unwrap());
    let url = format!("{group}/providers/Microsoft.Compute/disks/d?{}", crate::cloud::COMPUTE);
    let body = json!({
        "location": vendor.region,
        "properties": { "creationData": { "createOption": "Empty" }, "diskSizeGB": 4 },
    });
    cloud.arm(vendor, Method::PUT, &*url, Some(body)).await.expect(202);
    let accepted =
        cloud.arm(vendor, Method::PATCH, &*url, Some(json!({ "properties": { "diskSizeGB": 8 } }))).await;
    cloud.follow(vendor, &accepted.expect(202)).await;
    let disk = cloud.arm(vendor, Method::GET, &*url, None).await.expect(200).body;
    assert_eq!(
        (disk["properties"]["provisioningState"].as_str(), disk["properties"]["diskSizeGB"].as_u64()),
        (Some("Succeeded"), Some(8))
    );
}

#[tokio::test]
async fn services_refuse_in_their_own_words() {
    let cloud = Cloud::start().await;
    let customer = &cloud.seed.customer;
    let group = cloud.group(customer).await;
    cloud.make_vault(customer, &group, "throttled").await;
    let arm = cloud.token(customer, ARM).await;
    let vault = cloud.token(customer, crate::cloud::VAULT).await;
    cloud
        .sandbox
        .set_faults(FaultScript::parse(r#"{"faults":[{"call":{},"fault":{"kind":"throttled"}}]}"#).unwrap());

    let set = format!("{ARM}{group}/providers/Microsoft.Compute/diskEncryptionSets/x?api-version=2023-04-02");
    let answer = cloud.send(Method::GET, &*set, Some(&arm), None).await.expect(429);
    assert_eq!(answer.body["code"], "OperationNotAllowed", "without an error around it");
    assert_eq!(answer.body["details"][0]["code"], "TooManyRequests");
    assert_eq!(answer.header("x-ms-failure-cause"), "service");

    let key = format!("https://throttled.vault.azure.net/keys/k?{KEYS}");
    let answer = cloud.send(Method::GET, &*key, Some(&vault), None).await.expect_error(429, "Throttled");
    assert_eq!(answer.header("retry-after"), "1");

    let answer = cloud.entra(customer.tenant_id, &[("grant_type", "client_credentials")]).await.expect(429);
    assert_eq!(answer.body["error_codes"][0], 90055);
}

#[tokio::test]
async fn a_machine_that_finds_no_room_is_refused_in_azures_words() {
    let cloud = Cloud::start().await;
    let vendor = &cloud.seed.vendor;
    let group = cloud.group(vendor).await;
    let arm = cloud.token(vendor, ARM).await;
    let script = r#"{"faults":[{"call":{},"fault":{"kind":"status","status":409}}]}"#;
    cloud.sandbox.set_faults(FaultScript::parse(script).unwrap());
    let machine = format!("{ARM}{group}/providers/Microsoft.Compute/virtualMachines/m");
    for (action, code) in [("start", "AllocationFailed"), ("deallocate", "Conflict")] {
        let action = format!("{machine}/{action}?api-version=2024-07-01");
        cloud.send(Method::POST, &*action, Some(&arm), None).await.expect_error(409, code);
    }
}

#[tokio::test]
async fn a_script_comes_by_the_control_api_and_is_refused_with_the_path_of_what_is_wrong() {
    let cloud = Cloud::start().await;
    let own = Own::of(&cloud);
    let wrong = json!({"faults": [{ "call": {}, "fault": { "kind": "status", "status": 404 } }]});
    let answer = own.call(Method::PUT, "/control/faults", Some(wrong)).await;
    let refused = own.expect(answer, 400);
    assert_eq!(refused["error"]["path"], "faults[0].fault.status");

    let script = json!({"seed": 5, "faults": [{ "name": "down", "call": {}, "fault": { "kind": "status", "status": 503 } }]});
    let answer = own.call(Method::PUT, "/control/faults", Some(script)).await;
    own.expect(answer, 200);
    cloud.entra(cloud.seed.vendor.tenant_id, &[]).await.expect(503);
    // The control API itself is never struck.
    let summary = own.get("/control/faults").await;
    assert_eq!(summary["seed"], 5);
    assert_eq!(
        summary["faults"],
        json!([{ "name": "down", "call": "* * *", "kind": "status", "matched": 1, "fired": 1 }])
    );
    let seen = own.get("/control/traffic").await;
    assert_eq!((seen[0]["status"].as_u64(), seen[0]["fault"].as_str()), (Some(503), Some("status")));

    let answer = own.call(Method::DELETE, "/control/faults", None).await;
    assert_eq!(own.expect(answer, 200)["faults"][0]["fired"], 1, "the ended script's counts");
    cloud.entra(cloud.seed.vendor.tenant_id, &[]).await.expect(400);
    assert_eq!(own.get("/control/faults").await["faults"], json!([]));
}
