//! Graph: what set-up needs of the directory, and who may have it.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{CALLBACK, Cloud};

fn code(body: &Value) -> &str {
    body["error"]["code"].as_str().unwrap()
}

#[tokio::test]
async fn an_application_is_made_found_changed_and_deleted() {
    let cloud = Cloud::start().await;
    let vendor = cloud.vendor();
    let made = cloud.application().await;
    let (id, app_id) = (made["id"].as_str().unwrap(), made["appId"].as_str().unwrap());
    assert_eq!(made["@odata.context"], "https://graph.microsoft.com/v1.0/$metadata#applications/$entity");
    assert_eq!(made["signInAudience"], "AzureADMultipleOrgs");
    assert_eq!(made["web"]["redirectUris"], json!([CALLBACK]));
    assert_eq!(made["publisherDomain"], vendor.domain);

    for path in [
        format!("applications?$filter=appId eq '{app_id}'"),
        "applications?$filter=startswith(displayName,'Disks under')".to_owned(),
    ] {
        let (status, body) = cloud.graph(&vendor, Method::GET, &path, None).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(body["value"].as_array().unwrap().len(), 1, "{path}");
        assert_eq!(body["value"][0]["id"], id, "{path}");
    }
    for path in [format!("applications/{id}"), format!("applications(appId='{app_id}')")] {
        let (_, body) = cloud.graph(&vendor, Method::GET, &path, None).await;
        assert_eq!(body["id"], id, "{path}");
    }

    let path = format!("applications/{id}");
    let more = json!({"web": {"redirectUris": [CALLBACK, "https://example.org/callback"]}});
    let (status, _) = cloud.graph(&vendor, Method::PATCH, &path, Some(more)).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (_, body) = cloud.graph(&vendor, Method::GET, &format!("{path}?$select=web"), None).await;
    assert_eq!(body["web"]["redirectUris"].as_array().unwrap().len(), 2);
    assert_eq!(body["web"]["implicitGrantSettings"]["enableIdTokenIssuance"], false);
    assert!(body.get("appId").is_none(), "$select leaves the rest out: {body}");

    let (status, body) = cloud.graph(&cloud.customer(), Method::GET, &path, None).await;
    assert_eq!((status, code(&body)), (StatusCode::NOT_FOUND, "Request_ResourceNotFound"));
    let (status, _) = cloud.graph(&vendor, Method::DELETE, &path, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _) = cloud.graph(&vendor, Method::GET, &path, None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_advanced_query_is_told_how_many_objects_there_are() {
    let cloud = Cloud::start().await;
    let vendor = cloud.vendor();
    for _ in 0..3 {
        cloud.application().await;
    }
    let filter = "$filter=startswith(displayName,'Disks under')";
    for (query, level, expected) in [
        (format!("{filter}&$count=true"), "eventual", json!(3)),
        (format!("{filter}&$count=true&$top=1"), "Eventual", json!(3)),
        (format!("{filter}&$count=false"), "eventual", Value::Null),
        (format!("{filter}&$count=true"), "", Value::Null),
    ] {
        let path = format!("applications?{query}");
        let (status, body) = cloud.graph_with(&vendor, &path, ("ConsistencyLevel", level)).await;
        assert_eq!((status, &body["@odata.count"]), (StatusCode::OK, &expected), "{query} {level}: {body}");
    }
    let path = "applications?$count=some";
    let (status, body) = cloud.graph_with(&vendor, path, ("ConsistencyLevel", "eventual")).await;
    assert_eq!((status, code(&body)), (StatusCode::BAD_REQUEST, "Request_BadRequest"));
}

#[tokio::test]
async fn an_application_that_makes_no_sense_is_refused() {
    let cloud = Cloud::start().await;
    for body in [
        json!({}),
        json!({"displayName": ""}),
        json!({"displayName": 1}),
        json!({"displayName": "a", "nonsense": true}),
        json!({"displayName": "a", "web": {"redirectUrl": []}}),
        json!({"displayName": "a", "web": {"redirectUris": ["http://example.org/callback"]}}),
        json!({"displayName": "a", "web": {"redirectUris": ["https://*.example.org/callback"]}}),
        json!({"displayName": "a", "web": {"redirectUris": ["not an address"]}}),
        json!({"displayName": "a", "signInAudience": "Everybody"}),
    ] {
        let (status, answer) =
            cloud.graph(&cloud.vendor(), Method::POST, "applications", Some(body.clone())).await;
        assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "Request_BadRequest"), "{body}");
    }
}

