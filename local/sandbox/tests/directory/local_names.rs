//! The services under names of this machine, without the proxy: the same data, and Azure's names nowhere in the answers.

use std::net::{Ipv4Addr, SocketAddr};

use reqwest::{Certificate, Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{CALLBACK, Cloud, EXCHANGE};

/// A client that knows no proxy and finds the local names at the sandbox's port.
fn local_client(cloud: &Cloud) -> Client {
    let authority = Certificate::from_pem(&std::fs::read(cloud.sandbox.ca_file()).unwrap()).unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, cloud.sandbox.local_names().port()));
    let mut client = Client::builder().no_proxy().tls_certs_only([authority]);
    for name in ["login", "graph", "management", "kept.vault", "gone.vault", "other"] {
        client = client.resolve(&format!("{name}.localhost"), address);
    }
    client.build().unwrap()
}

/// Status, headers and body of an answer in which none of Azure's names may stand, but in tokens.
async fn sent(request: RequestBuilder) -> (StatusCode, String, Value) {
    let reply = request.send().await.unwrap();
    let (status, headers) = (reply.status(), format!("{:?}", reply.headers()));
    let body = reply.text().await.unwrap();
    for name in
        ["login.microsoftonline.com", "graph.microsoft.com", "management.azure.com", "vault.azure.net"]
    {
        assert!(!headers.contains(name) && !body.contains(name), "{name}: {headers}\n{body}");
    }
    (status, headers, serde_json::from_str(&body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn every_service_answers_to_its_local_name_with_local_names() {
    let cloud = Cloud::start().await;
    let (client, names, vendor) = (local_client(&cloud), cloud.sandbox.local_names(), cloud.vendor());
    let token = async |resource: String| {
        let form = [
            ("grant_type", "client_credentials".to_owned()),
            ("client_id", vendor.administrator.client_id.to_string()),
            ("client_secret", vendor.administrator.client_secret.clone()),
            ("scope", format!("{resource}/.default")),
        ];
        let url = format!("{}/{}/oauth2/v2.0/token", names.login_url(), vendor.tenant_id);
        let (status, _, body) = sent(client.post(url).form(&form)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["access_token"].as_str().unwrap().to_owned()
    };
    let discovery =
        format!("{}/{}/v2.0/.well-known/openid-configuration", names.login_url(), vendor.tenant_id);
    let (_, _, document) = sent(client.get(discovery)).await;
    assert_eq!(document["issuer"], format!("{}/{}/v2.0", names.login_url(), vendor.tenant_id));

    // Graph; what is written there under a local name is what Azure's name stands for.
    let graph = token(names.graph_url()).await;
    let body = json!({ "displayName": "Local", "web": { "redirectUris": [CALLBACK] } });
    let url = format!("{}/v1.0/applications", names.graph_url());
    let (status, _, application) = sent(client.post(&url).bearer_auth(&graph).json(&body)).await;
    assert_eq!(status, StatusCode::CREATED, "{application}");
    let context = format!("{}/v1.0/$metadata#applications/$entity", names.graph_url());
    assert_eq!(application["@odata.context"], context);
    let credential = json!({
        "name": "identity", "subject": Uuid::new_v4(), "audiences": [EXCHANGE],
        "issuer": format!("{}/{}/v2.0", names.login_url(), vendor.tenant_id),
    });
    let id = application["id"].as_str().unwrap();
    let url = format!("{url}/{id}/federatedIdentityCredentials");
    let (status, _, made) = sent(client.post(url).bearer_auth(&graph).json(&credential)).await;
    assert_eq!((status, &made["issuer"]), (StatusCode::CREATED, &credential["issuer"]));
    let path = format!("applications/{id}/federatedIdentityCredentials/identity");
    let (_, shown) = cloud.graph(&vendor, Method::GET, &path, None).await;
    assert_eq!(shown["issuer"], cloud.vendor_issuer(), "the same, asked for by Azure's name");

    // Resource Manager.
    let management = token(names.management_url()).await;
    let url = format!("{}/subscriptions?api-version=2022-12-01", names.management_url());
    let (_, _, list) = sent(client.get(url).bearer_auth(&management)).await;
    assert_eq!(list["value"][0]["subscriptionId"], vendor.subscription_id.to_string());
}

#[tokio::test]
async fn a_vault_challenges_with_local_names_and_one_that_is_not_there_has_none() {
    let cloud = Cloud::start().await;
    let (client, names, vendor) = (local_client(&cloud), cloud.sandbox.local_names(), cloud.vendor());
    let group = format!("/subscriptions/{}/resourceGroups/local", vendor.subscription_id);
    let at = |path: &str, version: &str| format!("https://management.azure.com{path}?api-version={version}");
    let location = json!({ "location": vendor.region });
    cloud.call(&vendor, Method::PUT, &at(&group, "2024-11-01"), Some(location)).await;
    let body = json!({ "location": vendor.region, "properties": {
        "tenantId": vendor.tenant_id, "sku": { "name": "standard", "family": "A" }, "accessPolicies": [],
        "enableRbacAuthorization": true,
    }});
    let vault = at(&format!("{group}/providers/Microsoft.KeyVault/vaults/kept"), "2023-07-01");
    let (status, made) = cloud.call(&vendor, Method::PUT, &vault, Some(body)).await;
    assert!(status.is_success(), "{made}");

    let keys = |vault: &str| format!("https://{vault}{}/keys?api-version=7.5", names.vault_suffix());
    let (status, headers, _) = sent(client.get(keys("kept"))).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(headers.contains(&format!("{}/{}", names.login_url(), vendor.tenant_id)), "{headers}");
    assert!(headers.contains(&format!("https://vault.localhost:{}", names.port())), "{headers}");
    assert_eq!(sent(client.get(keys("gone"))).await.0, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn the_certificate_is_for_the_local_names_alone() {
    let cloud = Cloud::start().await;
    let client = local_client(&cloud);
    let port = cloud.sandbox.local_names().port();
    let stranger = client.get(format!("https://other.localhost:{port}/"));
    assert!(stranger.send().await.is_err());
    let known = client.get(format!("https://login.localhost:{port}/common/discovery/keys"));
    assert_eq!(known.send().await.unwrap().status(), StatusCode::OK);
}
