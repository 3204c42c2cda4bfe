//! One onboarding from the purchase to its daily care, with all that the functions of the table are for. A function that
//! is added has to be reached from here.

use std::time::Duration;

use axum::http::Method;
use local_world::cast::{CustomerKey, Machine, OnboardingPage, OnboardingView};
use sandbox::{MarketplaceAction, Purchase};
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::{
    app::Playing,
    end::End,
    host::Host,
    page::Watch,
    stage::Stage,
    trouble::{Seen, Trouble},
};

/// No part of the story takes longer, whatever goes wrong once.
const PATIENCE: Duration = Duration::from_secs(120);
/// As long as Service Bus remembers the ids of messages, and a little more.
const DUPLICATES_ARE_KNOWN: Duration = Duration::from_secs(11 * 60);
const PAUSE: Duration = Duration::from_millis(20);
/// The grace ladder's rungs are a second apart.
const BETWEEN_RUNGS: Duration = Duration::from_millis(500);

/// What came of a story.
pub(crate) struct Told {
    pub(crate) end: End,
    pub(crate) seen: Seen,
    pub(crate) watch: Watch,
}

/// Tells the story under this trouble.
pub(crate) async fn tell(stage: &mut Stage, trouble: Trouble) -> Told {
    stage.stories += 1;
    let number = stage.stories;
    let app = Playing::new(stage, trouble);
    stage.plays(app.clone());
    let mut host = Host::new(stage, app.clone());
    let tenant = stage.sandbox.seed().customer.tenant_id;
    let bought = stage.sandbox.purchase(Purchase {
        tenant_id: tenant,
        offer: "latchkey".to_owned(),
        plan: "standard".to_owned(),
        quantity: None,
        name: "Latchkey".to_owned(),
        email: "buyer@contoso.example".to_owned(),
    });
    let mut disks = vec![];
    for disk in ["a", "b"] {
        let name = format!("disk-{number}{disk}");
        disks.push(stage.vendor.make_disk_for(&name, bought.subscription_id).await.unwrap());
    }
    let landing = bought.landing_url.unwrap().parse().unwrap();
    let page = insist("the landing page", async || stage.customer.sign_up(&landing).await.ok()).await;
    host.watch.page(&page);
    host.look().await;
    host.settle().await;
    let deadline = Instant::now() + PATIENCE;
    while host.state(&page).await == "opening" {
        // The sign-up's message died. The sweep finds it, when its id is forgotten.
        assert!(Instant::now() < deadline, "the sign-up never comes back");
        stage.broker.control().advance_clock(DUPLICATES_ARE_KNOWN);
        host.tick().await;
        sleep(BETWEEN_RUNGS).await;
    }
    let key = onboard(&mut host, &page, &format!("contoso-{number}")).await;
    live(&mut host, &page, bought.subscription_id).await;
    watched(&mut host, &page, &key.vault).await;
    let machine = stage.vendor.make_machine(&format!("m-{number}"), &disks[0]).await.unwrap();
    in_a_window(&mut host, &page, bought.subscription_id, number).await;
    revoked(&mut host, &page, &key, &machine).await;
    replaced(&mut host, &page, &format!("contoso-{number}-b")).await;
    let power = stage.vendor.power(&machine).await.unwrap();
    let encrypted = End::encrypted(&host, &page, &disks).await;
    left(&mut host, &page, (&key, bought.subscription_id), &machine).await;
    let end = End::read(&host, &page, bought.subscription_id, (&disks, encrypted, power)).await;
    Told { end, seen: app.trouble.seen(), watch: host.watch }
}

/// Until the disks are encrypted and the subscription is active. The grant comes late, and a check finds it.
async fn onboard(host: &mut Host<'_>, page: &OnboardingPage, vault: &str) -> CustomerKey {
    let (stage, customer) = (host.stage, &host.stage.customer);
    insist("the consent", async || customer.consent(page).await.ok()).await;
    host.settle().await;
    let key = customer.make_key(vault).await.unwrap();
    insist("the key", async || customer.share_key(page, &key.url).await.ok()).await;
    host.settle().await;
    insist("a look at the page", async || customer.look(page).await.ok()).await;
    for _ in 0..2 {
        insist("the check", async || customer.check_again(page).await.ok()).await;
        host.settle_unless_newest_first().await;
    }
    host.settle().await;
    let principal = customer.service_principal(stage.vendor.estate().application_id).await.unwrap();
    customer.grant(&key, principal).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    while host.state(page).await != "active" {
        assert!(Instant::now() < deadline, "it never becomes active: {:?}", host.watch);
        sleep(PAUSE).await;
        host.tick().await;
        if customer.look(page).await.is_ok_and(|view| asks_for_key(&view)) {
            insist("the key", async || customer.share_key(page, &key.url).await.ok()).await;
            host.settle().await;
        }
    }
    key
}

