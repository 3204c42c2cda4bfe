//! The token endpoint: who gets a token, what it says, and every refusal by its number.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Cloud, EXCHANGE, VAULT_SCOPE, claims, refusal};

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).unwrap().as_str().unwrap()
}

#[tokio::test]
async fn the_managed_identity_speaks_for_the_application_in_the_customers_tenant() {
    let cloud = Cloud::start().await;
    let (application, identity) =
        (cloud.application().await, cloud.identity(&cloud.vendor(), "function-app").await);
    cloud.trust_well(&application, &identity).await;
    let principal = cloud.let_in(&cloud.customer(), text(&application, "/appId")).await;

    let assertion = cloud.assertion(&identity).await;
    let tenant = cloud.customer().tenant_id;
    let (status, body) = cloud.exchange(tenant, text(&application, "/appId"), &assertion).await;

    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 3599);
    let claims = claims(text(&body, "/access_token"));
    assert_eq!(claims["aud"], "https://vault.azure.net");
    assert_eq!(claims["iss"], format!("https://sts.windows.net/{tenant}/"));
    assert_eq!(claims["tid"], tenant.to_string());
    assert_eq!(claims["oid"], principal["id"]);
    assert_eq!(claims["appid"], application["appId"]);
    assert_eq!(claims["idtyp"], "app");
}

/// A federated credential that differs from the assertion by a hair, and the number that it earns.
#[tokio::test]
async fn issuer_subject_and_audience_are_compared_byte_for_byte() {
    let cloud = Cloud::start().await;
    let identity = cloud.identity(&cloud.vendor(), "function-app").await;
    let assertion = cloud.assertion(&identity).await;
    let (issuer, subject) = (cloud.vendor_issuer(), text(&identity, "/properties/principalId").to_owned());
    let upper = subject.to_uppercase();
    assert_ne!(subject, upper);

    for (issuer, subject, audience, code) in [
        (format!("{issuer}/"), subject.clone(), EXCHANGE, 700_211),
        (issuer.to_uppercase(), subject.clone(), EXCHANGE, 700_211),
        (issuer.clone(), Uuid::new_v4().to_string(), EXCHANGE, 700_213),
        (issuer.clone(), text(&identity, "/properties/clientId").to_owned(), EXCHANGE, 700_213),
        (issuer.clone(), upper, EXCHANGE, 7_002_138),
        (issuer.clone(), subject.clone(), "api://azureadtokenexchange", 700_212),
        (issuer.clone(), subject.clone(), "api://AzureADTokenExchangeChina", 700_212),
    ] {
        let application = cloud.application().await;
        cloud.let_in(&cloud.customer(), text(&application, "/appId")).await;
        cloud.trust(&application, "almost", &issuer, &subject, audience).await;
        let answer =
            cloud.exchange(cloud.customer().tenant_id, text(&application, "/appId"), &assertion).await;
        assert_eq!(refusal(&answer), code, "{issuer} {subject} {audience}");
        if code == 7_002_138 {
            let words = text(&answer.1, "/error_description");
            assert!(
                words.contains(
                    "presented assertion. See documentation at: https://learn.microsoft.com/entra/"
                )
            );
            assert!(words.contains("reference-breaking-changes#august-2024. Trace ID: "), "{words}");
        }
    }
}

#[tokio::test]
async fn an_application_without_federated_credential_trusts_nobody() {
    let cloud = Cloud::start().await;
    let (application, identity) =
        (cloud.application().await, cloud.identity(&cloud.vendor(), "function-app").await);
    let assertion = cloud.assertion(&identity).await;
    let answer = cloud.exchange(cloud.customer().tenant_id, text(&application, "/appId"), &assertion).await;
    assert_eq!(refusal(&answer), 70_021);
}

#[tokio::test]
async fn a_federated_credential_takes_its_time_to_spread() {
    let cloud = Cloud::with(|options| options.lags.federated_credential = Duration::from_secs(300)).await;
    let (application, identity) =
        (cloud.application().await, cloud.identity(&cloud.vendor(), "function-app").await);
    cloud.let_in(&cloud.customer(), text(&application, "/appId")).await;
    cloud.trust_well(&application, &identity).await;
    let assertion = cloud.assertion(&identity).await;
    let tenant = cloud.customer().tenant_id;

    let early = cloud.exchange(tenant, text(&application, "/appId"), &assertion).await;
    assert_eq!(refusal(&early), 70_021);
    cloud.sandbox.advance_clock(Duration::from_secs(301));
    let later = cloud.exchange(tenant, text(&application, "/appId"), &assertion).await;
    assert_eq!(later.0, StatusCode::OK, "{}", later.1);
}

