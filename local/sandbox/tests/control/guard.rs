//! Nobody but programs on this machine and the sandbox's own page may call the control API.

use reqwest::{Method, header};
use serde_json::json;

use crate::cloud::Cloud;
use crate::own::Own;

#[tokio::test]
async fn a_foreign_host_or_origin_is_refused_and_changes_nothing() {
    let cloud = Cloud::start().await;
    let own = Own::of(&cloud);
    let before = own.get("/control/tenants").await;
    let body = json!({ "displayName": "Mallory" });
    let table = [
        (header::HOST, "evil.example", 421),
        (header::HOST, "127.0.0.1:1", 421),
        (header::ORIGIN, "https://evil.example", 403),
        (header::ORIGIN, "http://127.0.0.1:1", 403),
        (header::ORIGIN, "null", 403),
    ];
    for (name, value, expected) in table {
        let request = own.request(Method::POST, "/control/tenants").json(&body).header(name.clone(), value);
        assert_eq!(request.send().await.unwrap().status().as_u16(), expected, "{name}: {value}");
    }
    let sent_by_a_page =
        own.request(Method::POST, "/control/tenants").json(&body).header("sec-fetch-site", "cross-site");
    assert_eq!(sent_by_a_page.send().await.unwrap().status().as_u16(), 403);
    // What a form can send without asking first.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let request = own.request(Method::POST, "/control/tenants").header(header::CONTENT_TYPE, kind);
        assert_eq!(request.body(body.to_string()).send().await.unwrap().status().as_u16(), 415, "{kind}");
    }
    assert_eq!(own.get("/control/tenants").await, before);
    let own_page = own.request(Method::GET, "/control").header(header::ORIGIN, &own.base);
    assert_eq!(own_page.send().await.unwrap().status().as_u16(), 200);
}

#[tokio::test]
async fn the_control_api_is_not_reached_by_the_proxy() {
    let cloud = Cloud::start().await;
    let answer =
        cloud.try_send(Method::GET, "https://management.azure.com/control", None, None).await.unwrap();
    assert_eq!(answer.status().as_u16(), 401, "that is Resource Manager");
}

#[tokio::test]
async fn the_index_lists_every_call_and_an_unknown_one_is_refused() {
    let cloud = Cloud::start().await;
    let own = Own::of(&cloud);
    let index = own.get("/control").await;
    for (call, _) in index["calls"].as_object().unwrap() {
        let (method, path) = call.split_once(' ').unwrap();
        let path = path.replace("{tenant}", "nobody").replace("{id}", "00000000-0000-4000-8000-000000000000");
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let body = (method == Method::POST || method == Method::PUT).then(|| json!({}));
        let (status, answer) = own.call(method, &path, body).await;
        let unknown = answer["error"]["message"].as_str().is_some_and(|text| text.contains("no such call"));
        assert!(status != 405 && !unknown, "{call}: {status} {answer}");
    }
    let (status, answer) = own.call(Method::GET, "/control/nothing", None).await;
    assert_eq!(status, 404, "{answer}");
}

#[tokio::test]
async fn the_clock_moves_forward_and_never_back() {
    let cloud = Cloud::start().await;
    let own = Own::of(&cloud);
    let time = |answer: &serde_json::Value| {
        time::OffsetDateTime::parse(
            answer["now"].as_str().unwrap(),
            &time::format_description::well_known::Rfc3339,
        )
        .unwrap()
    };
    let before = time(&own.get("/control/clock").await);
    let answer = own.post("/control/clock", json!({ "forwardSeconds": 7_200 })).await;
    let after = time(&own.expect(answer, 200));
    assert!(after - before >= time::Duration::hours(2));
    for wrong in
        [json!({ "forwardSeconds": 0 }), json!({ "forwardSeconds": -1 }), json!({ "forward": 1 }), json!({})]
    {
        let answer = own.post("/control/clock", wrong).await;
        own.expect(answer, 400);
    }
    let token = cloud.token(&cloud.seed.vendor, crate::cloud::ARM).await;
    let answer = own.post("/control/clock", json!({ "forwardSeconds": 90_000 })).await;
    own.expect(answer, 200);
    let url = "https://management.azure.com/subscriptions?api-version=2022-12-01";
    cloud.send(Method::GET, url, Some(&token), None).await.expect_error(401, "ExpiredAuthenticationToken");
}
