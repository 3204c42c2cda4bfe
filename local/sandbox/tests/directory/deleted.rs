//! What is deleted, restored, and made anew.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::consent::{link, press};
use crate::support::{Cloud, refusal};

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

fn app_id(object: &Value) -> &str {
    object["appId"].as_str().unwrap()
}

#[tokio::test]
async fn a_deleted_application_comes_back_as_it_was_and_its_service_principal_by_itself() {
    let kept = TempDir::new().unwrap();
    let state = kept.path().join("state");
    let cloud = Cloud::with(|options| options.state = Some(state.clone())).await;
    let (application, assertion) = cloud.let_in_and_trusted().await;
    let (vendor, customer) = (cloud.vendor(), cloud.customer());
    let at_home = cloud.let_in(&vendor, app_id(&application)).await;
    let path = format!("applications/{}", id(&application));
    let deleted = cloud.graph(&vendor, Method::DELETE, &path, None).await;
    assert_eq!(deleted.0, StatusCode::NO_CONTENT);
    let answer = cloud.exchange(customer.tenant_id, app_id(&application), &assertion).await;
    assert_eq!(refusal(&answer), 700_016);
    cloud.sandbox.stop().await;

    let cloud = Cloud::with(|options| options.state = Some(state.clone())).await;
    let items = |kind: &str| format!("directory/deletedItems/microsoft.graph.{kind}");
    for (kind, object) in [("application", &application), ("servicePrincipal", &at_home)] {
        let (_, list) = cloud.graph(&vendor, Method::GET, &items(kind), None).await;
        assert_eq!(list["value"].as_array().unwrap().len(), 1, "{list}");
        assert_eq!(list["value"][0]["id"], object["id"]);
        assert_eq!(list["value"][0]["@odata.type"], format!("#microsoft.graph.{kind}"));
        assert!(list["value"][0]["deletedDateTime"].is_string(), "{list}");
    }
    let (_, none) = cloud.graph(&customer, Method::GET, &items("application"), None).await;
    assert_eq!(none["value"], json!([]), "another tenant's are not shown");

    let restore = |object: &Value| format!("directory/deletedItems/{}/restore", id(object));
    let (status, _) = cloud.graph(&customer, Method::POST, &restore(&application), None).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "another tenant's are not restored");
    let (status, restored) = cloud.graph(&vendor, Method::POST, &restore(&application), None).await;
    assert_eq!((status, &restored["deletedDateTime"]), (StatusCode::OK, &Value::Null), "{restored}");
    let (_, shown) = cloud.graph(&vendor, Method::GET, &path, None).await;
    assert_eq!((&shown["appId"], &shown["web"]), (&application["appId"], &application["web"]));
    let (status, _) = cloud.exchange(customer.tenant_id, app_id(&application), &assertion).await;
    assert_eq!(status, StatusCode::OK, "its federated credential came back with it");

    let of_home = format!("servicePrincipals(appId='{}')", app_id(&application));
    assert_eq!(cloud.graph(&vendor, Method::GET, &of_home, None).await.0, StatusCode::NOT_FOUND);
    let (status, _) = cloud.graph(&vendor, Method::POST, &restore(&at_home), None).await;
    assert_eq!(status, StatusCode::OK);
    let (_, shown) = cloud.graph(&vendor, Method::GET, &of_home, None).await;
    assert_eq!(shown["id"], at_home["id"]);
}

#[tokio::test]
async fn what_was_deleted_is_kept_for_thirty_days() {
    let cloud = Cloud::start().await;
    let vendor = cloud.vendor();
    let (late, purged) = (cloud.application().await, cloud.application().await);
    for application in [&late, &purged] {
        cloud.graph(&vendor, Method::DELETE, &format!("applications/{}", id(application)), None).await;
    }
    let item = |object: &Value| format!("directory/deletedItems/{}", id(object));
    assert_eq!(cloud.graph(&vendor, Method::GET, &item(&purged), None).await.1["appId"], purged["appId"]);
    assert_eq!(cloud.graph(&vendor, Method::DELETE, &item(&purged), None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(cloud.graph(&vendor, Method::GET, &item(&purged), None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(cloud.graph(&vendor, Method::DELETE, &item(&purged), None).await.0, StatusCode::NOT_FOUND);

    cloud.sandbox.advance_clock(Duration::from_secs(29 * 86_400));
    assert_eq!(cloud.graph(&vendor, Method::GET, &item(&late), None).await.0, StatusCode::OK);
    cloud.sandbox.advance_clock(Duration::from_secs(2 * 86_400));
    let (status, body) = cloud.graph(&vendor, Method::POST, &format!("{}/restore", item(&late)), None).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::NOT_FOUND, &json!("Request_ResourceNotFound")));
}

#[tokio::test]
async fn a_consent_that_is_given_again_makes_another_service_principal_without_the_roles() {
    let cloud = Cloud::start().await;
    let (application, assertion) = cloud.let_in_and_trusted().await;
    let customer = cloud.customer();
    let of_customer = format!("servicePrincipals(appId='{}')", app_id(&application));
    let ask = || cloud.exchange(customer.tenant_id, app_id(&application), &assertion);
    let (_, first) = cloud.graph(&customer, Method::GET, &of_customer, None).await;
    assert_eq!(cloud.graph(&customer, Method::DELETE, &of_customer, None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(refusal(&ask().await), 7_000_229);

    let page = link(&customer.tenant_id.to_string(), "/v2.0", &application, &[]);
    let (status, _) = press(&cloud, page, customer.administrator_user, "approve").await;
    assert_eq!(status, StatusCode::FOUND);
    let (_, second) = cloud.graph(&customer, Method::GET, &of_customer, None).await;
    assert_ne!(first["id"], second["id"]);
    let token = ask().await;
    let claims = crate::support::claims(token.1["access_token"].as_str().unwrap());
    assert_eq!(claims["oid"], second["id"], "roles that the first one had are not this one's");

    let restore = format!("directory/deletedItems/{}/restore", id(&first));
    let (status, body) = cloud.graph(&customer, Method::POST, &restore, None).await;
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
    assert!(body["error"]["message"].as_str().unwrap().contains("is already in use"), "{body}");
}