#[tokio::test]
async fn a_service_principal_is_missed_until_it_has_spread_and_again_once_it_is_gone() {
    let cloud = Cloud::with(|options| options.lags.service_principal = Duration::from_secs(60)).await;
    let (application, identity) =
        (cloud.application().await, cloud.identity(&cloud.vendor(), "function-app").await);
    cloud.trust_well(&application, &identity).await;
    let (customer, app_id) = (cloud.customer(), text(&application, "/appId"));
    let assertion = cloud.assertion(&identity).await;
    let ask = || cloud.exchange(customer.tenant_id, app_id, &assertion);

    assert_eq!(refusal(&ask().await), 7_000_229, "before consent");
    let principal = cloud.let_in(&customer, app_id).await;
    assert_eq!(refusal(&ask().await), 7_000_229, "while it spreads");
    cloud.sandbox.advance_clock(Duration::from_secs(61));
    assert_eq!(ask().await.0, StatusCode::OK);

    let path = format!("servicePrincipals/{}", text(&principal, "/id"));
    let disable = Some(json!({"accountEnabled": false}));
    let (status, _) = cloud.graph(&customer, Method::PATCH, &path, disable).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(refusal(&ask().await), 7_000_112, "disabled");

    let (status, _) = cloud.graph(&customer, Method::DELETE, &path, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(refusal(&ask().await), 7_000_229, "deleted");
}

#[tokio::test]
async fn a_request_that_is_wrong_is_told_how_by_number() {
    let cloud = Cloud::start().await;
    let customer = cloud.customer();
    let (tenant, nowhere) = (customer.tenant_id.to_string(), Uuid::new_v4().to_string());
    let client_id = customer.administrator.client_id.to_string();
    let vendors_client_id = cloud.vendor().administrator.client_id.to_string();
    let secret = customer.administrator.client_secret.as_str();

    let good = [
        ("grant_type", "client_credentials"),
        ("client_id", client_id.as_str()),
        ("client_secret", secret),
        ("scope", VAULT_SCOPE),
    ];
    let changed = |name: &'static str, value: &'static str| {
        let mut form: Vec<(String, String)> =
            good.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        form.retain(|(known, _)| known != name);
        form.push((name.to_owned(), value.to_owned()));
        form
    };
    let with_client = |client_id: &str| {
        let mut form = changed("client_id", "");
        form.retain(|(name, _)| name != "client_id");
        form.push(("client_id".to_owned(), client_id.to_owned()));
        form
    };
    let mut resourceless = changed("scope", "");
    resourceless.push(("other".to_owned(), "x".to_owned()));

    for (why, tenant, form, code) in [
        ("no such tenant", nowhere.as_str(), changed("x", "y"), 90_002),
        ("no tenant at all", "common", changed("x", "y"), 50_059),
        ("no such application", tenant.as_str(), with_client(&nowhere), 700_016),
        ("single-tenant application of another tenant", &tenant, with_client(&vendors_client_id), 700_016),
        ("not even an id", &tenant, with_client("x"), 700_016),
        ("wrong secret", &tenant, changed("client_secret", "wrong"), 7_000_215),
        ("no proof", &tenant, changed("client_secret", ""), 7_000_218),
        ("no scope", &tenant, resourceless, 900_144),
        ("no client", &tenant, with_client(""), 900_144),
        ("no .default", &tenant, changed("scope", "https://vault.azure.net/user_impersonation"), 1_002_012),
        ("two scopes", &tenant, changed("scope", "a/.default b/.default"), 1_002_012),
        ("unknown resource", &tenant, changed("scope", "https://example.org/.default"), 500_011),
        ("unknown grant", &tenant, changed("grant_type", "implicit"), 70_003),
    ] {
        let form: Vec<(&str, &str)> =
            form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(refusal(&cloud.token_request(tenant, &form).await), code, "{why}");
    }
    assert_eq!(cloud.token_request(&tenant, &good).await.0, StatusCode::OK);
    assert_eq!(cloud.token_request(&customer.domain, &good).await.0, StatusCode::OK, "by domain");
}

#[tokio::test]
async fn an_assertion_that_entra_did_not_make_for_an_identity_is_refused() {
    let cloud = Cloud::start().await;
    let (application, identity) =
        (cloud.application().await, cloud.identity(&cloud.vendor(), "function-app").await);
    cloud.trust_well(&application, &identity).await;
    let customer = cloud.customer();
    cloud.let_in(&customer, text(&application, "/appId")).await;

    let good = cloud.assertion(&identity).await;
    let other = cloud.assertion(&cloud.identity(&cloud.vendor(), "other").await).await;
    let parts: Vec<&str> = good.split('.').collect();
    let other_parts: Vec<&str> = other.split('.').collect();
    let forged = format!("{}.{}.{}", parts[0], other_parts[1], parts[2]);
    let of_an_application =
        cloud.administrator_token(&cloud.vendor(), "api://AzureADTokenExchange/.default").await;

    for (why, assertion, code) in [
        ("claims of another", forged.as_str(), 700_027),
        ("no token", "x", 50_027),
        ("three parts of nothing", "a.b.c", 50_027),
        ("an application's token", of_an_application.as_str(), 700_222),
        ("another identity's", other.as_str(), 700_213),
    ] {
        let answer = cloud.exchange(customer.tenant_id, text(&application, "/appId"), assertion).await;
        assert_eq!(refusal(&answer), code, "{why}");
    }
    cloud.sandbox.advance_clock(Duration::from_secs(25 * 3600));
    let late = cloud.exchange(customer.tenant_id, text(&application, "/appId"), &good).await;
    assert_eq!(refusal(&late), 700_024);
    let (words, times) = (text(&late.1, "/error_description"), claims(&good));
    let moment = |claim: &str| {
        let moment = time::OffsetDateTime::from_unix_timestamp(times[claim].as_i64().unwrap()).unwrap();
        let (hour, minute, second) = moment.to_hms();
        format!("{}T{hour:02}:{minute:02}:{second:02}.0000000Z", moment.date())
    };
    let expected = format!(
        ", assertion valid from {}, expiry time of assertion {}. Review",
        moment("nbf"),
        moment("exp")
    );
    assert!(words.contains(&expected), "{words}, not {expected}");
}

#[tokio::test]
async fn an_identity_of_another_tenant_than_the_applications_is_refused() {
    let cloud = Cloud::start().await;
    let customer = cloud.customer();
    let (application, identity) = (cloud.application().await, cloud.identity(&customer, "foreign").await);
    let issuer = format!("https://login.microsoftonline.com/{}/v2.0", customer.tenant_id);
    let subject = text(&identity, "/properties/principalId");
    cloud.trust(&application, "foreign", &issuer, subject, EXCHANGE).await;
    let assertion = cloud.assertion(&identity).await;
    let answer = cloud.exchange(customer.tenant_id, text(&application, "/appId"), &assertion).await;
    assert_eq!(refusal(&answer), 700_236);
}

#[tokio::test]
async fn the_older_endpoint_writes_its_numbers_as_strings() {
    let cloud = Cloud::start().await;
    let customer = cloud.customer();
    let url = format!("https://login.microsoftonline.com/{}/oauth2/token", customer.tenant_id);
    let client_id = customer.administrator.client_id.to_string();
    let resource = "20e940b3-4c77-4b0b-9a53-9e16a1b010a7";
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", client_id.as_str()),
        ("client_secret", customer.administrator.client_secret.as_str()),
        ("resource", resource),
    ];
    let body: Value = cloud.client.post(url).form(&form).send().await.unwrap().json().await.unwrap();
    assert_eq!(body["expires_in"], "3599");
    assert!(text(&body, "/expires_on").parse::<i64>().unwrap() > 1_700_000_000);
    assert_eq!(body["resource"], resource);
    assert_eq!(claims(text(&body, "/access_token"))["aud"], resource);
}

