//! What the function app stands on: folder, Service Bus, simulated Azure, and the vendor's one-time set-up in it.

use std::net::TcpListener;

use anyhow::{Context, ensure};
use broker::{Broker, QueueOptions, SubscriptionOptions, TopicOptions};
use sandbox::{Listing, Sandbox};
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

use super::entities::VENDOR;
use super::folder::Folder;
use super::memory::Memory;
use super::{LocalWorldOptions, ports, start::PLAN};
use crate::cast::{Azure, Estate, Network, Vendor};
use crate::clock::WorldClock;
use crate::story::{Story, Who};

/// What everything else stands on.
pub(super) struct Services {
    pub(super) folder: Folder,
    pub(super) memory: Memory,
    pub(super) clock: WorldClock,
    /// None where it needs what the vendor's set-up makes first.
    pub(super) broker: Option<Broker>,
    pub(super) sandbox: Sandbox,
    /// Where customers will reach the function app, held from now on: its address is part of the vendor's set-up.
    pub(super) listener: TcpListener,
    pub(super) url: Url,
    pub(super) queues: Vec<String>,
}

/// Starts the sandbox in the folder, the broker too where it stands by itself, and holds the port that customers will
/// use.
pub(super) async fn start_services(options: &LocalWorldOptions) -> anyhow::Result<Services> {
    let folder = Folder::open(options.dir.as_deref())?;
    let mut memory = Memory::recall(folder.path("world.json"))?;
    let listener = options.http_port.map_or_else(|| ports::hold(memory.http_port), ports::hold_exactly)?;
    let port = listener.local_addr().context("a listener has an address")?.port();
    let url = Url::parse(&format!("http://127.0.0.1:{port}")).context("an address with a port is a URL")?;
    let queues = latchkey_functions::package::queue_names();
    let clock = WorldClock::open(folder.path("clock"))?;
    memory.http_port = Some(port);
    let broker = match options.as_deployed {
        Some(_) => None,
        None => Some(start_broker(&folder, &clock, &mut memory, options, |plain| plain).await?),
    };
    let sandbox = start_sandbox(&folder, &clock, options).await?;
    memory.keep()?;
    Ok(Services { folder, memory, clock, broker, sandbox, listener, url, queues })
}

/// Starts the broker with every queue and topic of the function app, and with what `complete` adds.
pub(super) async fn start_broker(
    folder: &Folder,
    clock: &WorldClock,
    memory: &mut Memory,
    options: &LocalWorldOptions,
    complete: impl FnOnce(broker::Options) -> broker::Options,
) -> anyhow::Result<Broker> {
    let since = Instant::now();
    let address = ports::hold(memory.broker_port)?.local_addr().context("a listener has an address")?;
    let queue =
        |name: &String| QueueOptions { requires_duplicate_detection: true, ..QueueOptions::new(name) };
    let topic = |name: &String| TopicOptions {
        requires_duplicate_detection: true,
        subscriptions: vec![SubscriptionOptions::new(VENDOR)],
        ..TopicOptions::new(name)
    };
    let queues = latchkey_functions::package::queue_names();
    let of_broker = complete(broker::Options {
        address,
        queues: queues.iter().map(queue).collect(),
        topics: latchkey_functions::package::topic_names().iter().map(topic).collect(),
        state: folder.lasting("broker"),
        ahead_milliseconds: clock.shared(),
        ..broker::Options::default()
    });
    let broker = Broker::start(of_broker).await.context("could not start the embedded Service Bus")?;
    memory.broker_port = Some(broker.address().port());
    let what = format!("Service Bus listens on {} with {} queues", broker.address(), queues.len());
    options.story.tell_since(since, Who::World, what);
    Ok(broker)
}

async fn start_sandbox(
    folder: &Folder,
    clock: &WorldClock,
    options: &LocalWorldOptions,
) -> anyhow::Result<Sandbox> {
    let since = Instant::now();
    let of_sandbox = sandbox::Options {
        state: folder.lasting("sandbox"),
        run_folder: folder.path("run"),
        lags: options.lags.clone(),
        har: options.har,
        ahead_milliseconds: Some(clock.shared()),
    };
    let sandbox = Sandbox::start(of_sandbox).await.context("could not start the simulated Azure")?;
    options.story.tell_since(
        since,
        Who::World,
        format!("the simulated Azure is behind the proxy {}", sandbox.proxy_url()),
    );
    Ok(sandbox)
}

/// The vendor's one-time set-up, over the real wires, and what has no wire: the listing in the marketplace, and the
/// identity that the platform gives the function app.
///
/// # Errors
///
/// Azure refuses something, or does not answer.
pub async fn set_up_vendor(
    network: &Network,
    sandbox: &Sandbox,
    url: &Url,
    story: &Story,
) -> anyhow::Result<Vendor> {
    let seed = sandbox.seed();
    let azure = Azure::new(network, &seed.vendor)?;
    let vendor = Vendor::set_up(azure, url.as_str(), story.clone()).await.context("the vendor's set-up")?;
    let identity = &vendor.estate().identity.id;
    ensure!(
        sandbox.attach_identity(identity),
        "the identity {identity} cannot be assigned to the function app"
    );
    story.tell(Who::Vendor, "assigns the managed identity to the function app");
    sandbox.configure_marketplace(listing(seed.vendor.tenant_id, vendor.estate(), url)?);
    story.tell(Who::Vendor, "lists the offer in the marketplace");
    Ok(vendor)
}

/// The vendor's offer in the marketplace.
pub(crate) fn listing(publisher_tenant: Uuid, estate: &Estate, url: &Url) -> anyhow::Result<Listing> {
    let landing = url.join("/api/signup").context("the landing page's address is a URL")?;
    let webhook = url.join("/api/marketplace/webhook").context("the webhook's address is a URL")?;
    Ok(Listing {
        publisher_tenant,
        publisher_application: estate.application_id,
        publisher: "latchkey-vendor".to_owned(),
        landing_page_url: landing.into(),
        webhook_url: webhook.into(),
        plans: vec![PLAN.to_owned()],
    })
}