#[tokio::test]
async fn a_secret_made_by_graph_gets_a_token() {
    let cloud = Cloud::start().await;
    let (vendor, application) = (cloud.vendor(), cloud.application().await);
    cloud.let_in(&vendor, application["appId"].as_str().unwrap()).await;
    let path = format!("applications/{}/addPassword", application["id"].as_str().unwrap());
    let (status, secret) = cloud.graph(&vendor, Method::POST, &path, Some(json!({}))).await;
    assert_eq!(status, StatusCode::OK, "{secret}");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", application["appId"].as_str().unwrap()),
        ("client_secret", secret["secretText"].as_str().unwrap()),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let (status, body) = cloud.token_request(&vendor.tenant_id.to_string(), &form).await;
    assert_eq!(status, StatusCode::OK, "{body}");

    // It is nobody's administrator, so its token opens nothing.
    let url = "https://graph.microsoft.com/v1.0/applications";
    let token = body["access_token"].as_str().unwrap();
    let reply = cloud.client.get(url).bearer_auth(token).send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::FORBIDDEN);
    assert_eq!(code(&reply.json().await.unwrap()), "Authorization_RequestDenied");

    let path = format!("applications/{}", application["id"].as_str().unwrap());
    let (_, shown) = cloud.graph(&vendor, Method::GET, &path, None).await;
    assert_eq!(shown["passwordCredentials"][0]["secretText"], Value::Null);
}

#[tokio::test]
async fn federated_credentials_are_kept_by_name_and_limited_to_twenty() {
    let cloud = Cloud::start().await;
    let (vendor, application) = (cloud.vendor(), cloud.application().await);
    let all = format!("applications/{}/federatedIdentityCredentials", application["id"].as_str().unwrap());
    let body = |name: &str, subject: &str| json!({"name": name, "issuer": "https://issuer.example", "subject": subject, "audiences": ["a"]});
    let post = async |body: Value| cloud.graph(&vendor, Method::POST, &all, Some(body)).await;

    let (status, first) = post(body("first", "0")).await;
    assert_eq!(status, StatusCode::CREATED, "{first}");
    assert_eq!(first["audiences"], json!(["a"]));

    for (why, body, expected) in [
        ("same name", body("first", "x"), StatusCode::CONFLICT),
        ("same issuer and subject", body("second", "0"), StatusCode::CONFLICT),
        ("short name", body("ab", "x"), StatusCode::BAD_REQUEST),
        ("name that is no address", body("a b c", "x"), StatusCode::BAD_REQUEST),
        ("no subject", body("second", ""), StatusCode::BAD_REQUEST),
        (
            "two audiences",
            json!({"name": "second", "issuer": "i", "subject": "s", "audiences": ["a", "b"]}),
            StatusCode::BAD_REQUEST,
        ),
    ] {
        assert_eq!(post(body).await.0, expected, "{why}");
    }

    for key in ["first", first["id"].as_str().unwrap()] {
        let (status, body) = cloud.graph(&vendor, Method::GET, &format!("{all}/{key}"), None).await;
        assert_eq!((status, &body["subject"]), (StatusCode::OK, &json!("0")), "{key}");
    }
    let path = format!("{all}/first");
    let change = |body: Value| cloud.graph(&vendor, Method::PATCH, &path, Some(body));
    assert_eq!(change(json!({"subject": "changed"})).await.0, StatusCode::NO_CONTENT);
    assert_eq!(change(json!({"name": "renamed"})).await.0, StatusCode::BAD_REQUEST);
    let (_, shown) = cloud.graph(&vendor, Method::GET, &path, None).await;
    assert_eq!(shown["subject"], "changed");

    for number in 1..20 {
        let (status, answer) = post(body(&format!("number-{number}"), &number.to_string())).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
    }
    let (status, answer) = post(body("number-20", "20")).await;
    assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "Request_BadRequest"));

    let (status, _) = cloud.graph(&vendor, Method::DELETE, &path, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (_, list) = cloud.graph(&vendor, Method::GET, &all, None).await;
    assert_eq!(list["value"].as_array().unwrap().len(), 19);
}

