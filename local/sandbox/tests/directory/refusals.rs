//! What Entra's pages and endpoints, Graph and the control API refuse, and that nothing comes of it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::consent::{link, press};
use crate::support::{CALLBACK, Cloud, EXCHANGE, VAULT_SCOPE, refusal};

/// Each request has several things wrong with it; the first in the order is the one that is told.
#[tokio::test]
async fn tenant_application_proof_consent_resource_and_policy_are_looked_at_in_this_order() {
    let cloud = Cloud::start().await;
    let (application, assertion) = cloud.let_in_and_trusted().await;
    let (customer, stranger) = (cloud.customer(), cloud.application().await);
    cloud.forbid(&customer, &["conditionalAccess"]).await;
    let tenant = customer.tenant_id.to_string();
    let nobody = Uuid::new_v4().to_string();
    let (known, not_let_in) = (application["appId"].as_str().unwrap(), stranger["appId"].as_str().unwrap());
    let bad_scope = "https://example.org/.default";
    for (tenant, client_id, assertion, scope, code) in [
        (nobody.as_str(), nobody.as_str(), "x", bad_scope, 90_002),
        (&tenant, &nobody, "x", bad_scope, 700_016),
        (&tenant, not_let_in, "x", bad_scope, 50_027),
        (&tenant, known, "x", bad_scope, 50_027),
        (&tenant, known, &assertion, bad_scope, 500_011),
        (&tenant, known, &assertion, VAULT_SCOPE, 53_003),
    ] {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("scope", scope),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion),
        ];
        assert_eq!(refusal(&cloud.token_request(tenant, &form).await), code, "{tenant} {client_id}");
    }
}

#[tokio::test]
async fn an_assertion_of_another_kind_is_refused() {
    let cloud = Cloud::start().await;
    let client_id = cloud.vendor().administrator.client_id.to_string();
    let with = |kind: &'static str| {
        [
            ("grant_type", "client_credentials".to_owned()),
            ("client_id", client_id.clone()),
            ("scope", VAULT_SCOPE.to_owned()),
            ("client_assertion", "x".to_owned()),
            ("client_assertion_type", kind.to_owned()),
        ]
    };
    for (kind, code) in [("urn:ietf:params:oauth:client-assertion-type:saml2-bearer", 70_003), ("", 900_144)]
    {
        let form = with(kind);
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (status, body) = cloud.token_request(&cloud.vendor().tenant_id.to_string(), &form).await;
        assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_request")), "{body}");
        assert_eq!(body["error_codes"], json!([code]));
    }
}

#[tokio::test]
async fn a_page_that_is_answered_with_nonsense_changes_nothing() {
    let cloud = Cloud::start().await;
    let (application, customer) = (cloud.application().await, cloud.customer());
    let page = link(&customer.tenant_id.to_string(), "/v2.0", &application, &[]);
    let (status, back) = press(&cloud, page, customer.administrator_user, "shrug").await;
    assert_eq!((status, back), (StatusCode::BAD_REQUEST, None));
    let path = format!("servicePrincipals(appId='{}')", application["appId"].as_str().unwrap());
    assert_eq!(cloud.graph(&customer, Method::GET, &path, None).await.0, StatusCode::NOT_FOUND);

    let who = customer.administrator_user.to_string();
    let form = [("user_code", "NO-SUCH-C"), ("person", who.as_str()), ("decision", "sign in")];
    let url = "https://login.microsoftonline.com/common/oauth2/deviceauth";
    let reply = cloud.client.post(url).form(&form).send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::BAD_REQUEST);
    assert!(reply.text().await.unwrap().contains("AADSTS70018"));
    let url = format!("https://login.microsoftonline.com/{}/oauth2/v2.0/devicecode", Uuid::new_v4());
    let form = [("client_id", "04b07795-8ddb-461a-bbee-02f9e1bf7b46"), ("scope", "openid")];
    let reply = cloud.client.post(url).form(&form).send().await.unwrap();
    assert_eq!(refusal(&(reply.status(), reply.json().await.unwrap())), 90_002);
}

