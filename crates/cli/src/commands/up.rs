//! `latchkey up`: brings up the local world, says how to play the customer in it, and leaves it up until Ctrl-C.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use sandbox::Lags;
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};

use super::End;
use crate::args::UpArgs;
use crate::live::{self, Colour};
use crate::story::Story;
use crate::world::{Purchase, World, WorldOptions, write_exports, write_private};

/// Long enough to be noticed by somebody who plays by hand.
fn lags() -> Lags {
    Lags {
        service_principal: Duration::from_secs(3),
        federated_credential: Duration::from_secs(1),
        directory_object: Duration::from_millis(500),
        role_assignment: Duration::from_secs(5),
        operation_polls: 2,
        retry_after_seconds: 1,
        ..Lags::default()
    }
}

pub(super) async fn run(args: UpArgs) -> anyhow::Result<End> {
    let (story, lines) = Story::told();
    let shown = live::show(lines, Colour::of_stdout());
    let options = WorldOptions {
        dir: Some(args.dir),
        lags: lags(),
        settings: settings(),
        story: story.clone(),
        ..WorldOptions::default()
    };
    let mut world = tokio::select! {
        world = Box::pin(World::start(options)) => world?,
        _ = tokio::signal::ctrl_c() => return Ok(End::Interrupted),
    };
    write_files(&world)?;
    let purchase = world.first_purchase()?;
    println!("{}", instructions(&world, &purchase));

    let end = stay(&world).await;
    Box::pin(world.stop()).await;
    story.end();
    // The lines of the stopping are shown before the prompt comes back.
    let _ = shown.await;
    end
}

/// What other shells need: the exports, and the secret by which the customer's administrator signs in.
fn write_files(world: &World) -> anyhow::Result<()> {
    let env = world.folder().join("env");
    write_exports(&env, &world.exports()).with_context(|| format!("could not write {}", env.display()))?;
    let secret = world.folder().join("customer-secret");
    let administrator = world.sandbox().seed().customer.administrator;
    write_private(&secret, administrator.client_secret.as_bytes())
        .with_context(|| format!("could not write {}", secret.display()))
}

/// Waits for Ctrl-C, and lets the customer buy at every Enter meanwhile.
async fn stay(world: &World) -> anyhow::Result<End> {
    let mut input = Some(BufReader::new(tokio::io::stdin()).lines());
    loop {
        tokio::select! {
            interrupted = stop_signal() => {
                interrupted.context("could not wait for Ctrl-C")?;
                return Ok(End::Well);
            }
            reason = world.host().stopped() => anyhow::bail!("the functions host gave up: {reason}"),
            line = next_line(&mut input) => match line {
                Some(_) => println!("\nBought once more. Its landing page:\n\n  {}\n", world.purchase()?.landing),
                // Nobody is there to press Enter: only Ctrl-C is waited for from now on.
                None => input = None,
            },
        }
    }
}

/// Ctrl-C, or the polite signal of a supervisor.
async fn stop_signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

async fn next_line(input: &mut Option<Lines<BufReader<Stdin>>>) -> Option<String> {
    match input {
        Some(lines) => lines.next_line().await.ok().flatten(),
        None => std::future::pending().await,
    }
}

fn settings() -> BTreeMap<String, String> {
    [
        ("LATCHKEY_RETRY_FIRST_MILLISECONDS", "1000"),
        ("LATCHKEY_RETRY_LONGEST_MILLISECONDS", "15000"),
        ("LATCHKEY_CHECK_FIRST_SECONDS", "5"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn instructions(world: &World, purchase: &Purchase) -> String {
    let sandbox = world.sandbox();
    let seed = sandbox.seed();
    let estate = world.vendor().estate();
    let folder = world.folder().display();
    format!(
        "
The local world is up.

  function app            {url}
  simulated Azure, proxy  {proxy}
  its certificate         {authority}
  Entra's pages           {login}
  Service Bus             {broker}
  shell exports           {folder}/env

  vendor    tenant {vendor}, subscription {vendor_subscription}
  customer  tenant {customer}, subscription {customer_subscription}
  application {application}, region {region}

Play the customer:

  1. A purchase was made. Open its landing page in a browser:

     {landing}

  2. Approve the application. A browser without the proxy cannot open the simulated
     https://login.microsoftonline.com: put {login} in its place in the address.

  3. Make a vault and an RSA key in {region}, grant the application
     \"Key Vault Crypto Service Encryption User\" on the key, and share the key's URL on the page.
     In another shell, after  . {folder}/env

     az, curl and Azure's SDKs reach the simulated Azure under its real names. The customer's
     administrator signs in with:

     az login --service-principal --tenant {customer} \\
       --username {administrator} --password \"$(cat {folder}/customer-secret)\"

Press Enter to buy once more. Press Ctrl-C to stop; the state in {folder} stays.
",
        url = world.url(),
        proxy = sandbox.proxy_url(),
        authority = sandbox.ca_file().display(),
        login = sandbox.login_pages_url(),
        broker = world.broker().address(),
        vendor = seed.vendor.tenant_id,
        vendor_subscription = seed.vendor.subscription_id,
        customer = seed.customer.tenant_id,
        customer_subscription = seed.customer.subscription_id,
        application = estate.application_id,
        region = estate.region,
        landing = purchase.landing,
        administrator = seed.customer.administrator.client_id,
    )
}