/// The message with the key died, and the page asks for it again.
fn asks_for_key(view: &OnboardingView) -> bool {
    view.blockers.iter().any(|blocker| blocker.code == "key-not-shared")
}

/// A suspension, a reinstatement, and the vendor's looks at it.
async fn live(host: &mut Host<'_>, page: &OnboardingPage, subscription: Uuid) {
    let sandbox = &host.stage.sandbox;
    for action in [MarketplaceAction::Suspend, MarketplaceAction::Reinstate] {
        let operation = sandbox.begin_action(subscription, action).unwrap();
        insist("the webhook", async || {
            sandbox.deliver_webhook(operation).await.ok().filter(|status| *status == 200)
        })
        .await;
        host.settle_unless_newest_first().await;
    }
    host.settle().await;
    host.tick().await;
    let of_this_one = format!("onboardings/{}", page.onboarding());
    for path in ["onboardings", &of_this_one, &format!("{of_this_one}/verification")] {
        insist(path, async || host.operation(Method::GET, path).await).await;
    }
    insist("the operator's check", async || {
        host.operation(Method::POST, &format!("{of_this_one}/check")).await
    })
    .await;
    host.settle().await;
}

/// Somebody asks for a look at the key, and Event Grid tells of it, as the page says how.
async fn watched(host: &mut Host<'_>, page: &OnboardingPage, vault: &str) {
    insist("a look at the key", async || host.stage.customer.check_again(page).await.ok()).await;
    host.settle().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let tell = async || {
        let html = http.get(page.url().clone()).send().await.ok()?.text().await.ok()?;
        let after = |text: &str| html.split_once(text).and_then(|(_, rest)| rest.split_whitespace().next());
        let request = http.post(after("--endpoint ")?);
        let request = request.header("x-latchkey-key-events", after("x-latchkey-key-events static ")?);
        let data = json!({ "VaultName": vault, "ObjectType": "Key", "ObjectName": "disks" });
        let told = request.json(&[json!({ "id": "1", "data": data })]).send().await.ok()?;
        told.status().is_success().then_some(())
    };
    insist("the event", tell).await;
    host.settle().await;
}

/// A disk that is tagged later, of a machine that runs: it is encrypted in a window, and the machine runs again.
async fn in_a_window(host: &mut Host<'_>, page: &OnboardingPage, subscription: Uuid, number: usize) {
    let vendor = &host.stage.vendor;
    let disk = vendor.make_disk_for(&format!("disk-{number}later"), subscription).await.unwrap();
    let machine = vendor.make_machine(&format!("m-{number}later"), &disk).await.unwrap();
    let of_disks = format!("onboardings/{}/disks", page.onboarding());
    insist("the window", async || {
        let plan = host.operation(Method::GET, &of_disks).await?;
        if plan["machines"].as_array()?.is_empty() {
            // The answer to the call before was lost, and the machine is done with.
            return Some(());
        }
        let machines: Vec<_> = plan["machines"].as_array()?.iter().map(|one| one["machine"].clone()).collect();
        let now = OffsetDateTime::now_utc();
        let time = |at: OffsetDateTime| at.format(&Rfc3339).unwrap();
        let body = json!({
            "opens": time(now), "closes": time(now + Duration::from_secs(3_600)), "atOnce": 1, "machines": machines,
        });
        host.operation_with(Method::POST, &format!("{of_disks}/window"), Some(&body)).await.map(drop)
    })
    .await;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let encrypted = vendor.disk(&disk).await.unwrap().encryption;
        let power = vendor.power(&machine).await.unwrap();
        if encrypted.as_deref() == Some("EncryptionAtRestWithCustomerKey") && power == "running" {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "it never is encrypted and runs: {encrypted:?} {power} {:?}",
            host.watch
        );
        host.tick().await;
        sleep(BETWEEN_RUNGS).await;
    }
    host.settle().await;
}

