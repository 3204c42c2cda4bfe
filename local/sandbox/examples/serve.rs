//! Runs a sandbox for other programs: `cargo run -p sandbox --example serve -- DIR`.
//!
//! Prints one JSON line that says how to reach it, secrets of the simulated tenants included, and serves until its
//! standard input ends. Then it writes what was said to `DIR/traffic.har`. The state in `DIR/state` is taken up
//! again by the next run.

use std::error::Error;
use std::path::PathBuf;

use sandbox::{Lags, Options, Sandbox, SeedTenant};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("say which folder to use: serve DIR")?);
    let sandbox = Sandbox::start(Options {
        state: Some(folder.join("state")),
        run_folder: folder.join("run"),
        lags: Lags::default(),
        har: true,
        ahead_milliseconds: None,
    })
    .await?;
    let seed = sandbox.seed();
    let reached = json!({
        "HTTPS_PROXY": sandbox.proxy_url(),
        "NO_PROXY": "127.0.0.1,localhost",
        "REQUESTS_CA_BUNDLE": sandbox.ca_file(),
        "SSL_CERT_FILE": sandbox.ca_file(),
        "IDENTITY_ENDPOINT": sandbox.identity_endpoint(),
        "IDENTITY_HEADER": sandbox.identity_header(),
        "vendor": tenant(&seed.vendor),
        "customer": tenant(&seed.customer),
    });
    println!("{reached}");

    // Every line names an identity to attach to "the function app", by its ARM id.
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        println!("{}", json!({"attached": sandbox.attach_identity(line.trim())}));
    }
    std::fs::write(folder.join("traffic.har"), sandbox.har().to_string())?;
    sandbox.stop().await;
    Ok(())
}

fn tenant(tenant: &SeedTenant) -> Value {
    json!({
        "tenantId": tenant.tenant_id,
        "subscriptionId": tenant.subscription_id,
        "region": tenant.region,
        "clientId": tenant.administrator.client_id,
        "clientSecret": tenant.administrator.client_secret,
        "administratorUser": tenant.administrator_user,
    })
}
