//! The life of one onboarding, in parts, with all that the functions of the table are for. A function that is added has to
//! be reached from one of them.
//!
//! Each part but the first begins with an onboarding that became active without any trouble, so that a fault late in a
//! life does not need the whole life.

mod leaving;
mod living;
mod onboarding;
mod replacing;
mod revoking;
mod windows;

use std::time::Duration;

use azure_ids::KeyUrl;
use local_world::cast::{Machine, OnboardingPage};
use sandbox::{MarketplaceAction, Purchase, PurchaseOutcome};
use uuid::Uuid;

use crate::{
    app::Playing,
    end::End,
    host::Host,
    page::Watch,
    stage::Stage,
    trouble::{Seen, Trouble},
};

/// Whoever gets no answer tries so often.
const MOST_TRIES: usize = 60;

/// A part of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// From the purchase to encrypted disks and an active subscription. The grant comes late, and a check finds it.
    Onboarding,
    /// A suspension, a reinstatement, and looks: the vendor's, the customer's, and one that an event of the vault asks for.
    Living,
    /// A disk that is tagged later, of a machine that runs, is encrypted in a window.
    Window,
    /// The key is disabled until the grace ladder has stopped a machine, and enabled again.
    Revocation,
    /// Another key takes the place of the key in use.
    Replacement,
    /// The customer leaves.
    Leaving,
}

impl Part {
    pub(crate) const ALL: [Self; 6] =
        [Self::Onboarding, Self::Living, Self::Window, Self::Revocation, Self::Replacement, Self::Leaving];
}

/// What came of a part.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) end: End,
    pub(crate) seen: Seen,
    pub(crate) watch: Watch,
}

/// Who takes part.
pub(crate) struct Cast {
    pub(crate) page: OnboardingPage,
    pub(crate) subscription: Uuid,
    /// Belongs to this story alone, and so does everything that is called by it.
    name: String,
    pub(crate) keys: Vec<KeyUrl>,
    pub(crate) disks: Vec<String>,
    /// That are to run in the end.
    pub(crate) machines: Vec<Machine>,
}

/// Tells a part under this trouble.
pub(crate) async fn tell(stage: &mut Stage, part: Part, trouble: Trouble) -> Told {
    stage.stories += 1;
    let stage = &*stage;
    let app = Playing::new(stage, trouble);
    stage.plays(app.clone());
    let mut host = Host::new(stage, app.clone());
    if part == Part::Onboarding {
        app.trouble.start();
    }
    let (mut cast, key) = onboarding::tell(&mut host, stage.stories).await;
    app.trouble.start();
    match part {
        Part::Onboarding => {}
        Part::Living => living::tell(&mut host, &cast, &key).await,
        Part::Window => windows::tell(&mut host, &mut cast).await,
        Part::Revocation => revoking::tell(&mut host, &mut cast, &key).await,
        Part::Replacement => replacing::tell(&mut host, &mut cast).await,
        Part::Leaving => leaving::tell(&mut host, &cast, &key).await,
    }
    host.replay(Duration::ZERO).await;
    let end = End::read(&host, &cast).await;
    for machine in &cast.machines {
        // One that runs has its keys tried by the simulated Azure for ever after.
        stage.vendor.deallocate(machine).await.unwrap();
    }
    Told { end, seen: app.trouble.seen(), watch: host.watch }
}

/// A purchase of the customer's.
fn buy(stage: &Stage) -> PurchaseOutcome {
    stage.sandbox.purchase(Purchase {
        tenant_id: stage.sandbox.seed().customer.tenant_id,
        purchaser_tenant_id: None,
        offer: "latchkey".to_owned(),
        plan: "standard".to_owned(),
        quantity: None,
        name: "Latchkey".to_owned(),
        email: "buyer@contoso.example".to_owned(),
    })
}

/// The marketplace says what was done to the subscription, again and again until it is heard.
async fn webhook(stage: &Stage, subscription: Uuid, action: MarketplaceAction) {
    let operation = stage.sandbox.begin_action(subscription, action).unwrap();
    insist(stage, "the webhook", async || {
        stage.sandbox.deliver_webhook(operation).await.ok().filter(|status| *status == 200)
    })
    .await;
}

/// A machine that runs from this disk.
async fn make_machine(stage: &Stage, name: &str, disk: &str) -> Machine {
    let machine = stage.vendor.make_machine(name, disk).await.unwrap();
    insist(stage, "the machine", async || {
        let runs = stage.vendor.power(&machine).await.unwrap() == "running";
        runs.then_some(())
    })
    .await;
    machine
}

/// Does it again until it works: whoever gets no answer tries again.
async fn insist<T>(stage: &Stage, what: &str, act: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..MOST_TRIES {
        if let Some(done) = act().await {
            return done;
        }
        stage.pass(Duration::from_secs(1)).await;
    }
    panic!("{what} never succeeds");
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
