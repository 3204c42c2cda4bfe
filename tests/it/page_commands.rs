//! The commands on the onboarding's page, run as they stand there by Microsoft's `az` for a person who owns an empty
//! subscription and nothing more. Skipped where `LATCHKEY_AZ` does not name it, unless `LATCHKEY_REQUIRE_JUDGES=1`.

use std::{io::Write as _, path::Path, process::Stdio, time::Duration};

use local_world::world::LocalWorld;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{a_world_of, options, plain_client, sign_up, until, until_blocked};

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

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_page_work_as_they_stand_for_an_owner_of_an_empty_subscription() {
    let Some(az) = std::env::var_os("LATCHKEY_AZ") else {
        let required = std::env::var("LATCHKEY_REQUIRE_JUDGES").is_ok_and(|value| value == "1");
        assert!(!required, "LATCHKEY_REQUIRE_JUDGES is set, but LATCHKEY_AZ names no az");
        let line = "SKIPPED: the page's commands are not judged: LATCHKEY_AZ is not set\n";
        return std::io::stderr().write_all(line.as_bytes()).unwrap();
    };
    let mut options = options();
    options.lags.role_assignment = Duration::ZERO;
    let world = a_world_of(options).await;
    let page = sign_up(&world).await.page;
    world.customer().consent(&page).await.unwrap();
    let view = until_blocked(&world, &page, "key-not-shared").await;
    let commands: Vec<String> =
        view.blocker.unwrap().mend.into_iter().filter(|line| line.starts_with("az ")).collect();
    let work = tempfile::tempdir().unwrap();
    let file = work.path().join("commands");
    std::fs::write(&file, commands.join("\n") + "\n").unwrap();
    let person = owner_of_an_empty_subscription(&world).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/judges/azure/page.sh");
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
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.contains("passed  "),
        "{commands:#?}\n{}\n{said}",
        String::from_utf8_lossy(&output.stderr)
    );
    world.customer().share_key(&page, "https://owned-keys.vault.azure.net/keys/disks").await.unwrap();
    until(&world, &page, "active").await;
    world.stop().await;
}