#[tokio::test]
async fn a_double_slash_in_the_scope_leaves_one_in_the_audience() {
    let cloud = Cloud::start().await;
    let scope = "https://management.core.windows.net//.default";
    let token = cloud.administrator_token(&cloud.vendor(), scope).await;
    assert_eq!(claims(&token)["aud"], "https://management.core.windows.net/");
}

#[tokio::test]
async fn discovery_leads_to_the_key_that_signs() {
    let cloud = Cloud::start().await;
    let tenant = cloud.vendor().tenant_id;
    let get = async |path: String| -> Value {
        let url = format!("https://login.microsoftonline.com/{path}");
        cloud.client.get(url).send().await.unwrap().json().await.unwrap()
    };
    let document = get(format!("{tenant}/v2.0/.well-known/openid-configuration")).await;
    assert_eq!(document["issuer"], format!("https://login.microsoftonline.com/{tenant}/v2.0"));
    let keys_url = format!("https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys");
    assert_eq!(document["jwks_uri"], keys_url);

    for several in ["common", "organizations"] {
        let document = get(format!("{several}/v2.0/.well-known/openid-configuration")).await;
        assert_eq!(document["issuer"], "https://login.microsoftonline.com/{tenantid}/v2.0");
    }
    let unknown = get(format!("{}/v2.0/.well-known/openid-configuration", Uuid::new_v4())).await;
    assert_eq!(unknown["error_codes"][0], 90_002);

    let keys = get(format!("{tenant}/discovery/v2.0/keys")).await;
    assert_eq!(keys, get("common/discovery/keys".to_owned()).await);
    let token = cloud.administrator_token(&cloud.vendor(), VAULT_SCOPE).await;
    assert!(is_signed_by(&token, &keys["keys"][0]), "{keys}");
}

fn is_signed_by(token: &str, key: &Value) -> bool {
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

    let (signed, signature) = token.rsplit_once('.').unwrap();
    let number = |name: &str| BASE64.decode(key[name].as_str().unwrap()).unwrap();
    let header: Value =
        serde_json::from_slice(&BASE64.decode(token.split('.').next().unwrap()).unwrap()).unwrap();
    assert_eq!(header["kid"], key["kid"]);
    RsaPublicKeyComponents { n: number("n"), e: number("e") }
        .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &BASE64.decode(signature).unwrap())
        .is_ok()
}
