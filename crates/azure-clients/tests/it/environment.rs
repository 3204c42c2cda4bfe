//! In production everything comes from the process environment. That is tried in a process of its own, because a test
//! must not change the environment that it shares with all the others.

use std::process::Stdio;

use azure_clients::{EntraError, EntraRefusal, IdentitySettings, SystemClock, Transport, WorkloadIdentity};
use azure_ids::{KeyUrl, TenantId};
use sandbox::Lags;

use crate::support::scene::{Clients, Scene};

fn run(scene: &Scene, changes: &[(&str, &str)]) -> std::process::Output {
    let settings = scene.settings();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child
        .args([
            "--exact",
            "environment::a_process_that_knows_only_its_environment",
            "--ignored",
            "--nocapture",
        ])
        .env_clear()
        .env("HTTPS_PROXY", scene.sandbox.proxy_url())
        .env("HTTP_PROXY", scene.sandbox.proxy_url())
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env("SSL_CERT_FILE", scene.sandbox.ca_file())
        .env("IDENTITY_ENDPOINT", scene.sandbox.identity_endpoint())
        .env("IDENTITY_HEADER", scene.sandbox.identity_header())
        // What the SDK's own default chains would take for our identity.
        .env("AZURE_CLIENT_ID", "00000000-0000-0000-0000-00000000000f")
        .env("TRY_TENANT", scene.tenant().to_string())
        .env("TRY_KEY", scene.key_url().to_string())
        .env("TRY_SET", scene.set_id().to_string())
        .env("TRY_APPLICATION", settings.application_id.to_string())
        .env("TRY_VENDOR", settings.vendor_tenant.to_string())
        .env("TRY_IDENTITY", settings.managed_identity_client_id.to_string())
        .env("HOME", scene.folder())
        .stdin(Stdio::null());
    for (name, value) in changes {
        child.env(name, value);
    }
    child.output().unwrap()
}

fn text(output: &std::process::Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_authority_and_identity_come_from_the_environment() {
    let scene = Scene::begin(Lags::default()).await;
    scene.grant(scene.consent().await).await;
    let (scene, output) = tokio::task::spawn_blocking(move || {
        let output = run(&scene, &[]);
        (scene, output)
    })
    .await
    .unwrap();
    assert!(output.status.success() && text(&output).contains("THE WHOLE CHAIN"), "{}", text(&output));

    // Without the authority's certificate nothing gets through: it is the environment's that was trusted before.
    let output =
        tokio::task::spawn_blocking(move || run(&scene, &[("SSL_CERT_FILE", "/nonexistent")])).await.unwrap();
    assert!(!output.status.success(), "{}", text(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_that_is_not_attached_is_missing() {
    let scene = Scene::begin(Lags::default()).await;
    let output = tokio::task::spawn_blocking(move || {
        run(
            &scene,
            &[
                ("TRY_IDENTITY", "0a1b2c3d-1111-2222-3333-444455556666"),
                ("TRY_EXPECT", "ManagedIdentityMissing"),
            ],
        )
    })
    .await
    .unwrap();
    assert!(output.status.success() && text(&output).contains("AS EXPECTED"), "{}", text(&output));
}

fn variable<T: std::str::FromStr<Err: std::fmt::Debug>>(name: &str) -> T {
    std::env::var(name).unwrap().parse().unwrap()
}

#[tokio::test]
#[ignore = "the other tests of this module run it in a process of its own"]
async fn a_process_that_knows_only_its_environment() {
    let transport = Transport::from_environment().unwrap();
    let settings = IdentitySettings {
        application_id: variable("TRY_APPLICATION"),
        vendor_tenant: variable("TRY_VENDOR"),
        managed_identity_client_id: variable("TRY_IDENTITY"),
    };
    let clients = Clients::new(
        &transport,
        WorkloadIdentity::new(settings, &transport, std::sync::Arc::new(SystemClock)).unwrap(),
    );
    let tenant: TenantId = variable("TRY_TENANT");
    let key: KeyUrl = variable("TRY_KEY");

    let proof = clients.identity.prove_consent(tenant).await;
    if std::env::var_os("TRY_EXPECT").is_some() {
        assert!(matches!(proof, Err(EntraError::Refused(EntraRefusal::ManagedIdentityMissing))), "{proof:?}");
        println!("AS EXPECTED");
        return;
    }
    proof.unwrap();
    let vault = clients.key_vault.verify(tenant, &key).await.unwrap();
    let key = vault.get_key().await.unwrap();
    vault.unwrap(&vault.wrap(&key).await.unwrap()).await.unwrap();
    let set = clients.compute.disk_encryption_set(&variable("TRY_SET")).await.unwrap_err();
    assert!(
        matches!(set, azure_clients::ArmError::Refused(azure_clients::ArmRefusal::NotFound { .. })),
        "{set:?}"
    );
    println!("THE WHOLE CHAIN");
}
