//! The page: what it shows, that nothing on it is taken for HTML, and that only its own buttons press.

use reqwest::{Method, header};
use serde_json::json;

use crate::cloud::{Cloud, KEYS};
use crate::own::Own;

async fn page(own: &Own, path: &str) -> String {
    let answer = own.request(Method::GET, path).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    answer.text().await.unwrap()
}

async fn press(own: &Own, path: &str, fields: &[(&str, &str)]) -> reqwest::Response {
    let origin = own.base.clone();
    own.request(Method::POST, path).header(header::ORIGIN, origin).form(fields).send().await.unwrap()
}

/// The token that every button of the page sends.
fn token(page: &str) -> String {
    let (_, rest) = page.split_once(r#"name="token" value=""#).expect("there are buttons");
    rest.split('"').next().unwrap().to_owned()
}

async fn with_a_key() -> (Cloud, Own) {
    let cloud = Cloud::start().await;
    let group = cloud.group(&cloud.seed.customer).await;
    cloud.make_vault(&cloud.seed.customer, &group, "shown").await;
    cloud.make_key(&cloud.seed.customer, "shown", "disks").await;
    let own = Own::of(&cloud);
    (cloud, own)
}

#[tokio::test]
async fn everything_is_on_the_page_and_no_secret_is() {
    let (cloud, own) = with_a_key().await;
    let html = page(&own, "/").await;
    for shown in [
        "Fabrikam",
        "Contoso",
        "administrator@contoso.onmicrosoft.com",
        "Automation",
        "disks",
        "in shown",
        "RSA 2048",
        "Owner",
        "Key Vault Administrator",
        "management.azure.com",
        "Use no real account",
    ] {
        assert!(html.contains(shown), "{shown}");
    }
    for hidden in [
        &cloud.seed.vendor.administrator.client_secret,
        &cloud.seed.customer.administrator.client_secret,
        cloud.sandbox.identity_header(),
    ] {
        assert!(!html.contains(hidden));
    }
    assert!(html.contains("all can be used") && html.contains("none answered 5xx"), "at a glance");
    let narrowed = page(&own, "/?find=contoso").await;
    assert!(narrowed.contains("Contoso") && !narrowed.contains("Fabrikam"), "the search narrows");
    assert!(page(&own, "/style.css").await.contains("prefers-color-scheme"));
}

#[tokio::test]
async fn nothing_on_the_page_is_taken_for_html() {
    let (_cloud, own) = with_a_key().await;
    let evil = "<script>alert(1)</script>\"'&";
    let body = json!({ "displayName": evil, "domain": "evil.example" });
    let answer = own.post("/control/tenants", body).await;
    own.expect(answer, 201);
    let path =
        format!("/?find={}", url::form_urlencoded::byte_serialize(evil.as_bytes()).collect::<String>());
    for path in ["/", &path] {
        let html = page(&own, path).await;
        assert!(!html.contains("<script") && html.contains("&lt;script&gt;"), "{path}");
    }
    let answer = own.request(Method::GET, "/").send().await.unwrap();
    let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
}

#[tokio::test]
async fn a_key_is_disabled_only_after_a_second_question() {
    let (cloud, own) = with_a_key().await;
    let token = token(&page(&own, "/").await);
    let fields = [("token", &*token), ("action", "disableKey"), ("vault", "shown"), ("key", "disks")];
    let enabled = async || {
        let url = format!("https://shown.vault.azure.net/keys/disks?{KEYS}");
        let key = cloud.vault(&cloud.seed.customer, Method::GET, url, None).await.expect(200).body;
        key["attributes"]["enabled"].as_bool().unwrap()
    };
    let question = press(&own, "/ask", &fields).await;
    assert_eq!(question.status().as_u16(), 200);
    let question = question.text().await.unwrap();
    assert!(question.contains("Disable the key disks in the vault shown?") && question.contains("/do"));
    assert!(enabled().await, "asking does nothing");
    let done = press(&own, "/do", &fields).await;
    assert_eq!((done.status().as_u16(), &done.headers()["location"]), (303, &"/#keys".parse().unwrap()));
    assert!(!enabled().await);
    let html = page(&own, "/").await;
    assert!(html.contains("is disabled") && html.contains("Enable key") && html.contains("1 cannot be used"));
    assert!(!page(&own, "/").await.contains("role=\"status\""), "told once");
    let fields = [("token", &*token), ("action", "enableKey"), ("vault", "shown"), ("key", "disks")];
    press(&own, "/do", &fields).await;
    assert!(enabled().await);
}

#[tokio::test]
async fn a_button_of_another_site_does_nothing() {
    let (cloud, own) = with_a_key().await;
    let token = token(&page(&own, "/").await);
    let action = [("action", "disableKey"), ("vault", "shown"), ("key", "disks")];
    let with = |token: &'static str| [vec![("token", token)], action.to_vec()].concat();
    for path in ["/ask", "/do"] {
        assert_eq!(press(&own, path, &action).await.status().as_u16(), 403);
        assert_eq!(press(&own, path, &with("")).await.status().as_u16(), 403);
        assert_eq!(press(&own, path, &with("guess")).await.status().as_u16(), 403);
        let right = [vec![("token", &*token)], action.to_vec()].concat();
        let foreign =
            own.request(Method::POST, path).header(header::ORIGIN, "https://evil.example").form(&right);
        assert_eq!(foreign.send().await.unwrap().status().as_u16(), 403);
        assert_eq!(
            own.request(Method::GET, path).send().await.unwrap().status().as_u16(),
            405,
            "no link presses it"
        );
    }
    let url = format!("https://shown.vault.azure.net/keys/disks?{KEYS}");
    let key = cloud.vault(&cloud.seed.customer, Method::GET, url, None).await.expect(200).body;
    assert_eq!(key["attributes"]["enabled"], true);
}

#[tokio::test]
async fn roles_and_service_principals_are_removed() {
    let (cloud, own) = with_a_key().await;
    let token = token(&page(&own, "/").await);
    let vendor = &cloud.seed.vendor;
    let made = cloud.graph(vendor, "/applications", json!({ "displayName": "App" })).await.expect(201).body;
    let principal =
        cloud.graph(vendor, "/servicePrincipals", json!({ "appId": made["appId"] })).await.expect(201).body;
    let id = principal["id"].as_str().unwrap();
    let group = cloud.group(vendor).await;
    let assignment = cloud.assign(vendor, &group, "Reader", id).await;

    let remove = [("token", &*token), ("action", "removeRole"), ("id", &*assignment)];
    assert!(
        press(&own, "/ask", &remove).await.text().await.unwrap().contains("Remove this role assignment?")
    );
    assert_eq!(press(&own, "/do", &remove).await.status().as_u16(), 303);
    let url = format!("{assignment}?api-version=2022-04-01");
    cloud.arm(vendor, Method::GET, url, None).await.expect(404);
    assert_eq!(press(&own, "/do", &remove).await.status().as_u16(), 404, "nothing is left to remove");

    let delete = [("token", &*token), ("action", "deleteServicePrincipal"), ("objectId", id)];
    assert_eq!(press(&own, "/do", &delete).await.status().as_u16(), 303);
    assert!(page(&own, "/").await.contains("was deleted"), "told once");
    assert!(!page(&own, "/").await.contains(id));
    assert_eq!(press(&own, "/do", &delete).await.status().as_u16(), 404);
    let nonsense = [("token", &*token), ("action", "explode")];
    assert_eq!(press(&own, "/do", &nonsense).await.status().as_u16(), 400);

    let answer = own
        .post("/control/actions", json!({ "action": "disableKey", "vault": "shown", "key": "disks" }))
        .await;
    assert!(own.expect(answer, 200)["done"].as_str().unwrap().contains("is disabled"));
    let answer = own
        .post("/control/actions", json!({ "action": "disableKey", "vault": "shown", "key": "none" }))
        .await;
    own.expect(answer, 404);
}

#[tokio::test]
async fn a_policy_is_added_after_a_question_shown_and_removed() {
    let (cloud, own) = with_a_key().await;
    let html = page(&own, "/").await;
    let token = token(&html);
    for policy in
        ["conditionalAccess", "inboundAccess", "outboundAccess", "administratorConsent", "riskyApplication"]
    {
        assert!(html.contains(&format!(r#"<option value="{policy}""#)), "{policy} can be chosen");
    }
    let tenant = cloud.seed.customer.tenant_id.to_string();
    let policies = async || {
        let tenants = own.get("/control/tenants").await;
        let tenants = tenants["tenants"].as_array().unwrap().clone();
        let of = |id: &str| tenants.iter().find(|one| one["tenantId"] == id).unwrap()["policies"].clone();
        (of(&tenant), of(&cloud.seed.vendor.tenant_id.to_string()))
    };
    let fields = |action: &'static str, policy: &'static str| {
        [
            ("token", token.clone()),
            ("action", action.into()),
            ("tenant", tenant.clone()),
            ("policy", policy.into()),
        ]
    };
    let send = async |path: &str, fields: [(&'static str, String); 4]| {
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        press(&own, path, &fields).await
    };
    let question = send("/ask", fields("imposePolicy", "conditionalAccess")).await.text().await.unwrap();
    assert!(question.contains("Add the policy conditionalAccess?") && question.contains("AADSTS53003"));
    assert_eq!(policies().await, (json!([]), json!([])), "asking does nothing");
    let done = send("/do", fields("imposePolicy", "conditionalAccess")).await;
    assert_eq!((done.status().as_u16(), &done.headers()["location"]), (303, &"/#tenants".parse().unwrap()));
    assert_eq!(policies().await, (json!(["conditionalAccess"]), json!([])));
    let html = page(&own, "/").await;
    assert!(html.contains("Contoso: the policy conditionalAccess was added.") && html.contains("liftPolicy"));
    assert_eq!(send("/do", fields("imposePolicy", "martialLaw")).await.status().as_u16(), 400);

    let lift = json!({ "action": "liftPolicy", "tenant": tenant, "policy": "conditionalAccess" });
    let answer = own.post("/control/actions", lift).await;
    own.expect(answer, 200);
    assert_eq!(policies().await, (json!([]), json!([])));
    let nobody =
        json!({ "action": "imposePolicy", "tenant": uuid::Uuid::new_v4(), "policy": "conditionalAccess" });
    let answer = own.post("/control/actions", nobody).await;
    own.expect(answer, 404);
}
