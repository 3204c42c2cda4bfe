//! What a restart keeps, and what it does with a state that is none.

use std::os::unix::fs::PermissionsExt;

use reqwest::{Method, StatusCode};
use sandbox::{Options, Sandbox, StartError, StateFileError};
use tempfile::TempDir;

use crate::support::{Cloud, EXCHANGE, options};

fn saving(folder: &TempDir) -> Options {
    Options { state: Some(folder.path().join("state")), ..options(folder) }
}

#[tokio::test]
async fn tenants_secrets_keys_and_tokens_survive_a_restart() {
    let kept = TempDir::new().unwrap();
    let state = kept.path().join("state");
    let first = Cloud::with(|options| options.state = Some(state.clone())).await;
    let (application, identity) =
        (first.application().await, first.identity(&first.vendor(), "function-app").await);
    first.trust_well(&application, &identity).await;
    let app_id = application["appId"].as_str().unwrap();
    first.let_in(&first.customer(), app_id).await;
    let assertion = first.assertion(&identity).await;
    let header = first.sandbox.identity_header().to_owned();
    let (vendor, customer) = (first.vendor(), first.customer());
    let graph_token = first.administrator_token(&vendor, "https://graph.microsoft.com/.default").await;
    first.sandbox.stop().await;

    let file = state.join("sandbox.json");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    let second = Cloud::with(|options| options.state = Some(state.clone())).await;
    assert_eq!(second.vendor().tenant_id, vendor.tenant_id);
    assert_eq!(second.customer().administrator.client_secret, customer.administrator.client_secret);
    assert_eq!(second.sandbox.identity_header(), header);
    let (status, body) = second.exchange(customer.tenant_id, app_id, &assertion).await;
    assert_eq!(status, StatusCode::OK, "an assertion of before the restart: {body}");
    let url = "https://graph.microsoft.com/v1.0/applications";
    let reply = second.client.get(url).bearer_auth(graph_token).send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::OK, "a token of before the restart");
    let (_, found) =
        second.graph(&vendor, Method::GET, &format!("applications(appId='{app_id}')"), None).await;
    assert_eq!(found["id"], application["id"]);
    let client_id = identity["properties"]["clientId"].as_str().unwrap();
    assert_eq!(second.identity_token(EXCHANGE, client_id).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_file_that_is_no_state_stops_the_start_and_stays_as_it_is() {
    for content in ["", "{", "{}", "[1,2]", "hello"] {
        let folder = TempDir::new().unwrap();
        let state = folder.path().join("state");
        std::fs::create_dir(&state).unwrap();
        std::fs::write(state.join("sandbox.json"), content).unwrap();
        let error = Sandbox::start(saving(&folder)).await.err().unwrap();
        assert!(matches!(error, StartError::State(StateFileError::NotAState { .. })), "{content}: {error}");
        assert!(error.to_string().contains("sandbox.json"), "{error}");
        assert_eq!(std::fs::read_to_string(state.join("sandbox.json")).unwrap(), content);
    }
}

#[tokio::test]
async fn a_state_that_can_no_longer_be_saved_is_not_answered_from() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state");
    let cloud = Cloud::with(|options| options.state = Some(state.clone())).await;
    let token = cloud.administrator_token(&cloud.vendor(), "https://graph.microsoft.com/.default").await;
    std::fs::remove_dir_all(&state).unwrap();
    let url = "https://graph.microsoft.com/v1.0/applications";
    let body = serde_json::json!({"displayName": "lost"});
    let reply = cloud.client.post(url).bearer_auth(&token).json(&body).send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let reply = cloud.client.get(url).bearer_auth(&token).send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(reply.text().await.unwrap().contains("could not save"));
}
