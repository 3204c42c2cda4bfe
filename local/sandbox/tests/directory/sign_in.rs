//! People who sign in: with a browser, with a code on another machine, with a name and a password.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{StatusCode, Url};
use sandbox::SeedTenant;
use serde_json::Value;
use uuid::Uuid;

use crate::support::{Answer, CALLBACK, Cloud, claims, refusal};

/// Azure CLI, which every tenant has.
const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
const REDIRECT: &str = "http://localhost:8400";
const SCOPE: &str = "https://management.core.windows.net//.default offline_access openid profile";
/// The pair of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn link(tenant: &str, extra: &[(&str, &str)]) -> Url {
    let mut parameters = vec![
        ("client_id", AZURE_CLI),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("scope", SCOPE),
        ("state", "s&t"),
        ("nonce", "n-1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("response_mode", "form_post"),
    ];
    parameters.retain(|(name, _)| !extra.iter().any(|(other, _)| other == name));
    parameters.extend_from_slice(extra);
    let page = format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize");
    Url::parse_with_params(&page, parameters).unwrap()
}

async fn press(cloud: &Cloud, page: Url, who: Uuid, button: &str) -> (StatusCode, String) {
    let who = who.to_string();
    let form = [("person", who.as_str()), ("decision", button)];
    let reply = cloud.client.post(page).form(&form).send().await.unwrap();
    let status = reply.status();
    let location = reply.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
    (status, location.unwrap_or(reply.text().await.unwrap()))
}

/// The value of a hidden field of a page.
fn hidden(page: &str, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let rest = page.split_once(&start).unwrap_or_else(|| panic!("no {name} in {page}")).1;
    rest.split_once('"').unwrap().0.replace("&amp;", "&")
}

async fn code_for(cloud: &Cloud, tenant: &str, who: Uuid) -> String {
    let (status, page) = press(cloud, link(tenant, &[]), who, "sign in").await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains(&format!("action=\"{REDIRECT}\"")), "{page}");
    assert_eq!(hidden(&page, "state"), "s&t");
    hidden(&page, "code")
}

async fn redeem(cloud: &Cloud, tenant: &str, code: &str, extra: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("client_id", AZURE_CLI),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    form.retain(|(name, _)| !extra.iter().any(|(other, _)| other == name));
    form.extend_from_slice(extra);
    cloud.token_request(tenant, &form).await
}

async fn refresh(cloud: &Cloud, tenant: &str, token: &str, scope: &str) -> Answer {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", AZURE_CLI),
        ("refresh_token", token),
        ("scope", scope),
    ];
    cloud.token_request(tenant, &form).await
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}"))
}

async fn get(cloud: &Cloud, url: &str, token: &str) -> Answer {
    let reply = cloud.client.get(url).bearer_auth(token).send().await.unwrap();
    (reply.status(), reply.json().await.unwrap())
}

fn upn(tenant: &SeedTenant) -> String {
    format!("administrator@{}", tenant.domain)
}

#[tokio::test]
async fn a_browser_leads_to_tokens_of_the_person_for_one_service_after_the_other() {
    let cloud = Cloud::start().await;
    let vendor = cloud.vendor();
    let page = cloud.client.get(link("organizations", &[])).send().await.unwrap().text().await.unwrap();
    for tenant in [&vendor, &cloud.customer()] {
        assert!(page.contains(&format!("data-account=\"{}\"", upn(tenant))), "{page}");
    }

    let code = code_for(&cloud, "organizations", vendor.administrator_user).await;
    let (status, body) = redeem(&cloud, "organizations", &code, &[]).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let id_token = claims(text(&body, "id_token"));
    assert_eq!(id_token["nonce"], "n-1");
    assert_eq!(id_token["tid"], vendor.tenant_id.to_string());
    assert_eq!(id_token["preferred_username"], upn(&vendor));
    let client_info: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text(&body, "client_info")).unwrap()).unwrap();
    assert_eq!(client_info["uid"], vendor.administrator_user.to_string());
    assert_eq!(client_info["utid"], vendor.tenant_id.to_string());

    let url = "https://management.azure.com/subscriptions?api-version=2022-12-01";
    let (_, seen) = get(&cloud, url, text(&body, "access_token")).await;
    assert_eq!(seen["value"][0]["subscriptionId"], vendor.subscription_id.to_string(), "{seen}");

    let tenant = vendor.tenant_id.to_string();
    let scope = "https://graph.microsoft.com//.default offline_access openid profile";
    let (status, body) = refresh(&cloud, &tenant, text(&body, "refresh_token"), scope).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let (status, me) = get(&cloud, "https://graph.microsoft.com/v1.0/me", text(&body, "access_token")).await;
    assert_eq!((status, text(&me, "id")), (StatusCode::OK, vendor.administrator_user.to_string().as_str()));
}

