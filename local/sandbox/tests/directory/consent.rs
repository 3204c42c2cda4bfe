//! The admin consent pages, as a browser meets them.

use reqwest::{StatusCode, Url};
use sandbox::SeedTenant;
use serde_json::Value;
use uuid::Uuid;

use crate::support::{CALLBACK, Cloud};

pub(crate) fn link(tenant: &str, version: &str, application: &Value, extra: &[(&str, &str)]) -> Url {
    let mut parameters = vec![
        ("client_id", application["appId"].as_str().unwrap()),
        ("redirect_uri", CALLBACK),
        ("state", "a b&c"),
    ];
    if !version.is_empty() {
        parameters.push(("scope", "https://graph.microsoft.com/.default"));
    }
    parameters.retain(|(name, _)| !extra.iter().any(|(other, _)| other == name));
    parameters.extend_from_slice(extra);
    let page = format!("https://login.microsoftonline.com/{tenant}{version}/adminconsent");
    Url::parse_with_params(&page, parameters).unwrap()
}

/// Presses a button on the page. Gives the status and where it leads.
pub(crate) async fn press(cloud: &Cloud, page: Url, who: Uuid, button: &str) -> (StatusCode, Option<Url>) {
    let who = who.to_string();
    let form = [("administrator", who.as_str()), ("decision", button)];
    let reply = cloud.client.post(page).form(&form).send().await.unwrap();
    let location = reply.headers().get("location").map(|value| Url::parse(value.to_str().unwrap()).unwrap());
    (reply.status(), location)
}