/// The customer disables the key, until the grace ladder has stopped the machine, and enables it again, until it runs.
async fn revoked(host: &mut Host<'_>, page: &OnboardingPage, key: &CustomerKey, machine: &Machine) {
    for (enabled, state, power) in [(false, "revoked", "deallocated"), (true, "active", "running")] {
        host.stage.customer.enable_key(key, enabled).await.unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let is = (host.state(page).await, host.stage.vendor.power(machine).await.unwrap());
            if is == (state.to_owned(), power.to_owned()) {
                break;
            }
            assert!(
                Instant::now() < deadline,
                "it never is {state} and {power} but {is:?}: {:?}",
                host.watch
            );
            if is.0 != state {
                insist("a look at the key", async || host.stage.customer.check_again(page).await.ok()).await;
            }
            host.tick().await;
            sleep(BETWEEN_RUNGS).await;
        }
        host.settle().await;
    }
}

/// The customer leaves, and takes our access away once nothing uses the key.
async fn left(
    host: &mut Host<'_>,
    page: &OnboardingPage,
    (key, subscription): (&CustomerKey, Uuid),
    machine: &Machine,
) {
    let (stage, customer) = (host.stage, &host.stage.customer);
    stage.vendor.deallocate(machine).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    while stage.vendor.power(machine).await.unwrap() != "deallocated" {
        assert!(Instant::now() < deadline, "the machine never stops");
        sleep(PAUSE).await;
    }
    let operation = stage.sandbox.begin_action(subscription, MarketplaceAction::Unsubscribe).unwrap();
    insist("the webhook", async || {
        stage.sandbox.deliver_webhook(operation).await.ok().filter(|status| *status == 200)
    })
    .await;
    host.settle_unless_newest_first().await;
    let principal = customer.service_principal(stage.vendor.estate().application_id).await.unwrap();
    let (mut is_taken, deadline) = (false, Instant::now() + PATIENCE);
    while host.state(page).await != "ended" {
        assert!(Instant::now() < deadline, "it never has left: {:?}", host.watch);
        let view = insist("a look at the page", async || customer.look(page).await.ok()).await;
        if view.blockers.iter().any(|blocker| blocker.code == "access-remains") {
            if !is_taken {
                customer.take_back(key, principal).await.unwrap();
                is_taken = true;
            }
            insist("the check", async || customer.check_again(page).await.ok()).await;
        }
        host.tick().await;
        sleep(BETWEEN_RUNGS).await;
    }
    host.settle().await;
}

/// The customer moves to another key.
async fn replaced(host: &mut Host<'_>, page: &OnboardingPage, vault: &str) {
    let (stage, customer) = (host.stage, &host.stage.customer);
    let other = customer.make_key(vault).await.unwrap();
    let principal = customer.service_principal(stage.vendor.estate().application_id).await.unwrap();
    customer.grant(&other, principal).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let view = insist("a look at the page", async || customer.look(page).await.ok()).await;
        if view.key.as_deref() == Some(other.url.as_str()) {
            break;
        }
        assert!(Instant::now() < deadline, "the key is never replaced: {:?}", host.watch);
        match view.candidate_key {
            None => drop(customer.share_key(page, &other.url).await),
            Some(candidate) if candidate.works => drop(customer.replace_key(page, &other.url).await),
            Some(_) => {}
        }
        host.settle_unless_newest_first().await;
        host.tick().await;
        sleep(PAUSE).await;
    }
    host.settle().await;
}

/// Does it again until it works: whoever gets no answer tries again.
async fn insist<T>(what: &str, act: impl AsyncFn() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(done) = act().await {
            return done;
        }
        assert!(Instant::now() < deadline, "{what} never succeeds");
        sleep(PAUSE).await;
    }
}

impl Told {
    /// Whether the story ended as the one without a fault, and the page said nothing that it should not.
    pub(crate) fn compare(&self, clean: &Self) -> Result<(), String> {
        if self.end != clean.end {
            return Err(format!("it ends as {:?}", self.end));
        }
        if !self.watch.problems.is_empty() {
            return Err(format!("the page: {:?}", self.watch.problems));
        }
        let said: Vec<_> = self.watch.said.difference(&clean.watch.said).collect();
        if said.is_empty() { Ok(()) } else { Err(format!("the page says {said:?}, which is not so")) }
    }
}
