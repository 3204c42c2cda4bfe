//! Tenants whose administrators forbid something: what is refused, to whom, and that it ends when the policy is lifted.

use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::consent::{link, press};
use crate::support::{Answer, Cloud, VAULT_SCOPE, refusal};

async fn exchange(cloud: &Cloud, application: &Value, assertion: &str) -> Answer {
    cloud.exchange(cloud.customer().tenant_id, application["appId"].as_str().unwrap(), assertion).await
}

#[tokio::test]
async fn a_policy_keeps_the_application_out_until_it_is_lifted() {
    let cloud = Cloud::start().await;
    let (application, assertion) = cloud.let_in_and_trusted().await;
    let (vendor, customer) = (cloud.vendor(), cloud.customer());
    assert_eq!(exchange(&cloud, &application, &assertion).await.0, StatusCode::OK);
    for (tenant, policy, code) in [
        (&customer, "conditionalAccess", 53_003),
        (&customer, "inboundAccess", 500_213),
        (&vendor, "outboundAccess", 500_212),
        (&customer, "administratorConsent", 90_094),
        (&customer, "riskyApplication", 900_941),
    ] {
        cloud.forbid(tenant, &[policy]).await;
        let answer = exchange(&cloud, &application, &assertion).await;
        assert_eq!((refusal(&answer), answer.0), (code, StatusCode::BAD_REQUEST), "{policy}");
        assert_eq!(answer.1["error"], "invalid_grant", "{policy}");
        cloud.forbid(tenant, &[]).await;
        assert_eq!(exchange(&cloud, &application, &assertion).await.0, StatusCode::OK, "{policy} is lifted");
    }
}

#[tokio::test]
async fn a_policy_strikes_only_whom_it_is_for() {
    let cloud = Cloud::start().await;
    let (application, assertion) = cloud.let_in_and_trusted().await;
    let (vendor, customer) = (cloud.vendor(), cloud.customer());
    // The other tenant's half of cross-tenant access, and what concerns its own people and applications alone.
    cloud.forbid(&customer, &["outboundAccess"]).await;
    cloud.forbid(&vendor, &["inboundAccess", "conditionalAccess", "administratorConsent"]).await;
    assert_eq!(exchange(&cloud, &application, &assertion).await.0, StatusCode::OK);
    // Whoever has to mend a policy that blocks too much is not blocked by it.
    cloud.forbid(&customer, &["conditionalAccess", "inboundAccess", "riskyApplication"]).await;
    cloud.administrator_token(&customer, VAULT_SCOPE).await;

    // In its own home an application is no foreigner, but a workload identity it is.
    let identity = cloud.identity(&vendor, "second").await;
    let own = cloud.application().await;
    cloud.trust_well(&own, &identity).await;
    let app_id = own["appId"].as_str().unwrap();
    cloud.let_in(&vendor, app_id).await;
    let assertion = cloud.assertion(&identity).await;
    let ask = || cloud.exchange(vendor.tenant_id, app_id, &assertion);
    assert_eq!(refusal(&ask().await), 53_003);
    cloud.forbid(&vendor, &["inboundAccess", "outboundAccess", "administratorConsent"]).await;
    assert_eq!(ask().await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_consent_policy_wants_an_administrator_on_the_page_and_is_content_with_one() {
    let cloud = Cloud::start().await;
    let (application, assertion) = cloud.let_in_and_trusted().await;
    let customer = cloud.customer();
    let page = || link(&customer.tenant_id.to_string(), "/v2.0", &application, &[]);
    cloud.forbid(&customer, &["riskyApplication"]).await;
    let (status, back) = press(&cloud, page(), customer.ordinary_user, "approve").await;
    assert_eq!((status, back), (StatusCode::BAD_REQUEST, None));
    assert_eq!(refusal(&exchange(&cloud, &application, &assertion).await), 900_941);

    let (status, _) = press(&cloud, page(), customer.administrator_user, "approve").await;
    assert_eq!(status, StatusCode::FOUND);
    assert_eq!(
        exchange(&cloud, &application, &assertion).await.0,
        StatusCode::OK,
        "an administrator approved"
    );
}

#[tokio::test]
async fn policies_survive_a_restart() {
    let kept = TempDir::new().unwrap();
    let state = kept.path().join("state");
    let cloud = Cloud::with(|options| options.state = Some(state.clone())).await;
    let (application, assertion) = cloud.let_in_and_trusted().await;
    cloud.forbid(&cloud.customer(), &["conditionalAccess"]).await;
    cloud.sandbox.stop().await;

    let cloud = Cloud::with(|options| options.state = Some(state.clone())).await;
    assert_eq!(refusal(&exchange(&cloud, &application, &assertion).await), 53_003);
}

#[tokio::test]
async fn a_policy_that_nobody_knows_is_refused_with_its_path() {
    let cloud = Cloud::start().await;
    let set = async |tenant: &str, body: Value| {
        let url = format!("{}/control/tenants/{tenant}/policies", cloud.sandbox.own_url());
        let reply = cloud.client.put(url).json(&body).send().await.unwrap();
        (reply.status().as_u16(), reply.json::<Value>().await.unwrap())
    };
    let tenant = cloud.customer().tenant_id.to_string();
    let (status, body) = set(&tenant, json!({ "policies": ["conditionalAccess", "martialLaw"] })).await;
    assert_eq!((status, &body["error"]["path"]), (400, &json!("policies[1]")), "{body}");
    let (status, body) = set(&tenant, json!({})).await;
    assert_eq!(status, 400, "{body}");
    let (status, body) = set("nobody.example", json!({ "policies": [] })).await;
    assert_eq!(status, 404, "{body}");
}
