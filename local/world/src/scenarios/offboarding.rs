//! The customer leaves. Nothing is undone for a week and without the vendor's approval; then the disk goes back to a
//! platform-managed key, the set is deleted, the customer takes the access away, and that is proven. The same key can be
//! used again.

use std::time::Duration;

use anyhow::{Context, ensure};
use reqwest::Client;
use sandbox::MarketplaceAction;
use serde_json::{Value, json};

use super::Readings;
use super::active::Active;
use crate::cast::OnboardingView;
use crate::story::Who;
use crate::world::LocalWorld;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);

pub(super) async fn play(world: &LocalWorld) -> anyhow::Result<Readings> {
    let active = Active::begin(world).await?;
    let machine = world.vendor().make_machine("vm-customer-1", active.disk()?).await?;
    ensure!(world.vendor().power(&machine).await? == "running", "the machine does not run");
    let set = active.ending.view.disk_encryption_set.clone().context("the onboarding has a set")?;
    world.story().tell(Who::Vendor, "runs a machine from the disk");

    let operation = world.sandbox().begin_action(active.subscription, MarketplaceAction::Unsubscribe)?;
    ensure!(world.sandbox().deliver_webhook(operation).await? == 200, "the webhook is not taken");
    world.story().tell(Who::Customer, "cancels the subscription");
    active.becomes("leaving").await?;

    world.jump(3 * DAY).await?;
    active.disks_are_encrypted().await?;
    world.story().tell(Who::World, "three days later nothing has changed: the hold lasts a week");
    let plan = approve(world, active.page.onboarding()).await?;
    world.story().tell(Who::Vendor, format!("approves what will be undone: {plan} disk"));
    world.settle().await?;
    active.disks_are_encrypted().await?;

    world.jump(4 * DAY).await?;
    let waits = active.waits_for("disk-not-returned").await?;
    ensure!(waits.owner == "vendor", "the page names the {}", waits.owner);
    world.vendor().deallocate(&machine).await?;
    let stopped = async || Ok(world.vendor().power(&machine).await? == "deallocated");
    world.advance_until("the machine to stop", HOUR, stopped).await?;
    world.story().tell(Who::Vendor, "deallocates the machine, so that its disk can be changed");
    active.waits_for("access-remains").await?;
    let disk = world.vendor().disk(active.disk()?).await?;
    ensure!(disk.encryption.as_deref() == Some(PLATFORM_KEY), "the disk is under {:?}", disk.encryption);
    let sets = world.vendor().disk_encryption_sets().await?;
    ensure!(sets.iter().all(|one| one["name"] != set.as_str()), "the set {set} is there still");
    world.story().tell(Who::World, "the disk is under a platform-managed key, and the set is deleted");

    let principal = world.customer().service_principal(world.vendor().estate().application_id).await?;
    world.customer().take_back(&active.key, principal).await?;
    let view = active.becomes_within("ended", 12 * HOUR).await?;
    let proof = read(world, active.page.onboarding()).await?["leaving"]["access"].clone();
    ensure!(proof["isGone"] == true, "our access is not proven to be gone: {proof}");
    world.story().tell(Who::World, "a probe with a new token was refused: the access is gone");

    let again = buy_again(world, &active).await?;
    Ok(vec![
        ("state on the page", view.state),
        ("disk, read from ARM before", disk.encryption.unwrap_or_default()),
        ("proof that our access is gone", proof["code"].as_str().unwrap_or_default().to_owned()),
        ("the same key, bought again", again.state),
    ])
}

/// Microsoft Learn, "Disks - Get": the type of a disk that nobody else's key protects.
const PLATFORM_KEY: &str = "EncryptionAtRestWithPlatformKey";

/// What the operations API says of one that leaves.
async fn read(world: &LocalWorld, onboarding: &str) -> anyhow::Result<Value> {
    let url = world.url().join(&format!("/api/operations/onboardings/{onboarding}/leaving"))?;
    Ok(client()?.get(url).send().await?.error_for_status()?.json().await?)
}

/// The vendor looks at the plan and approves it; answers how many disks it has.
async fn approve(world: &LocalWorld, onboarding: &str) -> anyhow::Result<usize> {
    let seen = read(world, onboarding).await?;
    let body = json!({ "who": "operator", "plan": seen["plan"]["entry"] });
    let url = world.url().join(&format!("/api/operations/onboardings/{onboarding}/approve-leaving"))?;
    client()?.post(url).json(&body).send().await?.error_for_status()?;
    Ok(seen["plan"]["disks"].as_array().context("the plan has disks")?.len())
}

fn client() -> anyhow::Result<Client> {
    Ok(Client::builder().no_proxy().build()?)
}

/// The customer buys once more, and shares the same key.
async fn buy_again(world: &LocalWorld, before: &Active<'_>) -> anyhow::Result<OnboardingView> {
    let purchase = world.purchase().await?;
    world.vendor().provide_disk_for(purchase.subscription_id).await?;
    let customer = world.customer();
    let page = customer.sign_up(&purchase.landing).await?;
    let is = async |state: &str| Ok(customer.look(&page).await?.state == state);
    world.advance_until("the sign-up", HOUR, async || is("awaiting-consent").await).await?;
    customer.consent(&page).await?;
    world.advance_until("the consent", HOUR, async || is("awaiting-key").await).await?;
    let principal = customer.service_principal(world.vendor().estate().application_id).await?;
    customer.grant(&before.key, principal).await?;
    customer.share_key(&page, &before.key.url).await?;
    world.advance_until("the same key to be in use", 12 * HOUR, async || is("active").await).await?;
    world.story().tell(Who::Customer, "buys again, with the same key: it works");
    customer.look(&page).await
}
