//! The life of one onboarding, in parts, with all that queue functions are for. Each part but the first begins with an
//! onboarding that became active before anything is killed. Time passes by the world's clock.

use std::time::Duration;

use local_world::{
    cast::{CustomerKey, OnboardingPage, OnboardingView},
    world::{LocalWorld, Purchase},
};
use sandbox::MarketplaceAction;
use tokio::time::Instant;

use crate::{
    key_events::Offered,
    machines::Machine,
    support::{PATIENCE, grant, insist, run_timer},
    windows,
};

/// What does not come within this time does not come.
const LONGEST: Duration = Duration::from_secs(2 * 86_400);
/// As long as a former key may be needed, as documented.
const FORMER_KEY_IS_NEEDED: Duration = Duration::from_secs(3_600);

/// A part of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// From the purchase to an active subscription; the grant comes late and is found by a check.
    Onboarding,
    /// A suspension and a reinstatement, the daily look at the subscription, an event of the vault.
    Living,
    /// A disk that is tagged later, of a machine that runs, is encrypted in a window.
    Window,
    /// The key is taken away, with all rungs of the grace ladder, and comes back.
    Revocation,
    /// Another key takes the place of the key in use.
    Replacement,
    /// The customer leaves.
    Leaving,
}

impl Part {
    pub(super) const ALL: [Self; 6] =
        [Self::Onboarding, Self::Living, Self::Window, Self::Revocation, Self::Replacement, Self::Leaving];
}

/// One onboarding, and what belongs to it.
pub(super) struct Life {
    part: Part,
    name: String,
    pub(super) purchase: Purchase,
    pub(super) disks: Vec<String>,
    pub(super) machines: Vec<Machine>,
    page: Option<OnboardingPage>,
    /// The newest is in use.
    pub(super) keys: Vec<CustomerKey>,
}

impl Life {
    /// As far as nothing is killed.
    pub(super) async fn begin(world: &LocalWorld, part: Part, number: usize) -> Self {
        let purchase = world.purchase().await.unwrap();
        let name = format!("contoso-{number}");
        let disk =
            world.vendor().make_disk_for(&format!("{name}-a"), purchase.subscription_id).await.unwrap();
        let (disks, machines) = (vec![disk], vec![]);
        let mut life = Self { part, name, purchase, disks, machines, page: None, keys: vec![] };
        if part != Part::Onboarding {
            life.is_onboarded(world).await;
        }
        life
    }

    /// The part that is meant.
    pub(super) async fn go_on(&mut self, world: &LocalWorld) {
        match self.part {
            Part::Onboarding => self.is_onboarded(world).await,
            Part::Living => self.lives(world).await,
            Part::Window => self.has_a_window(world).await,
            Part::Revocation => self.is_revoked(world).await,
            Part::Replacement => self.replaces_its_key(world).await,
            Part::Leaving => self.leaves(world).await,
        }
        pass_until(world, "empty queues", async || {
            Ok(world.queues().iter().all(|queue| {
                let counts = world.broker().counts(queue).unwrap();
                counts.active + counts.scheduled + counts.deferred + counts.locked == 0
            }))
        })
        .await;
    }

    pub(super) fn page(&self) -> &OnboardingPage {
        self.page.as_ref().unwrap()
    }

    fn key(&self) -> &CustomerKey {
        self.keys.last().unwrap()
    }

    pub(super) fn has_left(&self) -> bool {
        self.part == Part::Leaving
    }

    /// Waits until the page says this.
    async fn until(&self, world: &LocalWorld, what: &str, holds: impl Fn(&OnboardingView) -> bool) {
        // While the handler process is started again there is no page, and no time may pass for that.
        let look = async || Ok(world.customer().look(self.page()).await.ok());
        let holds = async || {
            let deadline = Instant::now() + PATIENCE;
            Ok(holds(&world.wait_for("the page", deadline, look).await?))
        };
        pass_until(world, what, holds).await;
    }

    async fn until_state(&self, world: &LocalWorld, state: &str) {
        self.until(world, state, |view| view.state == state).await;
    }

    async fn until_blocked(&self, world: &LocalWorld, code: &str) {
        self.until(world, code, |view| view.blockers.iter().any(|blocker| blocker.code == code)).await;
    }

    async fn check_again(&self, world: &LocalWorld) {
        insist(world, "the check", async || world.customer().check_again(self.page()).await).await;
    }

    async fn is_onboarded(&mut self, world: &LocalWorld) {
        let customer = world.customer();
        let load = async || Ok(customer.sign_up(&self.purchase.landing).await.ok());
        let deadline = Instant::now() + PATIENCE;
        self.page = Some(world.wait_for("the landing page", deadline, load).await.unwrap());
        self.until_state(world, "awaiting-consent").await;
        insist(world, "the consent", async || customer.consent(self.page()).await.map(drop)).await;
        self.until_state(world, "awaiting-key").await;
        let key = customer.make_key(&self.name).await.unwrap();
        insist(world, "the key", async || customer.share_key(self.page(), &key.url).await).await;
        self.until_blocked(world, "grant-missing").await;
        grant(world, &key).await;
        self.check_again(world).await;
        self.until_state(world, "active").await;
        self.keys.push(key);
    }