#[tokio::test]
async fn a_service_principal_is_made_once_and_says_whose_application_it_is() {
    let cloud = Cloud::start().await;
    let (customer, application) = (cloud.customer(), cloud.application().await);
    let app_id = application["appId"].as_str().unwrap();
    let made = cloud.let_in(&customer, app_id).await;
    assert_eq!(made["appOwnerOrganizationId"], cloud.vendor().tenant_id.to_string());
    assert_eq!(made["servicePrincipalType"], "Application");

    let again = Some(json!({"appId": app_id}));
    let (status, body) = cloud.graph(&customer, Method::POST, "servicePrincipals", again).await;
    assert_eq!((status, code(&body)), (StatusCode::CONFLICT, "Request_MultipleObjectsWithSameKeyValue"));

    for path in [
        format!("servicePrincipals?$filter=servicePrincipalNames/any(c:c eq '{app_id}')"),
        format!("servicePrincipals?$filter=appId eq '{app_id}'"),
    ] {
        let (_, body) = cloud.graph(&customer, Method::GET, &path, None).await;
        assert_eq!(body["value"][0]["id"], made["id"], "{path}: {body}");
    }
    let (_, shown) =
        cloud.graph(&customer, Method::GET, &format!("servicePrincipals(appId='{app_id}')"), None).await;
    assert_eq!(shown["id"], made["id"]);

    for app_id in [uuid::Uuid::new_v4().to_string(), cloud.vendor().administrator.client_id.to_string()] {
        let body = Some(json!({"appId": app_id}));
        let (status, body) = cloud.graph(&customer, Method::POST, "servicePrincipals", body).await;
        assert_eq!((status, code(&body)), (StatusCode::BAD_REQUEST, "NoBackingApplicationObject"));
    }
}

#[tokio::test]
async fn objects_are_found_by_id_with_their_type() {
    let cloud = Cloud::start().await;
    let (customer, application) = (cloud.customer(), cloud.application().await);
    let principal = cloud.let_in(&customer, application["appId"].as_str().unwrap()).await;
    let ids = json!([principal["id"], customer.administrator_user, uuid::Uuid::new_v4()]);
    let ask = async |types: Value| {
        let body = json!({"ids": ids, "types": types});
        let (status, body) =
            cloud.graph(&customer, Method::POST, "directoryObjects/getByIds", Some(body)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let found = body["value"].as_array().unwrap().clone();
        found.iter().map(|object| object["@odata.type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ask(json!(["servicePrincipal"])).await, ["#microsoft.graph.servicePrincipal"]);
    assert_eq!(
        ask(json!(["user", "group", "servicePrincipal"])).await,
        ["#microsoft.graph.servicePrincipal", "#microsoft.graph.user"]
    );
}

#[tokio::test]
async fn a_new_object_may_take_a_while_to_be_found() {
    let cloud = Cloud::with(|options| options.lags.directory_object = Duration::from_secs(30)).await;
    cloud.sandbox.advance_clock(Duration::from_secs(31));
    let application = cloud.application().await;
    let path = format!("applications/{}", application["id"].as_str().unwrap());
    assert_eq!(cloud.graph(&cloud.vendor(), Method::GET, &path, None).await.0, StatusCode::NOT_FOUND);
    cloud.sandbox.advance_clock(Duration::from_secs(31));
    assert_eq!(cloud.graph(&cloud.vendor(), Method::GET, &path, None).await.0, StatusCode::OK);
}

#[tokio::test]
async fn graph_wants_a_token_of_its_own_and_a_path_that_it_knows() {
    let cloud = Cloud::start().await;
    let vendor = cloud.vendor();
    let for_a_vault = cloud.administrator_token(&vendor, "https://vault.azure.net/.default").await;
    let url = "https://graph.microsoft.com/v1.0/applications";
    for request in [
        cloud.client.get(url),
        cloud.client.get(url).bearer_auth("x"),
        cloud.client.get(url).bearer_auth(for_a_vault),
        cloud.client.get(url).basic_auth("a", Some("b")),
    ] {
        let reply = request.send().await.unwrap();
        assert_eq!(reply.status(), StatusCode::UNAUTHORIZED);
        assert!(reply.headers().contains_key("www-authenticate"));
        assert!(reply.headers().contains_key("request-id"));
        assert_eq!(code(&reply.json().await.unwrap()), "InvalidAuthenticationToken");
    }
    for (path, expected) in [
        ("me", StatusCode::BAD_REQUEST),
        ("groups", StatusCode::BAD_REQUEST),
        ("applications?$expand=owners", StatusCode::NOT_IMPLEMENTED),
        ("applications?$filter=appId ne 'a'", StatusCode::NOT_IMPLEMENTED),
        ("applications?$filter=colour eq 'a'", StatusCode::BAD_REQUEST),
        ("applications/not-an-id", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(cloud.graph(&vendor, Method::GET, path, None).await.0, expected, "{path}");
    }
}
