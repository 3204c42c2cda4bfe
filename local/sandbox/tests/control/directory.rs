//! Organisations, people, subscriptions and roles, made by the control API and used by Azure's.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cloud::{ARM, Cloud};
use crate::own::Own;

async fn token(cloud: &Cloud, tenant: &Value) -> String {
    let application = &tenant["administratorApplication"];
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", application["clientId"].as_str().unwrap()),
        ("client_secret", application["clientSecret"].as_str().unwrap()),
        ("scope", "https://management.azure.com/.default"),
    ];
    let id = Uuid::parse_str(tenant["tenantId"].as_str().unwrap()).unwrap();
    let answer = cloud.entra(id, &form).await.expect(200);
    answer.body["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_new_tenant_is_a_whole_organisation_and_survives_a_restart() {
    let cloud = Cloud::start().await;
    let own = Own::of(&cloud);
    let answer = own
        .post("/control/tenants", json!({ "displayName": "Woodgrove Bank", "region": "northeurope" }))
        .await;
    let tenant = own.expect(answer, 201);
    assert_eq!(tenant["domain"], "woodgrove.bank.onmicrosoft.com");
    let id = tenant["tenantId"].as_str().unwrap();
    let subscription = tenant["subscriptions"][0]["subscriptionId"].as_str().unwrap();

    let answer =
        own.post(&format!("/control/tenants/{id}/subscriptions"), json!({ "displayName": "Second" })).await;
    let second = own.expect(answer, 201)["subscriptionId"].as_str().unwrap().to_owned();
    let cloud = cloud.restart().await;
    let own = Own::of(&cloud);
    let bearer = token(&cloud, &tenant).await;
    let url = format!("{ARM}/subscriptions?api-version=2022-12-01");
    let seen = cloud.send(Method::GET, url, Some(&bearer), None).await.expect(200).body;
    let mut seen: Vec<&str> =
        seen["value"].as_array().unwrap().iter().map(|one| one["subscriptionId"].as_str().unwrap()).collect();
    seen.sort_unstable();
    let mut expected = [subscription, &*second];
    expected.sort_unstable();
    assert_eq!(seen, expected);
    for subscription in expected {
        let url = format!("{ARM}/subscriptions/{subscription}/resourceGroups/rg?api-version=2024-03-01");
        let body = Some(json!({ "location": "northeurope" }));
        cloud.send(Method::PUT, url, Some(&bearer), body).await.expect(201);
        let url = format!("{ARM}/subscriptions/{subscription}?api-version=2022-12-01");
        cloud.send(Method::GET, url, Some(&bearer), None).await.expect(200);
    }
    let listed = own.get("/control/tenants").await;
    assert!(!listed.to_string().contains("clientSecret"), "secrets are told once");
    let names: Vec<&str> = listed["tenants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["displayName"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"Woodgrove Bank") && names.len() == 3, "{names:?}");
}

#[tokio::test]
async fn users_are_made_and_roles_count_at_once() {
    let cloud = Cloud::start().await;
    let own = Own::of(&cloud);
    let customer = &cloud.seed.customer;
    let users = format!("/control/tenants/{}/users", customer.domain);
    let answer = own.post(&users, json!({ "displayName": "Ada", "administrator": true })).await;
    let ada = own.expect(answer, 201);
    assert_eq!(
        (ada["userPrincipalName"].as_str(), ada["administrator"].as_bool()),
        (Some("ada@contoso.onmicrosoft.com"), Some(true))
    );
    let answer = own.post(&users, json!({ "displayName": "Ada" })).await;
    own.expect(answer, 409);

    let scope = format!("/subscriptions/{}", customer.subscription_id);
    let role = |principal: &Value, role: &str, scope: &str| json!({ "principalId": principal, "role": role, "scope": scope });
    let answer = own.post("/control/roles", role(&ada["objectId"], "Reader", &scope)).await;
    let id = own.expect(answer, 201)["id"].as_str().unwrap().to_owned();
    let shown =
        cloud.arm(customer, Method::GET, format!("{id}?api-version=2022-04-01"), None).await.expect(200);
    assert_eq!(shown.body["properties"]["principalType"], "User");

    let nobody = json!(Uuid::new_v4());
    for (body, path) in [
        (role(&ada["objectId"], "King", &scope), "role"),
        (role(&ada["objectId"], "Reader", "/subscriptions/x"), "scope"),
        (role(&nobody, "Reader", &scope), "principalId"),
    ] {
        let answer = own.post("/control/roles", body).await;
        assert_eq!(own.expect(answer, 400)["error"]["path"], path);
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_the_path() {
    let cloud = Cloud::start().await;
    let own = Own::of(&cloud);
    for (path, body, status, field) in [
        ("/control/tenants", json!({ "displayName": " " }), 400, "displayName"),
        ("/control/tenants", json!({ "displayName": "X", "region": "narnia" }), 400, "region"),
        ("/control/tenants", json!({ "displayName": "X", "domain": "no dots" }), 400, "domain"),
        ("/control/tenants", json!({ "displayName": "X", "colour": "red" }), 400, "colour"),
        ("/control/tenants", json!({ "displayName": 7 }), 400, "displayName"),
        ("/control/tenants", json!({ "displayName": "…" }), 400, "displayName"),
        ("/control/identities/attach", json!({ "resourceId": "/x" }), 400, "resourceId"),
    ] {
        let answer = own.post(path, body.clone()).await;
        assert_eq!(own.expect(answer, status)["error"]["path"], field, "{body}");
    }
    let answer = own.post("/control/tenants", json!({ "displayName": "Contoso" })).await;
    own.expect(answer, 409);
    let answer = own.post("/control/tenants/nobody.example/users", json!({ "displayName": "X" })).await;
    own.expect(answer, 404);
}