#[tokio::test]
async fn somebody_without_rights_may_see_themselves_and_no_subscription() {
    let cloud = Cloud::start().await;
    let vendor = cloud.vendor();
    let tenant = vendor.tenant_id.to_string();
    let code = code_for(&cloud, &tenant, vendor.ordinary_user).await;
    let (_, body) = redeem(&cloud, &tenant, &code, &[]).await;
    let url = "https://management.azure.com/subscriptions?api-version=2022-12-01";
    assert_eq!(get(&cloud, url, text(&body, "access_token")).await.1["value"], Value::Array(vec![]));
    let (_, body) =
        refresh(&cloud, &tenant, text(&body, "refresh_token"), "https://graph.microsoft.com/.default").await;
    let token = text(&body, "access_token");
    assert_eq!(get(&cloud, "https://graph.microsoft.com/v1.0/me", token).await.0, StatusCode::OK);
    let refused = get(&cloud, "https://graph.microsoft.com/v1.0/applications", token).await;
    assert_eq!(refused.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_code_is_good_once_for_its_client_with_its_verifier_in_its_time() {
    let cloud = Cloud::start().await;
    let vendor = cloud.vendor();
    let tenant = vendor.tenant_id.to_string();
    let code = code_for(&cloud, &tenant, vendor.administrator_user).await;
    for (extra, number) in [
        (("code_verifier", "another verifier"), 501_481),
        (("redirect_uri", "http://localhost:1"), 50_011),
        (("client_id", "1950a258-227b-4e31-a9cf-717495945fc2"), 70_000),
        (("code", "no such code"), 70_000),
    ] {
        assert_eq!(refusal(&redeem(&cloud, &tenant, &code, &[extra]).await), number, "{extra:?}");
    }
    assert_eq!(redeem(&cloud, &tenant, &code, &[]).await.0, StatusCode::OK);
    assert_eq!(refusal(&redeem(&cloud, &tenant, &code, &[]).await), 54_005);

    let late = code_for(&cloud, &tenant, vendor.administrator_user).await;
    cloud.sandbox.advance_clock(std::time::Duration::from_secs(601));
    assert_eq!(refusal(&redeem(&cloud, &tenant, &late, &[]).await), 70_008);
}

#[tokio::test]
async fn a_refresh_token_is_good_for_its_client_and_its_tenant_in_its_time() {
    let cloud = Cloud::start().await;
    let (vendor, customer) = (cloud.vendor(), cloud.customer());
    let tenant = vendor.tenant_id.to_string();
    let code = code_for(&cloud, &tenant, vendor.administrator_user).await;
    let (_, body) = redeem(&cloud, &tenant, &code, &[]).await;
    let (access, token) = (text(&body, "access_token"), text(&body, "refresh_token"));
    let abroad = refresh(&cloud, &customer.tenant_id.to_string(), token, SCOPE).await;
    assert_eq!(refusal(&abroad), 50_020, "nobody is a guest anywhere here");
    assert_eq!(refusal(&refresh(&cloud, &tenant, access, SCOPE).await), 70_000);
    assert_eq!(refusal(&refresh(&cloud, &tenant, "nonsense", SCOPE).await), 70_000);
    let url = "https://management.azure.com/subscriptions?api-version=2022-12-01";
    assert_eq!(get(&cloud, url, token).await.0, StatusCode::UNAUTHORIZED, "no service takes it");
    cloud.sandbox.advance_clock(std::time::Duration::from_secs(91 * 86_400));
    assert_eq!(refusal(&refresh(&cloud, &tenant, token, SCOPE).await), 700_082);
}

#[tokio::test]
async fn a_link_that_makes_no_sense_is_refused_on_the_page() {
    let cloud = Cloud::start().await;
    let tenant = cloud.vendor().tenant_id.to_string();
    let nobody = Uuid::nil().to_string();
    for (tenant, extra, number) in [
        ("narnia", ("scope", SCOPE), "90002"),
        (tenant.as_str(), ("client_id", nobody.as_str()), "700016"),
        (tenant.as_str(), ("redirect_uri", "https://example.org"), "50011"),
        (tenant.as_str(), ("response_type", "token"), "700054"),
        (tenant.as_str(), ("code_challenge_method", "plain"), "501461"),
        (tenant.as_str(), ("response_mode", "pigeon"), "900144"),
        (tenant.as_str(), ("scope", ""), "900144"),
    ] {
        let reply = cloud.client.get(link(tenant, &[extra])).send().await.unwrap();
        assert_eq!(reply.status(), StatusCode::BAD_REQUEST, "{extra:?}");
        let page = reply.text().await.unwrap();
        assert!(page.contains(&format!("AADSTS{number}: ")), "{extra:?}: {page}");
    }
}

#[tokio::test]
async fn cancelling_and_strangers_get_no_code() {
    let cloud = Cloud::start().await;
    let (vendor, customer) = (cloud.vendor(), cloud.customer());
    let tenant = vendor.tenant_id.to_string();
    let (_, page) = press(&cloud, link(&tenant, &[]), vendor.administrator_user, "cancel").await;
    assert_eq!(hidden(&page, "error"), "access_denied");
    let query = link(&tenant, &[("response_mode", "query")]);
    let (status, address) = press(&cloud, query, vendor.administrator_user, "cancel").await;
    assert_eq!(status, StatusCode::FOUND);
    assert!(address.starts_with("http://localhost:8400?error=access_denied&"), "{address}");
    let (status, page) = press(&cloud, link(&tenant, &[]), customer.administrator_user, "sign in").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(page.contains("AADSTS50020"), "{page}");
}

#[tokio::test]
async fn an_application_of_ones_own_signs_people_in_once_it_is_let_in_and_proves_itself() {
    let cloud = Cloud::start().await;
    let customer = cloud.customer();
    let application = cloud.application().await;
    let (id, app_id) = (text(&application, "id"), text(&application, "appId"));
    let extra =
        [("client_id", app_id), ("redirect_uri", CALLBACK), ("response_mode", "query"), ("scope", "openid")];
    let (status, page) =
        press(&cloud, link("organizations", &extra), customer.administrator_user, "sign in").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(page.contains("AADSTS65001"), "{page}");

    cloud.let_in(&customer, app_id).await;
    let (status, address) =
        press(&cloud, link("organizations", &extra), customer.administrator_user, "sign in").await;
    assert_eq!(status, StatusCode::FOUND);
    let address = Url::parse(&address).unwrap();
    let code = address.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let own = [("client_id", app_id), ("redirect_uri", CALLBACK)];
    assert_eq!(refusal(&redeem(&cloud, "organizations", &code, &own).await), 7_000_218, "no credential");

    let path = format!("applications/{id}/addPassword");
    let made = cloud.graph(&cloud.vendor(), reqwest::Method::POST, &path, Some(serde_json::json!({}))).await;
    let secret = text(&made.1, "secretText").to_owned();
    let proven = [own[0], own[1], ("client_secret", secret.as_str())];
    let (status, body) = redeem(&cloud, "organizations", &code, &proven).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let id_token = claims(text(&body, "id_token"));
    assert_eq!(
        (id_token["aud"].as_str(), id_token["tid"].as_str()),
        (Some(app_id), Some(customer.tenant_id.to_string().as_str()))
    );
}

#[tokio::test]
async fn a_device_code_is_pending_until_somebody_decides() {
    let cloud = Cloud::start().await;
    let vendor = cloud.vendor();
    let tenant = vendor.tenant_id.to_string();
    let begin = async || {
        let url = format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/devicecode");
        let form = [("client_id", AZURE_CLI), ("scope", SCOPE)];
        cloud.client.post(url).form(&form).send().await.unwrap().json::<Value>().await.unwrap()
    };
    let poll = async |code: &str| {
        let grant = "urn:ietf:params:oauth:grant-type:device_code";
        let form = [("grant_type", grant), ("client_id", AZURE_CLI), ("device_code", code)];
        cloud.token_request(&tenant, &form).await
    };
    let decide = async |user_code: &str, button: &str| {
        let who = vendor.administrator_user.to_string();
        let form = [("user_code", user_code), ("person", who.as_str()), ("decision", button)];
        let page = "https://login.microsoftonline.com/common/oauth2/deviceauth";
        cloud.client.post(page).form(&form).send().await.unwrap().status()
    };

    let begun = begin().await;
    let code = text(&begun, "device_code");
    let pending = poll(code).await;
    assert_eq!((refusal(&pending), &pending.1["error"]), (70_016, &Value::from("authorization_pending")));
    assert_eq!(decide("WRONG", "sign in").await, StatusCode::BAD_REQUEST);
    assert_eq!(decide(text(&begun, "user_code"), "sign in").await, StatusCode::OK);
    let (status, body) = poll(code).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(refusal(&poll(code).await), 70_018, "a code is good once");

    let declined = begin().await;
    decide(text(&declined, "user_code"), "cancel").await;
    let refused = poll(text(&declined, "device_code")).await;
    assert_eq!(refused.1["error"], "authorization_declined");
    let late = begin().await;
    cloud.sandbox.advance_clock(std::time::Duration::from_secs(901));
    assert_eq!(refusal(&poll(text(&late, "device_code")).await), 70_019);
}

#[tokio::test]
async fn a_name_and_any_password_will_do() {
    let cloud = Cloud::start().await;
    let vendor = cloud.vendor();
    let sign_in = async |name: &str| {
        let form = [
            ("grant_type", "password"),
            ("client_id", AZURE_CLI),
            ("username", name),
            ("password", "x"),
            ("scope", SCOPE),
        ];
        cloud.token_request("organizations", &form).await
    };
    let (status, body) = sign_in(&upn(&vendor)).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(refusal(&sign_in("nobody@example.org").await), 50_034);
    for (name, kind) in [(upn(&vendor), "Managed"), ("x@example.org".to_owned(), "Unknown")] {
        let url = format!("https://login.microsoftonline.com/common/userrealm/{name}?api-version=1.0");
        let realm: Value = cloud.client.get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(realm["account_type"], kind);
    }
}
