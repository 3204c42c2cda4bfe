//! An empty tenant and an empty subscription.

use reqwest::Method;
use serde_json::json;

use crate::support::{ARM, Estate, GRAPH, URL, id, with};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_nothing_everything_is_made_and_a_second_run_changes_nothing() {
    let estate = Estate::empty().await;
    let all = estate.all();

    let planned = estate.setup(&with(&all, &["--dry-run"])).await.ends(0);
    assert_eq!(planned.writes, 0);
    assert!(planned.states().iter().all(|(_, state)| state == "missing"), "{}", planned.stdout);
    let refused = estate.setup(&all).await.ends(6);
    assert_eq!(refused.writes, 0, "without a terminal somebody has to say --yes");

    let made = estate.setup(&with(&all, &["--yes"])).await.ends(0);
    assert!(made.writes > 0);
    assert!(made.states().iter().all(|(_, state)| state == "right"), "{}", made.stdout);
    let document = made.document();
    assert!(document["plan"].as_array().unwrap().iter().all(|line| line["done"] == "made"), "{document:#}");

    let again = estate.setup(&with(&all, &["--yes"])).await.ends(0);
    assert_eq!(again.writes, 0, "{}", again.stdout);
    assert_eq!(again.document()["changed"], false);
    assert_eq!(again.states(), made.states());

    let application = estate.application("Latchkey").await;
    for (pointer, should) in [
        ("/signInAudience", json!("AzureADMultipleOrgs")),
        ("/requiredResourceAccess", json!([])),
        ("/appRoles", json!([])),
        ("/passwordCredentials", json!([])),
        ("/web/redirectUris", json!([format!("{URL}/api/consent/callback")])),
        ("/servicePrincipalLockConfiguration/isEnabled", json!(true)),
        ("/servicePrincipalLockConfiguration/allProperties", json!(true)),
    ] {
        assert_eq!(application.pointer(pointer), Some(&should), "{pointer}");
    }
    let sign_in = estate.application("Latchkey sign-in").await;
    assert_eq!(sign_in["signInAudience"], "AzureADMyOrg");
    assert_eq!(sign_in["appRoles"].as_array().unwrap().len(), 3);

    let identity = &document["managedIdentity"];
    let credentials = estate.credentials().await;
    assert_eq!(credentials.len(), 1);
    assert_eq!(credentials[0]["subject"], identity["principalId"]);
    assert_eq!(
        credentials[0]["issuer"],
        format!("https://login.microsoftonline.com/{}/v2.0", estate.vendor.tenant_id)
    );
    assert_eq!(credentials[0]["audiences"], json!(["api://AzureADTokenExchange"]));
    assert_eq!(document["federatedCredentials"], json!({ "used": 1, "most": 20 }));

    let settings = &document["settings"];
    assert_eq!(settings["LATCHKEY_APPLICATION_ID"], application["appId"]);
    assert_eq!(settings["LATCHKEY_MANAGED_IDENTITY_CLIENT_ID"], identity["clientId"]);
    assert_eq!(settings["LATCHKEY_MANAGED_IDENTITY_ID"], estate.identity());
    assert_eq!(settings["LATCHKEY_RESOURCE_GROUP"], "rg-latchkey");
    assert_eq!(settings["LATCHKEY_PUBLIC_URL"], URL);
    let paste = &document["partnerCenter"];
    assert_eq!(paste["landingPageUrl"], format!("{URL}/api/signup"));
    assert_eq!(paste["connectionWebhook"], format!("{URL}/api/marketplace/webhook"));
    assert_eq!(paste["applicationId"], application["appId"]);
    assert_eq!(document["publisher"]["verified"], false);
    assert_eq!(document["notes"], json!([]), "nothing that was made is more than is needed");
    estate.save_har("setup");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_run_makes_the_application_and_the_second_what_only_exists_after_the_deployment() {
    let estate = Estate::empty().await;
    let first = estate.setup(&with(&[], &["--yes", "--json", "--no-sign-in-application"])).await.ends(0);
    let later: Vec<String> =
        first.states().into_iter().filter(|(_, state)| state == "later").map(|(kind, _)| kind).collect();
    assert_eq!(later, ["redirectUri", "managedIdentity", "federatedCredential", "disksRole", "identityRole"]);
    let application = first.document()["settings"]["LATCHKEY_APPLICATION_ID"].clone();
    assert!(first.stdout.contains("azd up"), "{}", first.stdout);

    // What infra/ deploys, under names of its own.
    let group = format!("{ARM}{}", estate.group());
    let identity = format!("{ARM}{}", estate.identity());
    let west = json!({ "location": "westeurope" });
    estate.azure(Method::PUT, &format!("{group}?api-version=2024-11-01"), Some(west.clone())).await;
    let made = estate.azure(Method::PUT, &format!("{identity}?api-version=2024-11-30"), Some(west)).await;
    let actions = |file| -> serde_json::Value { serde_json::from_str(file).unwrap() };
    for (number, scope, actions) in [
        (1, &group, actions(include_str!("../../../../infra/disk-actions.json"))),
        (2, &identity, actions(include_str!("../../../../infra/identity-actions.json"))),
    ] {
        let authorization = "providers/Microsoft.Authorization";
        let name = format!("{number}0000000-0000-4000-8000-000000000000");
        let role = format!("{group}/{authorization}/roleDefinitions/{name}?api-version=2022-04-01");
        let body = json!({ "properties": {
            "roleName": format!("Latchkey {number}"),
            "description": "",
            "type": "CustomRole",
            "assignableScopes": [estate.group()],
            "permissions": [{ "actions": actions }],
        }});
        let role = estate.azure(Method::PUT, &role, Some(body)).await;
        let assignment = format!("{scope}/{authorization}/roleAssignments/{name}?api-version=2022-04-01");
        let body = json!({ "properties": {
            "roleDefinitionId": role["id"],
            "principalId": made["properties"]["principalId"],
            "principalType": "ServicePrincipal",
        }});
        estate.azure(Method::PUT, &assignment, Some(body)).await;
    }

    let after = ["--identity", &estate.identity(), "--public-url", URL, "--no-sign-in-application"];
    let after = with(&[], &[&after[..], &["--yes", "--json"]].concat());
    let second = estate.setup(&after).await.ends(0);
    assert_eq!(second.writes, 2, "the redirect URI and the credential: {}", second.stderr);
    assert!(second.states().iter().all(|(_, state)| state == "right"), "{}", second.stdout);
    assert_eq!(second.document()["settings"]["LATCHKEY_APPLICATION_ID"], application);
    assert_eq!(second.document()["notes"], json!([]));
    assert_eq!(estate.setup(&after).await.ends(0).writes, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_applications_of_the_same_name_have_to_be_told_apart() {
    let estate = Estate::empty().await;
    for _ in 0..2 {
        let body = json!({ "displayName": "Latchkey" });
        estate.azure(Method::POST, &format!("{GRAPH}/v1.0/applications"), Some(body)).await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(1600)).await;
    let ran = estate.setup(&with(&[], &["--yes"])).await.ends(1);
    assert!(ran.stderr.contains("2 applications") && ran.stderr.contains("--application"), "{}", ran.stderr);
    assert_eq!(ran.writes, 0);

    let found = estate.azure(Method::GET, &format!("{GRAPH}/v1.0/applications"), None).await;
    let ours =
        found["value"].as_array().unwrap().iter().find(|one| one["displayName"] == "Latchkey").unwrap();
    let chosen = ours["appId"].as_str().unwrap();
    let ran = estate.setup(&with(&[], &["--dry-run", "--json", "--application", chosen])).await.ends(3);
    assert_eq!(ran.document()["application"]["objectId"], id(ours));
}
