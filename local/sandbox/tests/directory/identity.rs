//! The managed identity endpoint inside the function app.

use reqwest::StatusCode;

use crate::support::{Cloud, EXCHANGE, claims};

#[tokio::test]
async fn an_attached_identity_gets_tokens_by_client_id() {
    let cloud = Cloud::start().await;
    let vendor = cloud.vendor();
    let identity = cloud.identity(&vendor, "function-app").await;
    let properties = &identity["properties"];
    let client_id = properties["clientId"].as_str().unwrap();

    let (status, body) = cloud.identity_token(EXCHANGE, client_id).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert!(body["expires_on"].as_str().unwrap().parse::<i64>().unwrap() > 1_700_000_000);
    assert_eq!(body["client_id"], client_id);
    assert_eq!(body["resource"], EXCHANGE);
    let assertion = claims(body["access_token"].as_str().unwrap());
    assert_eq!(assertion["iss"], cloud.vendor_issuer());
    assert_eq!(assertion["sub"], properties["principalId"]);
    assert_eq!(assertion["aud"], EXCHANGE);
    assert_eq!(assertion["tid"], vendor.tenant_id.to_string());

    let (_, body) = cloud.identity_token("https://management.azure.com/", client_id).await;
    let token = claims(body["access_token"].as_str().unwrap());
    assert_eq!(token["aud"], "https://management.azure.com/");
    assert_eq!(token["iss"], format!("https://sts.windows.net/{}/", vendor.tenant_id));
    assert_eq!(token["oid"], properties["principalId"]);
    assert_eq!(token["appid"], properties["clientId"]);
}

#[tokio::test]
async fn there_are_tokens_for_what_is_reached_by_identity_as_the_clients_ask_for_it() {
    let cloud = Cloud::start().await;
    let vendor = cloud.vendor();
    let identity = cloud.identity(&vendor, "function-app").await;
    let client_id = identity["properties"]["clientId"].as_str().unwrap();
    for resource in ["https://storage.azure.com", "https://servicebus.azure.net"] {
        for asked in [resource.to_owned(), format!("{resource}/")] {
            let (status, body) = cloud.identity_token(&asked, client_id).await;
            assert_eq!(status, StatusCode::OK, "{body}");
            let token = claims(body["access_token"].as_str().unwrap());
            assert_eq!(token["aud"], *asked);
            assert_eq!(token["iss"], format!("https://sts.windows.net/{}/", vendor.tenant_id));
            assert_eq!(token["oid"], identity["properties"]["principalId"]);
        }
    }
}

#[tokio::test]
async fn the_endpoint_refuses_what_it_should() {
    let cloud = Cloud::start().await;
    let identity = cloud.identity(&cloud.vendor(), "function-app").await;
    let client_id = identity["properties"]["clientId"].as_str().unwrap();
    let principal_id = identity["properties"]["principalId"].as_str().unwrap();
    let header = cloud.sandbox.identity_header();
    let (version, resource) = (("api-version", "2019-08-01"), ("resource", EXCHANGE));
    let nobody = uuid::Uuid::new_v4().to_string();

    for (why, header, query, expected) in [
        ("no header", "", vec![version, resource, ("client_id", client_id)], 401),
        ("wrong header", "x", vec![version, resource, ("client_id", client_id)], 401),
        ("no version", header, vec![resource, ("client_id", client_id)], 400),
        (
            "the version before with the header of this one",
            header,
            vec![("api-version", "2017-09-01"), resource, ("clientid", client_id)],
            401,
        ),
        (
            "a version that there is not",
            header,
            vec![("api-version", "2018-02-01"), resource, ("client_id", client_id)],
            400,
        ),
        ("no resource", header, vec![version, ("client_id", client_id)], 400),
        (
            "unknown resource",
            header,
            vec![version, ("resource", "https://example.org"), ("client_id", client_id)],
            400,
        ),
        ("nobody chosen", header, vec![version, resource], 400),
        ("unknown client id", header, vec![version, resource, ("client_id", &nobody)], 400),
        ("principal id as client id", header, vec![version, resource, ("client_id", principal_id)], 400),
        ("by principal id", header, vec![version, resource, ("principal_id", principal_id)], 200),
        ("by client id", header, vec![version, resource, ("client_id", client_id)], 200),
        (
            "by resource id",
            header,
            vec![version, resource, ("mi_res_id", identity["id"].as_str().unwrap())],
            200,
        ),
    ] {
        let (status, body) = cloud.identity_request(header, &query).await;
        assert_eq!(status.as_u16(), expected, "{why}: {body}");
        if expected != 200 {
            assert_eq!(body["statusCode"], expected, "{why}");
        }
    }
}

#[tokio::test]
async fn the_version_before_has_its_own_header_name_and_moment() {
    let cloud = Cloud::start().await;
    let identity = cloud.identity(&cloud.vendor(), "function-app").await;
    let client_id = identity["properties"]["clientId"].as_str().unwrap();
    let secret = cloud.sandbox.identity_header();
    let (version, resource) = (("api-version", "2017-09-01"), ("resource", EXCHANGE));
    for (why, header, query, expected) in [
        ("right", ("secret", secret), vec![version, resource, ("clientid", client_id)], 200),
        ("wrong secret", ("secret", "x"), vec![version, resource, ("clientid", client_id)], 401),
        ("newer name", ("secret", secret), vec![version, resource, ("client_id", client_id)], 400),
        ("nobody chosen", ("secret", secret), vec![version, resource], 400),
        ("newer version", ("secret", secret), vec![("api-version", "2019-08-01"), resource], 401),
    ] {
        let (status, body) = cloud.identity_request_with(header, &query).await;
        assert_eq!(status.as_u16(), expected, "{why}: {body}");
        if expected == 200 {
            let moment = body["expires_on"].as_str().unwrap();
            assert!(moment.ends_with(" +00:00") && moment.as_bytes()[2] == b'/', "{moment}");
            assert_eq!(claims(body["access_token"].as_str().unwrap())["aud"], EXCHANGE);
            assert!(body.get("client_id").is_none());
        }
    }
}

#[tokio::test]
async fn an_identity_is_served_once_it_is_attached() {
    let cloud = Cloud::start().await;
    let identity = cloud.unattached_identity(&cloud.vendor(), "function-app").await;
    let client_id = identity["properties"]["clientId"].as_str().unwrap();
    assert_eq!(cloud.identity_token(EXCHANGE, client_id).await.0, StatusCode::BAD_REQUEST);
    let id = identity["id"].as_str().unwrap();
    assert!(!cloud.sandbox.attach_identity(&format!("{id}-other")));
    assert!(cloud.sandbox.attach_identity(&id.to_uppercase()), "ARM ids are compared without case");
    assert_eq!(cloud.identity_token(EXCHANGE, client_id).await.0, StatusCode::OK);
}