#[tokio::test]
async fn graph_refuses_what_it_cannot_read_and_what_it_does_not_offer() {
    let cloud = Cloud::start().await;
    let (vendor, application) = (cloud.vendor(), cloud.application().await);
    let own = format!("applications/{}", application["id"].as_str().unwrap());
    let credentials = format!("{own}/federatedIdentityCredentials");
    let good = json!({ "name": "first", "issuer": "i", "subject": "s", "audiences": [EXCHANGE] });
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for body in [&good, &with("name", json!("second")), &with("subject", json!("t"))] {
        cloud.graph(&vendor, Method::POST, &credentials, Some(body.clone())).await;
    }
    let second = json!({ "name": "second", "issuer": "i", "subject": "t", "audiences": [EXCHANGE] });
    let (status, _) = cloud.graph(&vendor, Method::POST, &credentials, Some(second)).await;
    assert_eq!(status, StatusCode::CREATED);
    let of_second = format!("{credentials}/second");
    let secrets = format!("{own}/addPassword");
    let (post, patch, get) = (Method::POST, Method::PATCH, Method::GET);
    for (method, path, body, expected) in [
        (&post, "applications", None, 400),
        (&post, "applications", Some(json!([])), 400),
        (&post, "applications", Some(json!({ "displayName": "a", "keyCredentials": [{}] })), 501),
        (&patch, own.as_str(), Some(json!({ "passwordCredentials": [{}] })), 501),
        (&patch, &own, Some(json!({ "appId": "x" })), 400),
        (&post, &secrets, Some(json!({ "passwordCredential": { "endDateTime": "soon" } })), 400),
        (&get, "applications?$top=many", None, 400),
        (&post, &credentials, Some(with("description", json!("x".repeat(601)))), 400),
        (&post, &credentials, Some(with("colour", json!("red"))), 400),
        (&post, &credentials, Some(with("name", json!("x".repeat(121)))), 400),
        (&post, &credentials, Some(with("audiences", json!([""]))), 400),
        (&patch, &of_second, Some(json!({ "subject": "s" })), 409),
        (&get, &format!("{credentials}/third"), None, 404),
        (&post, "directoryObjects/getByIds", Some(json!({ "ids": [] })), 400),
        (&post, "directoryObjects/getByIds", Some(json!({ "ids": ["me"] })), 400),
        (&post, "servicePrincipals", Some(json!({ "appId": "x", "colour": "red" })), 400),
        (&patch, "servicePrincipals/not-an-id", Some(json!({ "accountEnabled": false })), 404),
        (&get, "directory/deletedItems/not-an-id", None, 404),
        (&get, "directory", None, 400),
    ] {
        let (status, answer) = cloud.graph(&vendor, method.clone(), path, body.clone()).await;
        assert_eq!(status.as_u16(), expected, "{method} {path} {body:?}: {answer}");
        assert!(answer["error"]["innerError"]["request-id"].is_string(), "{answer}");
    }
    let (_, list) = cloud.graph(&vendor, Method::GET, &credentials, None).await;
    assert_eq!(list["value"].as_array().unwrap().len(), 2, "{list}");

    let url = "https://graph.microsoft.com/v3.0/applications";
    assert_eq!(cloud.call(&vendor, Method::GET, url, None).await.0, StatusCode::BAD_REQUEST);
    let token = cloud.administrator_token(&vendor, "https://graph.microsoft.com/.default").await;
    let request = cloud.client.post("https://graph.microsoft.com/v1.0/applications").bearer_auth(token);
    let reply = request.header("content-type", "application/json").body("{").send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::BAD_REQUEST, "half a body");
}

#[tokio::test]
async fn the_service_principal_of_a_managed_identity_lives_and_dies_with_its_resource() {
    let cloud = Cloud::start().await;
    let vendor = cloud.vendor();
    let identity = cloud.identity(&vendor, "function-app").await;
    let id = identity["properties"]["principalId"].as_str().unwrap();
    let path = format!("servicePrincipals/{id}");
    let (status, body) = cloud.graph(&vendor, Method::DELETE, &path, None).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("Request_BadRequest")));
    let (status, body) = act(&cloud, json!({ "action": "deleteServicePrincipal", "objectId": id })).await;
    assert_eq!(status, 409, "{body}");
    cloud.assertion(&identity).await;
}

#[tokio::test]
async fn the_control_api_says_what_is_not_there() {
    let cloud = Cloud::start().await;
    let nobody = Uuid::new_v4();
    for action in [
        json!({ "action": "removeRole", "id": "/nothing" }),
        json!({ "action": "enableServicePrincipal", "objectId": nobody }),
        json!({ "action": "deleteServicePrincipal", "objectId": nobody }),
        json!({ "action": "liftPolicy", "tenant": nobody, "policy": "inboundAccess" }),
    ] {
        let (status, body) = act(&cloud, action).await;
        assert_eq!(status, 404, "{body}");
        assert!(body["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
    }
    for action in [json!({}), json!({ "action": "removeRole" }), json!({ "action": "removeRole", "id": 7 })] {
        assert_eq!(act(&cloud, action).await.0, 400);
    }
    let send = async |method: Method, path: &str, body: Vec<u8>| {
        let url = format!("{}/control/{path}", cloud.sandbox.own_url());
        let request = cloud.client.request(method, url).header("content-type", "application/json");
        request.body(body).send().await.unwrap().status().as_u16()
    };
    let long = json!({ "displayName": "x".repeat(257) }).to_string();
    assert_eq!(send(Method::POST, "tenants", long.into_bytes()).await, 400);
    assert_eq!(send(Method::POST, "tenants", b"{\"displayName\": \"A\"} and more".to_vec()).await, 400);
    assert_eq!(send(Method::PUT, "faults", vec![0xff, 0xfe]).await, 400, "not UTF-8");
    assert_eq!(send(Method::PUT, "faults", b"{\"faults\": [{}]}".to_vec()).await, 400);
}

async fn act(cloud: &Cloud, action: Value) -> (u16, Value) {
    let url = format!("{}/control/actions", cloud.sandbox.own_url());
    let reply = cloud.client.post(url).json(&action).send().await.unwrap();
    (reply.status().as_u16(), reply.json().await.unwrap())
}

/// The redirect address is compared whole, also where the link is otherwise perfect.
#[tokio::test]
async fn an_answer_goes_to_no_address_but_the_registered_one() {
    let cloud = Cloud::start().await;
    let (application, customer) = (cloud.application().await, cloud.customer());
    for address in [format!("{CALLBACK}?x=y"), CALLBACK.to_uppercase(), CALLBACK.replace("4000", "4001")] {
        let extra = [("redirect_uri", address.as_str())];
        let page = link(&customer.tenant_id.to_string(), "/v2.0", &application, &extra);
        let (status, back) = press(&cloud, page, customer.administrator_user, "approve").await;
        assert_eq!((status, back), (StatusCode::BAD_REQUEST, None), "{address}");
    }
}
