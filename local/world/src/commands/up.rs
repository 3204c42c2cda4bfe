//! `latchkey up`: brings up the local world, says how to play the customer in it, and leaves it up until Ctrl-C.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail};
use latchkey_cli::{End, Interrupts, write_private};
use sandbox::Lags;
use time::format_description::well_known::Rfc3339;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use crate::args::UpArgs;
use crate::live::{self, Colour};
use crate::play;
use crate::story::Story;
use crate::world::{AzuriteProgram, LocalWorld, LocalWorldOptions, Purchase, write_exports};

/// The furthest that the clock is moved by one order.
const FURTHEST: Duration = Duration::from_secs(366 * 86_400);

/// Long enough to be noticed by somebody who plays by hand.
fn lags() -> Lags {
    Lags {
        service_principal: Duration::from_secs(3),
        federated_credential: Duration::from_secs(1),
        directory_object: Duration::from_millis(500),
        role_assignment: Duration::from_secs(5),
        operation_polls: 2,
        ..Lags::default()
    }
}

pub(super) async fn run(args: UpArgs) -> anyhow::Result<End> {
    let mut interrupts = Interrupts::listen().context("could not listen for Ctrl-C")?;
    let UpArgs { dir, as_deployed, azurite, node } = args;
    let azurite = azurite.filter(|_| as_deployed).map(|modules| AzuriteProgram { node, modules });
    let (story, lines) = Story::with_listener();
    let shown = live::show(lines, Colour::of_stdout());
    let options = LocalWorldOptions {
        dir: Some(dir),
        as_deployed: azurite,
        lags: lags(),
        settings: settings(),
        story: story.clone(),
        ..LocalWorldOptions::default()
    };
    let mut world = tokio::select! {
        world = Box::pin(LocalWorld::start(options)) => world?,
        () = interrupts.next() => return Ok(End::Interrupted),
    };
    write_files(&world)?;
    let purchase = world.first_purchase().await?;
    println!("{}", instructions(&world, &purchase, as_deployed));

    let end = stay(&world, &mut interrupts).await;
    Box::pin(world.stop()).await;
    story.end();
    // The lines of the stopping are shown before the prompt comes back.
    let _ = shown.await;
    end
}

/// What other shells need: the exports, and the secret by which the customer's administrator signs in.
fn write_files(world: &LocalWorld) -> anyhow::Result<()> {
    let env = world.folder().join("env");
    write_exports(&env, &world.exports()).with_context(|| format!("could not write {}", env.display()))?;
    let secret = world.folder().join("customer-secret");
    let administrator = world.sandbox().seed().customer.administrator;
    write_private(&secret, administrator.client_secret.as_bytes())
        .with_context(|| format!("could not write {}", secret.display()))
}

/// Waits for Ctrl-C, and carries out what is typed meanwhile.
async fn stay(world: &LocalWorld, interrupts: &mut Interrupts) -> anyhow::Result<End> {
    let mut input = typed_lines();
    loop {
        tokio::select! {
            () = interrupts.next() => return Ok(End::Well),
            () = world.broker().failed() => bail!("the Service Bus could not write its state; see the error above"),
            reason = world.host().stopped() => bail!("the functions host stopped: {reason}"),
            // Dropped by Ctrl-C wherever it is, which is what whoever pressed it wants.
            carried_out = carry_out_next(world, &mut input) => {
                if let Err(error) = carried_out {
                    eprintln!("latchkey: {error:#}");
                }
            }
        }
    }
}

/// What can be typed.
#[derive(Debug, PartialEq, Eq)]
enum Order {
    Buy,
    Key,
    Clock(Duration),
    Unknown,
}

impl Order {
    fn read(line: &str) -> Self {
        match line.trim() {
            "" | "buy" => Self::Buy,
            "key" => Self::Key,
            line => line.strip_prefix("clock ").and_then(ahead).map_or(Self::Unknown, Self::Clock),
        }
    }
}

/// `+1d`, `+6h`, `+90m`, `+30s`: how far the clock is to be moved.
fn ahead(text: &str) -> Option<Duration> {
    let text = text.trim().strip_prefix('+')?;
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let duration = Duration::from_secs(count.checked_mul(seconds)?);
    (!duration.is_zero() && duration <= FURTHEST).then_some(duration)
}

