//! A link opens one onboarding's page until it expires or its operator withdraws it.

use std::process::{Command, Output, Stdio};

use local_world::world::LocalWorld;
use reqwest::StatusCode;

use crate::support::{a_world, plain_client, sign_up};

async fn onboardings(world: &LocalWorld, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey-local"));
    command.arg("onboardings").args(arguments).stdin(Stdio::null());
    command.env("LATCHKEY_URL", world.url().as_str()).env("LATCHKEY_OPS_DIR", world.folder().join("ops"));
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

async fn opens(address: &str) -> StatusCode {
    plain_client().get(address).send().await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_withdraws_every_link_and_issues_a_new_one() {
    let world = a_world().await;
    let signed_up = sign_up(&world).await;
    let (id, page) = (signed_up.page.onboarding(), signed_up.page.url().as_str());
    let unasked = onboardings(&world, &["withdraw-links", id]).await;
    assert_eq!(unasked.status.code(), Some(6), "{unasked:?}");
    assert_eq!(opens(page).await, StatusCode::OK, "not confirmed, nothing changed");

    let withdrawn = onboardings(&world, &["withdraw-links", id, "--yes", "--why", "sent to a list"]).await;
    assert!(withdrawn.status.success(), "{withdrawn:?}");
    assert_eq!(opens(page).await, StatusCode::FORBIDDEN);
    let audit = std::fs::read_to_string(world.folder().join("ops/audit.ndjson")).unwrap();
    assert!(audit.contains("withdraw links ended") && audit.contains("sent to a list"), "{audit}");

    let issued = onboardings(&world, &["link", id]).await;
    let address = String::from_utf8(issued.stdout).unwrap();
    assert_eq!(opens(address.trim()).await, StatusCode::OK, "{address}");
    // The customer, too, gets one from the landing page.
    let page = world.customer().sign_up(&signed_up.purchase.landing).await.unwrap();
    assert_eq!(opens(page.url().as_str()).await, StatusCode::OK);
    world.stop().await;
}