fn parameters(url: &Url) -> Vec<(String, String)> {
    url.query_pairs().into_owned().collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn is_let_in(cloud: &Cloud, tenant: &SeedTenant, application: &Value) -> bool {
    let path = format!("servicePrincipals?$filter=appId eq '{}'", application["appId"].as_str().unwrap());
    let (status, body) = cloud.graph(tenant, reqwest::Method::GET, &path, None).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    !body["value"].as_array().unwrap().is_empty()
}

#[tokio::test]
async fn approving_lets_the_application_in_and_leads_back_as_documented() {
    for (version, expected) in [
        ("", &[("tenant", "TENANT"), ("state", "a b&c"), ("admin_consent", "True")][..]),
        (
            "/v2.0",
            &[
                ("admin_consent", "True"),
                ("tenant", "TENANT"),
                ("scope", "https://graph.microsoft.com/.default"),
                ("state", "a b&c"),
            ][..],
        ),
    ] {
        let cloud = Cloud::start().await;
        let (application, customer) = (cloud.application().await, cloud.customer());
        let page = link(&customer.tenant_id.to_string(), version, &application, &[]);

        let shown = cloud.client.get(page.clone()).send().await.unwrap();
        assert_eq!(shown.status(), StatusCode::OK);
        let html = shown.text().await.unwrap();
        assert!(html.contains("Disks under your key"), "{html}");
        assert!(html.contains(&customer.administrator_user.to_string()), "{html}");
        assert!(
            !html.contains(&cloud.vendor().administrator_user.to_string()),
            "another tenant's people: {html}"
        );
        assert!(!is_let_in(&cloud, &customer, &application).await, "looking at the page changes nothing");

        let (status, back) = press(&cloud, page, customer.administrator_user, "approve").await;
        let back = back.unwrap();
        assert_eq!(status, StatusCode::FOUND);
        assert!(back.as_str().starts_with(CALLBACK), "{back}");
        let expected: Vec<(String, String)> = pairs(expected)
            .into_iter()
            .map(|(name, value)| (name, value.replace("TENANT", &customer.tenant_id.to_string())))
            .collect();
        assert_eq!(parameters(&back), expected);
        assert!(is_let_in(&cloud, &customer, &application).await);
        assert!(!is_let_in(&cloud, &cloud.vendor(), &application).await, "only the customer's tenant");
    }
}

#[tokio::test]
async fn cancelling_lets_nobody_in_and_leads_back_with_the_error() {
    let cloud = Cloud::start().await;
    let (application, customer) = (cloud.application().await, cloud.customer());
    let tenant = customer.tenant_id.to_string();

    let page = link(&tenant, "", &application, &[]);
    let (_, back) = press(&cloud, page, customer.administrator_user, "cancel").await;
    let expected = [("error", "permission_denied"), ("error_description", "The admin canceled the request")];
    assert_eq!(parameters(&back.unwrap()), pairs(&expected));

    let page = link(&tenant, "/v2.0", &application, &[]);
    let (_, back) = press(&cloud, page, customer.administrator_user, "cancel").await;
    let back = parameters(&back.unwrap());
    assert_eq!(back[..2], pairs(&[("admin_consent", "True"), ("error", "consent_required")]));
    assert!(back[2].1.starts_with("AADSTS65004: "), "{back:?}");
    assert_eq!(back[3..], pairs(&[("tenant", &tenant), ("state", "a b&c")]));

    assert!(!is_let_in(&cloud, &customer, &application).await);
}

#[tokio::test]
async fn for_organizations_the_administrators_own_tenant_is_let_into() {
    let cloud = Cloud::start().await;
    let (application, customer) = (cloud.application().await, cloud.customer());
    let page = link("organizations", "", &application, &[]);
    let (_, back) = press(&cloud, page, customer.administrator_user, "approve").await;
    let back = parameters(&back.unwrap());
    assert!(back.contains(&("tenant".to_owned(), customer.tenant_id.to_string())), "{back:?}");
    assert!(is_let_in(&cloud, &customer, &application).await);
}

#[tokio::test]
async fn a_link_that_makes_no_sense_is_refused_on_the_page_and_never_followed() {
    let cloud = Cloud::start().await;
    let (application, customer) = (cloud.application().await, cloud.customer());
    let (tenant, nobody) = (customer.tenant_id.to_string(), Uuid::new_v4().to_string());

    for (tenant, version, extra, code) in [
        (tenant.as_str(), "", ("redirect_uri", "https://example.org/callback"), "AADSTS50011"),
        (tenant.as_str(), "", ("redirect_uri", "http://127.0.0.1:4000/api/consent/callback/"), "AADSTS50011"),
        (tenant.as_str(), "/v2.0", ("redirect_uri", ""), "AADSTS900144"),
        (tenant.as_str(), "/v2.0", ("scope", ""), "AADSTS900144"),
        (tenant.as_str(), "", ("client_id", nobody.as_str()), "AADSTS700016"),
        (nobody.as_str(), "", ("x", "y"), "AADSTS90002"),
    ] {
        let page = link(tenant, version, &application, &[extra]);
        let shown = cloud.client.get(page.clone()).send().await.unwrap();
        assert!(shown.status().is_client_error(), "{page}");
        assert!(shown.headers().get("location").is_none(), "{page}");
        assert!(shown.text().await.unwrap().contains(code), "{page}");
        let (status, back) = press(&cloud, page.clone(), customer.administrator_user, "approve").await;
        assert!(status.is_client_error() && back.is_none(), "{page}");
    }
    assert!(!is_let_in(&cloud, &customer, &application).await);
}

#[tokio::test]
async fn only_an_administrator_of_the_tenant_may_approve() {
    let cloud = Cloud::start().await;
    let (application, customer) = (cloud.application().await, cloud.customer());
    for who in [customer.ordinary_user, cloud.vendor().administrator_user, Uuid::new_v4()] {
        let page = link(&customer.tenant_id.to_string(), "", &application, &[]);
        let (status, back) = press(&cloud, page, who, "approve").await;
        assert!(status.is_client_error() && back.is_none(), "{who}");
    }
    assert!(!is_let_in(&cloud, &customer, &application).await);
}

#[tokio::test]
async fn a_browser_past_the_proxy_finds_the_same_page() {
    let cloud = Cloud::start().await;
    let (application, customer) = (cloud.application().await, cloud.customer());
    let page = link(&customer.tenant_id.to_string(), "/v2.0", &application, &[]);
    let local = page.as_str().replace("https://login.microsoftonline.com", &cloud.sandbox.login_pages_url());
    let (status, back) =
        press(&cloud, Url::parse(&local).unwrap(), customer.administrator_user, "approve").await;
    assert_eq!(status, StatusCode::FOUND);
    assert!(back.unwrap().as_str().starts_with(CALLBACK));
}