    async fn lives(&self, world: &LocalWorld) {
        self.webhook(world, MarketplaceAction::Suspend, "suspended").await;
        self.webhook(world, MarketplaceAction::Reinstate, "active").await;
        // A run of the timer that a kill ends is not made up for before tomorrow.
        insist(world, "the timer", async || run_timer(world, "check_subscriptions").await).await;
        // Event Grid delivers again what was not taken.
        let deadline = Instant::now() + PATIENCE;
        let offered = async || Ok(Offered::on(self.page()).await.ok());
        let offered = world.wait_for("the page", deadline, offered).await.unwrap();
        let vault = &self.key().vault;
        insist(world, "the event", async || {
            let status = offered.tell(vault, 1).await?;
            anyhow::ensure!(status == 200, "{status}");
            Ok(())
        })
        .await;
        self.check_again(world).await;
        self.until_state(world, "active").await;
    }

    async fn has_a_window(&mut self, world: &LocalWorld) {
        let subscription = self.purchase.subscription_id;
        let disk = world.vendor().make_disk_for(&format!("{}-b", self.name), subscription).await.unwrap();
        let machine = Machine::make(world, &format!("{}-b", self.name), &[&disk]).await;
        insist(world, "the window", async || {
            windows::set_soon(world, self.page(), 1).await.map(drop).ok_or_else(|| anyhow::anyhow!("not set"))
        })
        .await;
        let over =
            async || Ok(windows::phase(world, self.page()).await.is_some_and(|phase| phase == "ended"));
        pass_until(world, "the end of the window", over).await;
        self.until_state(world, "active").await;
        self.disks.push(disk);
        self.machines.push(machine);
    }

    async fn is_revoked(&mut self, world: &LocalWorld) {
        let machine = Machine::make(world, &self.name, &[&self.disks[0]]).await;
        for (enabled, state, power) in [(false, "revoked", "deallocated"), (true, "active", "running")] {
            world.customer().enable_key(self.key(), enabled).await.unwrap();
            self.check_again(world).await;
            self.until_state(world, state).await;
            let is_so = async || Ok(machine.power(world).await == power);
            pass_until(world, power, is_so).await;
        }
        self.machines.push(machine);
    }

    async fn replaces_its_key(&mut self, world: &LocalWorld) {
        let customer = world.customer();
        let other = customer.make_key(&format!("{}-b", self.name)).await.unwrap();
        grant(world, &other).await;
        self.keys.push(other.clone());
        insist(world, "the other key", async || customer.share_key(self.page(), &other.url).await).await;
        self.until(world, "the other key to work", |view| {
            view.candidate_key.as_ref().is_some_and(|candidate| candidate.works)
        })
        .await;
        insist(world, "the change", async || customer.replace_key(self.page(), &other.url).await).await;
        self.until(world, "the other key to be in use", |view| {
            view.key.as_deref() == Some(other.url.as_str())
        })
        .await;
        world.settle().await.unwrap();
        world.jump(FORMER_KEY_IS_NEEDED).await.unwrap();
        let released = async || Ok(super::end::keys_held(world, self).await == 1);
        pass_until(world, "the former key to be released", released).await;
    }

    async fn leaves(&self, world: &LocalWorld) {
        self.webhook(world, MarketplaceAction::Unsubscribe, "leaving").await;
        self.until_blocked(world, "access-remains").await;
        let application = world.vendor().estate().application_id;
        let principal = world.customer().service_principal(application).await.unwrap();
        world.customer().take_back(self.key(), principal).await.unwrap();
        self.check_again(world).await;
        self.until_state(world, "ended").await;
    }

    /// The marketplace repeats a webhook that was not taken.
    async fn webhook(&self, world: &LocalWorld, action: MarketplaceAction, becomes: &str) {
        let operation = world.sandbox().begin_action(self.purchase.subscription_id, action).unwrap();
        insist(world, "the webhook", async || {
            let status = world.sandbox().deliver_webhook(operation).await?;
            anyhow::ensure!(status == 200, "{status}");
            Ok(())
        })
        .await;
        self.until_state(world, becomes).await;
    }
}

/// Lets the world's time pass.
async fn pass_until(world: &LocalWorld, what: &str, holds: impl AsyncFnMut() -> anyhow::Result<bool>) {
    if let Err(error) = world.advance_until(what, LONGEST, holds).await {
        let problems = world.watched(|watched| watched.problems.clone());
        panic!("{error:#}\nsteps: {:#?}\n{problems:#?}", world.steps());
    }
}
