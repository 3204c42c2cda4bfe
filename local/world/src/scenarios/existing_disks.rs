//! The customer's disks are in use: three machines run from them when the key is shared. The vendor looks at the plan and
//! sets a window for the night. In it each machine is deallocated, its disks are changed, and it runs again.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::{Readings, soon};
use crate::cast::{Machine, OnboardingPage};
use crate::story::Who;
use crate::world::LocalWorld;

const TWO_HOURS: Duration = Duration::from_secs(2 * 60 * 60);
const SIX_HOURS: Duration = Duration::from_secs(6 * 60 * 60);

pub(super) async fn play(world: &LocalWorld) -> anyhow::Result<Readings> {
    let (page, machines) = until_it_waits_for_a_window(world).await?;
    let plan = ask(world, &page, "?atOnce=2", None).await?;
    let stopped = plan["machines"].as_array().context("the plan has machines")?;
    ensure!(stopped.len() == machines.len(), "the plan names {} machines", stopped.len());
    world.story().tell(
        Who::Vendor,
        format!("reads the plan: {} machines, {} s in all", stopped.len(), plan["totalSeconds"]),
    );

    let opens = world.now() + TWO_HOURS;
    let closes = opens + SIX_HOURS;
    let named: Vec<&Value> = stopped.iter().map(|one| &one["machine"]).collect();
    let window = json!({
        "opens": opens.format(&Rfc3339)?, "closes": closes.format(&Rfc3339)?, "atOnce": 2, "machines": named,
    });
    ask(world, &page, "/window", Some(&window)).await?;
    world.story().tell(Who::Vendor, "sets a window that opens in two hours, for two machines at a time");

    let is_active = async || Ok(world.customer().look(&page).await?.state == "active");
    world.advance_until("the state active", TWO_HOURS + SIX_HOURS, is_active).await?;
    ensure!(world.now() >= opens, "a machine was stopped before the window opened");
    let all_run = async || Ok(running(world, &machines).await? == machines.len());
    world.advance_until("every machine to run", SIX_HOURS, all_run).await?;
    // Azure shows the power before Latchkey has read it back.
    let is_over = async || Ok(ask(world, &page, "", None).await?["window"]["phase"] == "ended");
    world.advance_until("the window to end", SIX_HOURS, is_over).await?;
    world.story().tell(Who::Vendor, "reads that every machine runs");
    let view = world.customer().look(&page).await?;
    ensure!(view.blockers.is_empty(), "it waits for something still: {:?}", view.blockers);
    let set = view.disk_encryption_set.clone().context("there is a set")?;
    for disk in &view.disks {
        let read = world.vendor().disk_named(&disk.name).await?;
        ensure!(read.is_under_set(&set), "the disk {} is not under the set {set}", disk.name);
    }
    let report = ask(world, &page, "", None).await?;
    let progress = report["window"]["machines"].as_array().context("the window has machines")?;
    ensure!(progress.iter().all(|one| one["progress"] == "done"), "the window says {progress:?}");
    Ok(vec![
        ("state on the page", view.state),
        ("disks under the set, from ARM", view.disks.len().to_string()),
        ("machines that run, from ARM", running(world, &machines).await?.to_string()),
        ("the window", report["window"]["phase"].as_str().unwrap_or_default().to_owned()),
    ])
}

/// A purchase whose disks three running machines use, as far as it comes by itself.
async fn until_it_waits_for_a_window(world: &LocalWorld) -> anyhow::Result<(OnboardingPage, Vec<Machine>)> {
    let (vendor, customer) = (world.vendor(), world.customer());
    let purchase = world.purchase().await?;
    let mut machines = vec![];
    for (nth, disks) in [1, 2, 3].into_iter().enumerate() {
        let mut made = vec![];
        for disk in 1..=disks {
            let name = format!("disk-{}-{disk}", nth + 1);
            made.push(vendor.make_disk_for(&name, purchase.subscription_id).await?);
        }
        let machine = vendor.make_machine_of(&format!("vm-customer-{}", nth + 1), &made).await?;
        ensure!(vendor.power(&machine).await? == "running", "a machine does not run");
        machines.push(machine);
    }
    world.story().tell(Who::Vendor, "runs three machines from six disks of the customer");

    let page = customer.sign_up(&purchase.landing).await?;
    let until = async |state: &str| {
        let is = async || Ok(customer.look(&page).await?.state == state);
        world.wait_until(&format!("the state {state}"), soon(), is).await
    };
    until("awaiting-consent").await?;
    customer.consent(&page).await?;
    until("awaiting-key").await?;
    let key = customer.make_key("contoso-keys").await?;
    let principal = customer.service_principal(vendor.estate().application_id).await?;
    customer.grant(&key, principal).await?;
    customer.share_key(&page, &key.url).await?;
    let waits = async || {
        let view = customer.look(&page).await?;
        Ok(view.blockers.iter().filter(|blocker| blocker.code == "disk-attached").count() == 6)
    };
    world.wait_until("six disks to wait for a window", soon(), waits).await?;
    world.story().tell(Who::Customer, "reads on the page: six disks wait for the vendor");
    Ok((page, machines))
}

async fn running(world: &LocalWorld, machines: &[Machine]) -> anyhow::Result<usize> {
    let mut running = 0;
    for machine in machines {
        running += usize::from(world.vendor().power(machine).await? == "running");
    }
    Ok(running)
}

/// The operator's calls about an onboarding's disks.
async fn ask(
    world: &LocalWorld,
    page: &OnboardingPage,
    more: &str,
    body: Option<&Value>,
) -> anyhow::Result<Value> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = world.url().join(&format!("/api/operations/onboardings/{}/disks{more}", page.onboarding()))?;
    let request = match body {
        Some(body) => client.post(url).json(body),
        None => client.get(url),
    };
    let answer = request.header("accept", "application/json").send().await?;
    let status = answer.status();
    let answer: Value = answer.json().await?;
    ensure!(status.is_success(), "the function app returned {status}: {}", answer["title"]);
    Ok(answer)
}
