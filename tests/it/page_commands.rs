//! The commands on the onboarding's page, run as they stand there by Microsoft's `az` for a person who owns an empty
//! subscription and nothing more. Skipped where `LATCHKEY_AZ` does not name it, unless `LATCHKEY_REQUIRE_JUDGES=1`.

use std::{io::Write as _, path::Path, process::Stdio, time::Duration};

use local_world::world::LocalWorld;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{
    a_world_of, check_again, facts_of, options, plain_client, play, sign_up, until, until_blocked,
};

async fn control(world: &LocalWorld, path: &str, body: &Value) -> Value {
    let url = format!("{}/control/{path}", world.sandbox().own_url());
    let reply = plain_client().post(url).json(body).send().await.unwrap();
    assert!(reply.status().is_success(), "{path}: {}", reply.status());
    reply.json().await.unwrap()
}

/// Somebody who owns an empty subscription: how to sign in.
async fn owner_of_an_empty_subscription(world: &LocalWorld) -> String {
    let tenant = world.sandbox().seed().customer.tenant_id;
    let person =
        control(world, &format!("tenants/{tenant}/users"), &json!({"displayName": "Key owner"})).await;
    let subscription =
        control(world, &format!("tenants/{tenant}/subscriptions"), &json!({"displayName": "Keys"})).await;
    let scope = format!("/subscriptions/{}", subscription["subscriptionId"].as_str().unwrap());
    let owner = json!({"principalId": person["objectId"], "role": "Owner", "scope": scope});
    control(world, "roles", &owner).await;
    person["userPrincipalName"].as_str().unwrap().to_owned()
}

/// The program; or that it is skipped is said.
fn az() -> Option<std::ffi::OsString> {
    let az = std::env::var_os("LATCHKEY_AZ");
    if az.is_none() {
        let required = std::env::var("LATCHKEY_REQUIRE_JUDGES").is_ok_and(|value| value == "1");
        assert!(!required, "LATCHKEY_REQUIRE_JUDGES is set, but LATCHKEY_AZ names no az");
        let line = "SKIPPED: the page's commands are not judged: LATCHKEY_AZ is not set\n";
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    az
}

/// A script with commands of the page, run by `az` for this person; answers what it said.
async fn played(
    world: &LocalWorld,
    (az, script): (&std::ffi::OsStr, &str),
    person: &str,
    commands: &[String],
) -> (bool, String) {
    let work = tempfile::tempdir().unwrap();
    let file = work.path().join("commands");
    std::fs::write(&file, commands.join("\n") + "\n").unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/judges/azure").join(script);
    let sandbox = world.sandbox();
    let output = Command::new("bash")
        .arg(script)
        .env("AZ", az)
        .env("WORK", work.path())
        .env("COMMANDS", &file)
        .env("VAULT_NAME", "owned-keys")
        .env("VENDOR_USER", "nobody")
        .env("CUSTOMER_USER", person)
        .env("CUSTOMER_TENANT", sandbox.seed().customer.tenant_id.to_string())
        .env("HTTPS_PROXY", sandbox.proxy_url())
        .env("HTTP_PROXY", sandbox.proxy_url())
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env("REQUESTS_CA_BUNDLE", sandbox.ca_file())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let said = [&output.stdout[..], &output.stderr[..]].map(|out| String::from_utf8_lossy(out).into_owned());
    (output.status.success() && said[0].contains("passed  "), said.concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_page_work_as_they_stand_for_an_owner_of_an_empty_subscription() {
    let Some(az) = az() else { return };
    let mut options = options();
    options.lags.role_assignment = Duration::ZERO;
    let world = a_world_of(options).await;
    let page = sign_up(&world).await.page;
    world.customer().consent(&page).await.unwrap();
    let view = until_blocked(&world, &page, "key-not-shared").await;
    let commands: Vec<String> =
        view.blocker.unwrap().mend.into_iter().filter(|line| line.starts_with("az ")).collect();
    let person = owner_of_an_empty_subscription(&world).await;
    let (passed, said) = played(&world, (&az, "page.sh"), &person, &commands).await;
    assert!(passed, "{commands:#?}\n{said}");
    world.customer().share_key(&page, "https://owned-keys.vault.azure.net/keys/disks").await.unwrap();
    until(&world, &page, "active").await;
    world.stop().await;
}

/// What the customer removes in the end. The tenant's administrator may delete keys only with a role for that.
#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_last_page_take_everything_away_as_they_stand() {
    let Some(az) = az() else { return };
    let mut options = options();
    options.lags.role_assignment = Duration::ZERO;
    let at_once = [("LATCHKEY_LEAVING_HOLD_SECONDS", "0"), ("LATCHKEY_LEAVING_APPROVAL", "policy")];
    options.settings.extend(at_once.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let world = a_world_of(options).await;
    let signed_up = play(&world).await;
    let page = &signed_up.page;
    let unsubscribe = sandbox::MarketplaceAction::Unsubscribe;
    world.sandbox().send_webhook(signed_up.purchase.subscription_id, unsubscribe).await.unwrap();
    until_blocked(&world, page, "access-remains").await;
    let removals = facts_of(page).await["leaving"]["toRemove"].clone();
    let commands = removals.as_array().unwrap().iter().map(|one| one["command"].as_str().unwrap().to_owned());
    let commands: Vec<String> = commands.collect();
    assert_eq!(commands.len(), 3, "{commands:#?}");
    let sandbox = world.sandbox();
    let (tenant, domain) = (sandbox.seed().customer.tenant_id, sandbox.seed().customer.domain.clone());
    let scope = format!("/subscriptions/{}", sandbox.seed().customer.subscription_id);
    let administrator = json!({
        "principalId": sandbox.seed().customer.administrator_user,
        "role": "Key Vault Crypto Officer",
        "scope": scope,
    });
    control(&world, "roles", &administrator).await;
    let person = format!("administrator@{domain}");
    let (passed, said) = played(&world, (&az, "farewell.sh"), &person, &commands).await;
    assert!(passed, "{tenant}: {commands:#?}\n{said}");
    check_again(&world, page).await;
    until(&world, page, "ended").await;
    assert_eq!(facts_of(page).await["leaving"]["access"]["isGone"], json!(true));
    world.stop().await;
}
