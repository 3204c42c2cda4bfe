//! What is there and not as it should be.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ARM, Estate, GRAPH, credential, id, with};

/// Something that somebody changed: address, method and body.
async fn spoil(estate: &Estate) {
    let application = estate.application("Latchkey").await;
    let object = format!("{GRAPH}/v1.0/applications/{}", id(&application));
    let body = json!({
        "signInAudience": "AzureADMyOrg",
        "requiredResourceAccess": [{ "resourceAppId": "00000003-0000-0000-c000-000000000000", "resourceAccess": [
            { "id": "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9", "type": "Role" }
        ]}],
        "servicePrincipalLockConfiguration": { "isEnabled": false, "allProperties": true },
        "web": { "redirectUris": ["https://elsewhere.example.org/"] },
    });
    estate.azure(Method::PATCH, &object, Some(body)).await;
    estate.azure(Method::POST, &format!("{object}/addPassword"), Some(json!({}))).await;
    let principal =
        format!("{GRAPH}/v1.0/servicePrincipals(appId='{}')", application["appId"].as_str().unwrap());
    estate.azure(Method::PATCH, &principal, Some(json!({ "accountEnabled": false }))).await;
    let credentials = format!("{object}/federatedIdentityCredentials");
    let ours = id(&estate.credentials().await[0]);
    let slash = format!("https://login.microsoftonline.com/{}/v2.0/", estate.vendor.tenant_id);
    estate.azure(Method::PATCH, &format!("{credentials}/{ours}"), Some(json!({ "issuer": slash }))).await;
    estate.azure(Method::POST, &credentials, Some(credential("github", "repo:contoso/app"))).await;

    let authorization = format!("{ARM}{}/providers/Microsoft.Authorization", estate.group());
    let filter = "api-version=2022-04-01&$filter=type eq 'CustomRole'";
    let roles = estate.azure(Method::GET, &format!("{authorization}/roleDefinitions?{filter}"), None).await;
    let mut roles = roles["value"].as_array().unwrap().clone();
    roles.retain(|role| role["properties"]["roleName"].as_str().unwrap().contains("disksRole"));
    let mut role = roles.remove(0);
    let actions = role["properties"]["permissions"][0]["actions"].as_array_mut().unwrap();
    actions.retain(|action| action != "Microsoft.Compute/disks/write");
    actions.push(json!("Microsoft.Compute/virtualMachines/delete"));
    let address = format!("{ARM}{}?api-version=2022-04-01", id(&role));
    estate.azure(Method::PUT, &address, Some(json!({ "properties": role["properties"] }))).await;
    let contributor = format!(
        "/subscriptions/{}/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c",
        estate.vendor.subscription_id
    );
    let identity = format!("{ARM}{}?api-version=2024-11-30", estate.identity());
    let identity = estate.azure(Method::GET, &identity, None).await;
    let assign = json!({ "properties": {
        "roleDefinitionId": contributor,
        "principalId": identity["properties"]["principalId"],
        "principalType": "ServicePrincipal",
    }});
    let name = "roleAssignments/c0000000-0000-4000-8000-000000000000?api-version=2022-04-01";
    estate.azure(Method::PUT, &format!("{authorization}/{name}"), Some(assign)).await;
}

/// Every difference: what, which property, and whether a person has to mend it.
fn differences(document: &Value) -> Vec<(String, String, bool)> {
    let mut all = Vec::new();
    for line in document["plan"].as_array().unwrap() {
        for one in line["differences"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            all.push((text(&line["kind"]), text(&one["property"]), one["byHand"].is_string()));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_named_and_changed_only_with_consent() {
    let estate = Estate::empty().await;
    let all = with(&estate.all(), &["--yes"]);
    estate.setup(&all).await.ends(0);
    spoil(&estate).await;

    let named = estate.setup(&all).await.ends(3);
    assert_eq!(named.writes, 0, "--yes alone changes nothing that is there");
    let of = |kind: &str, property: &str, by_hand| (kind.to_owned(), property.to_owned(), by_hand);
    let expected = [
        of("application", "signInAudience", false),
        of("application", "requiredResourceAccess", false),
        of("application", "servicePrincipalLockConfiguration.isEnabled", false),
        of("application", "passwordCredentials", true),
        of("servicePrincipal", "accountEnabled", false),
        of("redirectUri", "web.redirectUris", false),
        of("federatedCredential", "issuer", false),
        of("disksRole", "actions", false),
        of("disksRole", "actions", false),
    ];
    assert_eq!(differences(&named.document()), expected);
    let notes = named.document()["notes"].to_string();
    assert!(notes.contains("repo:contoso/app") && notes.contains("Contributor"), "{notes}");
    assert_eq!(named.document()["federatedCredentials"]["used"], 2);

    let mended = estate.setup(&with(&all, &["--mend"])).await.ends(3);
    assert!(mended.writes > 0);
    // What only a person can know about, and what others made, is there as before.
    assert_eq!(differences(&mended.document()), [of("application", "passwordCredentials", true)]);
    assert_eq!(mended.document()["notes"], named.document()["notes"]);
    assert_eq!(estate.credentials().await.len(), 2);

    let application = estate.application("Latchkey").await;
    let key = application["passwordCredentials"][0]["keyId"].as_str().unwrap();
    let cure =
        format!("az ad app credential delete --id {} --key-id {key}", application["appId"].as_str().unwrap());
    assert!(mended.stdout.contains(&cure), "{}", mended.stdout);
    assert_eq!(estate.setup(&with(&all, &["--mend"])).await.ends(3).writes, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_with_twenty_credentials_takes_no_more() {
    let estate = Estate::empty().await;
    estate.setup(&with(&[], &["--yes"])).await.ends(0);
    let application = estate.application("Latchkey").await;
    let url = format!("{GRAPH}/v1.0/applications/{}/federatedIdentityCredentials", id(&application));
    for number in 0..20 {
        let body = credential(&format!("other-{number}"), &format!("repo:{number}"));
        estate.azure(Method::POST, &url, Some(body)).await;
    }
    let ran = estate.setup(&with(&estate.all(), &["--yes"])).await.ends(1);
    assert!(ran.stderr.contains("20 federated credentials"), "{}", ran.stderr);
    assert_eq!(estate.credentials().await.len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_not_signed_in_or_may_not_is_told_what_to_do() {
    let estate = Estate::empty().await;
    let tenant = estate.vendor.tenant_id.to_string();
    let arguments = with(&[], &["--yes", "--tenant", &tenant]);

    let nothing = estate.folder.path().join("nothing");
    let ran = estate.run(estate.command("setup", &arguments, nothing)).await.ends(1);
    assert!(ran.stderr.contains("az) is not installed"), "{}", ran.stderr);

    // The played az is asked for a tenant that it does not know.
    let ran = estate.run(estate.command("setup", &arguments, estate.folder.path().join("bin"))).await.ends(1);
    assert!(ran.stderr.contains("az login"), "{}", ran.stderr);

    let alone = with(&[], &["--login", "device-code"]);
    let ran = estate.run(estate.command("setup", &alone, estate.folder.path().join("bin"))).await.ends(1);
    assert!(ran.stderr.contains("--tenant"), "{}", ran.stderr);

    let deployed =
        with(&[], &["--yes", "--identity", &estate.identity(), "--public-url", crate::support::URL]);
    let ran = estate.setup(&deployed).await.ends(1);
    assert!(ran.stderr.contains("resource group"), "{}", ran.stderr);
}
