//! Refusals of Entra's that need a scene of their own, and faults that are no refusals. What every refusal must carry,
//! with the status and the word of each number, is in `support::refusal`.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use sandbox::FaultScript;
use serde_json::json;

use crate::consent::{link, press};
use crate::support::{Cloud, VAULT_SCOPE, refusal};

#[tokio::test]
async fn a_disabled_service_principal_gets_no_tokens_until_it_is_enabled() {
    let cloud = Cloud::start().await;
    let (application, assertion) = cloud.let_in_and_trusted().await;
    let (customer, app_id) = (cloud.customer(), application["appId"].as_str().unwrap());
    let path = format!("servicePrincipals(appId='{app_id}')");
    let ask = || cloud.exchange(customer.tenant_id, app_id, &assertion);
    let enable = async |enabled: bool| {
        let body = Some(json!({ "accountEnabled": enabled }));
        let (status, _) = cloud.graph(&customer, Method::PATCH, &path, body).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
    };
    enable(false).await;
    assert_eq!(refusal(&ask().await), 7_000_112);
    let (_, shown) = cloud.graph(&customer, Method::GET, &path, None).await;
    assert_eq!(shown["accountEnabled"], false);
    enable(true).await;
    assert_eq!(ask().await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_secret_that_has_expired_is_told_from_a_wrong_one() {
    let cloud = Cloud::start().await;
    let (vendor, application) = (cloud.vendor(), cloud.application().await);
    cloud.let_in(&vendor, application["appId"].as_str().unwrap()).await;
    let path = format!("applications/{}/addPassword", application["id"].as_str().unwrap());
    let (_, secret) = cloud.graph(&vendor, Method::POST, &path, Some(json!({}))).await;
    let form = |secret: &str| {
        [
            ("grant_type", "client_credentials".to_owned()),
            ("client_id", application["appId"].as_str().unwrap().to_owned()),
            ("client_secret", secret.to_owned()),
            ("scope", VAULT_SCOPE.to_owned()),
        ]
    };
    let ask = async |secret: &str| {
        let form = form(secret);
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        cloud.token_request(&vendor.tenant_id.to_string(), &form).await
    };
    let text = secret["secretText"].as_str().unwrap();
    assert_eq!(ask(text).await.0, StatusCode::OK);
    assert_eq!(refusal(&ask("another").await), 7_000_215);
    cloud.sandbox.advance_clock(Duration::from_secs(3 * 366 * 86_400));
    assert_eq!(refusal(&ask(text).await), 7_000_222);
}

#[tokio::test]
async fn a_single_tenant_application_is_refused_where_the_tenant_is_left_open() {
    let cloud = Cloud::start().await;
    let vendor = cloud.vendor();
    let body =
        json!({ "displayName": "At home only", "web": { "redirectUris": [crate::support::CALLBACK] } });
    let (_, application) = cloud.graph(&vendor, Method::POST, "applications", Some(body)).await;
    for tenant in ["common", "organizations"] {
        let page = link(tenant, "/v2.0", &application, &[]);
        let shown = cloud.client.get(page.clone()).send().await.unwrap();
        assert_eq!(shown.status(), StatusCode::BAD_REQUEST);
        assert!(shown.text().await.unwrap().contains("AADSTS50194"), "{tenant}");
        let (status, back) = press(&cloud, page, vendor.administrator_user, "approve").await;
        assert_eq!((status, back), (StatusCode::BAD_REQUEST, None), "{tenant}");
    }
    let form = [
        ("client_id", application["appId"].as_str().unwrap()),
        ("scope", "openid"),
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
    ];
    assert_eq!(refusal(&cloud.token_request("organizations", &form).await), 50_194);
    let page = link(&vendor.tenant_id.to_string(), "/v2.0", &application, &[]);
    let (status, _) = press(&cloud, page, vendor.administrator_user, "approve").await;
    assert_eq!(status, StatusCode::FOUND, "where the path names its home");
}

#[tokio::test]
async fn a_token_endpoint_that_is_not_well_says_so_and_gives_no_token() {
    let cloud = Cloud::start().await;
    let (application, assertion) = cloud.let_in_and_trusted().await;
    let (tenant, app_id) = (cloud.customer().tenant_id, application["appId"].as_str().unwrap());
    let faults = [
        (429, json!({ "kind": "throttled", "retryAfterSeconds": 7 })),
        (500, json!({ "kind": "status", "status": 500 })),
        (503, json!({ "kind": "status", "status": 503 })),
    ];
    for (expected, fault) in faults {
        let rule = json!({ "call": { "path": "*/oauth2/v2.0/token" }, "nth": [1], "fault": fault });
        let script = FaultScript::parse(&json!({ "faults": [rule] }).to_string()).unwrap();
        cloud.sandbox.set_faults(script);
        let (status, body) = cloud.exchange(tenant, app_id, &assertion).await;
        assert_eq!(status.as_u16(), expected);
        assert!(body.get("access_token").is_none() && body["error_codes"][0].is_u64(), "{body}");
        assert_eq!(cloud.exchange(tenant, app_id, &assertion).await.0, StatusCode::OK, "once only");
    }
}
