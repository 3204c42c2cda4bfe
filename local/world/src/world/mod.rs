//! The local world: sandbox, broker and functions host, with the vendor's set-up done and the function app running.
//!
//! One library call brings it up, for `latchkey demo`, for `latchkey up`, and for tests that go through the front
//! door. Everything listens on 127.0.0.1.

mod advance;
mod app_folder;
pub(crate) mod as_deployed;
mod azurite;
mod entities;
mod env_file;
pub(crate) mod folder;
mod handler;
mod memory;
pub(crate) mod ports;
mod running_sandbox;
mod services;
mod settings;
mod start;
mod waiting;
mod watcher;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use broker::{Broker, Counts};
use functions_host::Host;
use sandbox::Sandbox;
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

pub use app_folder::lay_out;
pub use azurite::AzuriteProgram;
pub use entities::broker_configuration;
pub use env_file::{read_exports, write_exports};
pub use handler::HandlerCommand;
pub use running_sandbox::RunningSandbox;
pub(crate) use services::listing;
pub use services::set_up_vendor;
pub use settings::{Around, Sources, app_settings, reached_by_key};
pub use start::LocalWorldOptions;
pub use waiting::WaitedTooLong;
pub use watcher::Watched;

pub use crate::clock::WorldClock;

use crate::cast::{Customer, Fulfilment, Network, Vendor};
use crate::step::StepReport;
use crate::story::{Story, Who};
use azurite::Azurite;
use folder::Folder;
use memory::Memory;
use watcher::Watcher;

/// The disk that the vendor makes for the first purchase.
const FIRST_DISK: &str = "disk-customer-1";

/// A running local world. Dropping it stops everything without waiting; [`LocalWorld::stop`] stops it in order.
pub struct LocalWorld {
    // Dropped in this order: the host and its handler process first, what they stand on after them.
    host: Host,
    watcher: Watcher,
    broker: Broker,
    /// The blob store, in the shape that is deployed.
    store: Option<Azurite>,
    sandbox: Sandbox,
    clock: WorldClock,
    network: Network,
    vendor: Vendor,
    customer: Customer,
    fulfilment: Fulfilment,
    url: Url,
    queues: Vec<String>,
    settings: BTreeMap<String, String>,
    memory: Memory,
    story: Story,
    folder: Folder,
}

/// A purchase in the marketplace.
#[derive(Clone)]
pub struct Purchase {
    /// The marketplace's id of it.
    pub subscription_id: Uuid,
    /// Where "Configure account now" leads. It holds a token that is as good as a password.
    pub landing: Url,
}

impl std::fmt::Debug for Purchase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Purchase")
            .field("subscription_id", &self.subscription_id)
            .finish_non_exhaustive()
    }
}

impl LocalWorld {
    /// Where customers reach the function app: `http://127.0.0.1:{port}/`.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The simulated Azure.
    #[must_use]
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The embedded Service Bus.
    #[must_use]
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// The Functions host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// How to reach the simulated Azure, for one more customer or browser.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The vendor's engineer.
    #[must_use]
    pub fn vendor(&self) -> &Vendor {
        &self.vendor
    }

    /// The customer's administrator.
    #[must_use]
    pub fn customer(&self) -> &Customer {
        &self.customer
    }

    /// The vendor's view of the marketplace.
    #[must_use]
    pub fn fulfilment(&self) -> &Fulfilment {
        &self.fulfilment
    }

    /// The app settings that the function app runs with. They hold secrets.
    #[must_use]
    pub fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    /// The folder that holds the world's files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.root()
    }

    /// Where what happens is told.
    #[must_use]
    pub fn story(&self) -> &Story {
        &self.story
    }

    /// The queues of the function app.
    #[must_use]
    pub fn queues(&self) -> &[String] {
        &self.queues
    }

    /// What stands in each queue of the function app.
    #[must_use]
    pub fn queue_counts(&self) -> Vec<(String, Counts)> {
        let counts = |name: &String| Some((name.clone(), self.broker.counts(name)?));
        self.queues.iter().filter_map(counts).collect()
    }

    /// Every step that the function app reported so far, in the order they ended.
    #[must_use]
    pub fn steps(&self) -> Vec<StepReport> {
        self.watcher.look(|watched| watched.steps.clone())
    }

    /// Looks at everything seen of the function app and its host so far.
    pub fn watched<T>(&self, look: impl FnOnce(&Watched) -> T) -> T {
        self.watcher.look(look)
    }

    /// Buys the vendor's offer for the customer's tenant. For the first purchase the vendor makes a disk.
    ///
    /// # Errors
    ///
    /// The landing page's address cannot be built, or Azure makes no disk.
    pub async fn purchase(&self) -> anyhow::Result<Purchase> {
        let purchase = start::buy(&self.sandbox)?;
        self.story.tell(Who::Marketplace, "sells a subscription to the customer");
        self.vendor.make_disk_for(FIRST_DISK, purchase.subscription_id).await?;
        Ok(purchase)
    }

    /// Kills the handler process with SIGKILL, as the platform may at any time.
    ///
    /// # Errors
    ///
    /// There is no handler process at this moment, or it cannot be killed.
    pub fn kill_handler(&self) -> anyhow::Result<()> {
        let process = self.host.handler_process_id().context("there is no handler process at this moment")?;
        handler::kill(process).with_context(|| format!("could not kill the handler process {process}"))
    }

    /// Waits until `look` finds something, looking again often and whenever a step ended.
    ///
    /// # Errors
    ///
    /// [`WaitedTooLong`] at the deadline, with the last error of `look` in it; or the host gave up.
    pub async fn wait_for<T>(
        &self,
        what: &str,
        deadline: Instant,
        look: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        waiting::wait_for(&self.watcher, what, deadline, look).await
    }

    /// Waits until a condition holds.
    ///
    /// # Errors
    ///
    /// As [`LocalWorld::wait_for`].
    pub async fn wait_until(
        &self,
        what: &str,
        deadline: Instant,
        mut condition: impl AsyncFnMut() -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        self.wait_for(what, deadline, async || Ok(condition().await?.then_some(()))).await
    }

    /// Stops everything in order: first the host and its handler process, then what they stand on.
    pub async fn stop(self) {
        self.watcher.stopping();
        self.story.tell(Who::World, "stops");
        self.host.stop().await;
        // The host is gone, and with it whoever tells the watcher anything: it ends by itself.
        self.watcher.finish(Duration::from_secs(5)).await;
        self.broker.stop().await;
        if let Some(store) = self.store {
            store.stop().await;
        }
        self.sandbox.stop().await;
    }
}