async fn carry_out_next(world: &LocalWorld, input: &mut UnboundedReceiver<String>) -> anyhow::Result<()> {
    let Some(line) = input.recv().await else {
        // Nobody is there to type: only Ctrl-C is waited for from now on.
        return std::future::pending().await;
    };
    match Order::read(&line) {
        Order::Buy => {
            println!(
                "\nA new purchase was made. Its landing page:\n\n  {}\n",
                world.purchase().await?.landing
            )
        }
        Order::Key => {
            println!("\nThe key URL, to submit on the page:\n\n  {}\n", make_key(world).await?)
        }
        Order::Clock(by) => {
            world.advance(by).await?;
            println!("\nIt is now {}.\n", world.now().format(&Rfc3339)?)
        }
        Order::Unknown => {
            println!("Type buy, key or clock +1d and press Enter, or press Ctrl-C to stop.")
        }
    }
    Ok(())
}

/// The customer's part in Azure, for somebody who has no `az` at hand.
async fn make_key(world: &LocalWorld) -> anyhow::Result<String> {
    let customer = world.customer();
    let application = world.vendor().estate().application_id;
    let found = timeout(Duration::from_secs(5), customer.service_principal(application)).await;
    let Ok(principal) = found else {
        bail!("consent comes first: open the landing page and approve the application")
    };
    let principal = principal?;
    let key = customer.make_key(&play::vault_name()).await?;
    customer.grant(&key, principal).await?;
    Ok(key.url)
}

/// What is typed, line by line.
///
/// A thread of its own reads, and not the runtime: the runtime would not end before somebody pressed Enter.
fn typed_lines() -> UnboundedReceiver<String> {
    let (sender, receiver) = unbounded_channel();
    std::thread::spawn(move || {
        std::io::stdin().lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    receiver
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

/// The clock can be moved, or why it cannot.
fn of_time(as_deployed: bool) -> &'static str {
    if as_deployed {
        "The clock cannot be moved in this shape: the blob store has the machine's."
    } else {
        "Type  clock +1d  to let a day pass in seconds, for everything above at once: s, m, h and d are
seconds, minutes, hours and days. Whoever signed in with az before does so again after that."
    }
}

fn instructions(world: &LocalWorld, purchase: &Purchase, as_deployed: bool) -> String {
    let sandbox = world.sandbox();
    let seed = sandbox.seed();
    let estate = world.vendor().estate();
    let folder = world.folder().display();
    format!(
        "
The local world is running.

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

  3. Type  key  and press Enter here. This creates a vault and an RSA key as the customer's
     administrator, assigns the application \"Key Vault Crypto Service Encryption User\" on the key,
     and prints the key URL. Submit it on the page. A role assignment takes some seconds to take
     effect; the rest happens by itself.

  Or do the customer's part by hand. In another shell, after

     . {folder}/env

     az, curl and Azure's SDKs reach the simulated Azure under its real names, and nothing else.
     The customer's administrator signs in with:

     az login --service-principal --tenant {customer} \\
       --username {administrator} --password \"$(cat {folder}/customer-secret)\"

Type  buy  to buy once more.
{of_time}
Press Ctrl-C to stop; the state in {folder} stays.
",
        of_time = of_time(as_deployed),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enter_alone_buys() {
        assert_eq!(Order::read(""), Order::Buy);
        assert_eq!(Order::read(" buy "), Order::Buy);
        assert_eq!(Order::read("key"), Order::Key);
        assert_eq!(Order::read("quit"), Order::Unknown);
    }

    #[test]
    fn the_clock_is_moved_forward_by_one_number_and_its_unit_and_at_most_a_year() {
        let seconds = |text| match Order::read(text) {
            Order::Clock(by) => Some(by.as_secs()),
            _ => None,
        };
        assert_eq!(seconds("clock +1d"), Some(86_400));
        assert_eq!(seconds(" clock  +6h "), Some(21_600));
        assert_eq!(seconds("clock +90m"), Some(5_400));
        assert_eq!(seconds("clock +30s"), Some(30));
        for refused in [
            "clock",
            "clock 1d",
            "clock -1d",
            "clock +d",
            "clock +0d",
            "clock +367d",
            "clock +1é",
            "clock +1w",
        ] {
            assert_eq!(seconds(refused), None, "{refused}");
        }
    }
}
