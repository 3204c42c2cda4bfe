//! Brings the local world up: first what the function app stands on, then the vendor's set-up, then the app itself.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use functions_host::{Host, HostEvent};
use sandbox::{Lags, Sandbox};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout};
use url::Url;

use super::folder::Folder;
use super::services::{Services, set_up_vendor, start_services};
use super::settings::{self, Around, Sources};
use super::watcher::Watcher;
use super::{AzuriteProgram, HandlerCommand, LocalWorld, Purchase, app_folder, as_deployed, ports};
use crate::cast::{Azure, Customer, Fulfilment, Network};
use crate::clock::WorldClock;
use crate::kill;
use crate::story::{Story, Who};

/// The handler process must answer within this time.
const HANDLER_LIMIT: Duration = Duration::from_secs(120);
const OFFER: &str = "latchkey";
pub(super) const PLAN: &str = "standard";

/// How a local world is to be brought up.
#[derive(Debug, Clone)]
pub struct LocalWorldOptions {
    /// The folder whose state survives. `None` takes a temporary one that is removed at the end.
    pub dir: Option<PathBuf>,
    /// Where customers reach the function app. `None` takes the port of the last time, if it is free, or a free one.
    pub http_port: Option<u16>,
    /// Runs everything in the shape that `infra/` deploys, with this blob store: Service Bus by TLS, everything by the
    /// managed identity. The clock cannot be moved then.
    pub as_deployed: Option<AzuriteProgram>,
    /// How slow the simulated Azure is.
    pub lags: Lags,
    /// What plays the handler process. `None` takes this program, as `latchkey functions`.
    pub handler: Option<HandlerCommand>,
    /// Whether the handler process takes orders to kill itself ([`LocalWorld::order_kill`]).
    pub takes_kill_orders: bool,
    /// Whether every exchange with the simulated Azure is kept for a HAR document.
    pub har: bool,
    /// App settings besides, or instead of, those that are computed.
    pub settings: BTreeMap<String, String>,
    /// Where it is told what happens.
    pub story: Story,
}

impl Default for LocalWorldOptions {
    /// A temporary world without delays, untold.
    fn default() -> Self {
        Self {
            dir: None,
            http_port: None,
            as_deployed: None,
            lags: Lags::default(),
            handler: None,
            takes_kill_orders: false,
            har: false,
            settings: BTreeMap::new(),
            story: Story::silent(),
        }
    }
}

impl LocalWorld {
    /// Brings everything up. When it returns, the handler process is ready and the vendor has a disk for the customer.
    ///
    /// # Errors
    ///
    /// The folder is in use or cannot be written, a port is taken, the vendor's set-up is refused, or the handler
    /// process does not answer.
    pub async fn start(options: LocalWorldOptions) -> anyhow::Result<Self> {
        let story = options.story.clone();
        let Services { folder, mut memory, clock, broker, sandbox, listener, url, queues } =
            start_services(&options).await?;
        let network = Network::new(&sandbox.proxy_url(), sandbox.ca_file())?.in_time_of(clock.clone());
        let vendor = set_up_vendor(&network, &sandbox, &url, &story).await?;
        let fulfilment = Fulfilment::new(&network, &sandbox, vendor.estate())?;
        let since = Instant::now();
        fulfilment.usable().await?;
        story.tell_since(since, Who::Vendor, "signs in as the application with the managed identity");
        let customer =
            Customer::new(Azure::new(&network, &sandbox.seed().customer)?, &network, story.clone())?;

        let (broker, store, reached_by) = match (broker, &options.as_deployed) {
            (Some(broker), _) => {
                let by = settings::reached_by_key(&broker.connection_string(), &journal_in(&folder)?)?;
                (broker, None, by)
            }
            (None, Some(azurite)) => {
                let parts = (&folder, &clock, &mut memory);
                let deployed =
                    Box::pin(as_deployed::start(azurite, parts, &options, &sandbox, &vendor)).await?;
                (deployed.broker, Some(deployed.store), deployed.settings)
            }
            (None, None) => bail!("the Service Bus was not started"),
        };
        let mut settings = settings::app_settings(&Sources {
            around: Around::of(&sandbox),
            estate: vendor.estate(),
            reached_by,
            public_url: &url,
            signing_key: &memory.signing_key,
        });
        settings.extend(
            handler_command(options.handler, options.takes_kill_orders, &folder, &clock)?.overrides(),
        );
        settings.extend(options.settings);

        let (observer, events) = unbounded_channel();
        let watcher = Watcher::start(events, story.clone());
        let host = start_host(&folder, &clock, listener, settings.clone(), observer, &watcher).await?;
        Ok(Self {
            host,
            watcher,
            broker,
            store,
            sandbox,
            clock,
            network,
            vendor,
            customer,
            fulfilment,
            url,
            queues,
            settings,
            memory,
            story,
            folder,
        })
    }

    /// Starts the functions host again, as the platform does: at the third crash of its handler process the host ends, and
    /// another one takes its place. What was watched so far is forgotten.
    ///
    /// # Errors
    ///
    /// The port is taken, or the handler process does not answer.
    pub async fn restart_host(self) -> anyhow::Result<Self> {
        self.watcher.stopping();
        self.host.stop().await;
        self.watcher.finish(Duration::from_secs(5)).await;
        let port = self.url.port().context("the function app has a port")?;
        let (observer, events) = unbounded_channel();
        let watcher = Watcher::start(events, self.story.clone());
        let listener = ports::hold_exactly(port)?;
        let host = start_host(&self.folder, &self.clock, listener, self.settings.clone(), observer, &watcher)
            .await?;
        Ok(Self { host, watcher, ..self })
    }

    /// What another shell needs to work in this world. It holds secrets.
    #[must_use]
    pub fn exports(&self) -> Vec<(&'static str, String)> {
        let azure_config = self.folder.path("azure");
        let connection = self.store.is_none().then(|| self.broker.connection_string());
        settings::exports(&self.sandbox, connection, &self.url, &azure_config)
    }

    /// The first purchase of this world, made now or in an earlier run, with a landing page that can be opened.
    ///
    /// # Errors
    ///
    /// What is to be remembered cannot be written.
    pub async fn first_purchase(&mut self) -> anyhow::Result<Purchase> {
        let before = self.memory.first_purchase.and_then(|id| self.sandbox.reopen_landing_page(id));
        if let Some(outcome) = before {
            return purchase_of(outcome);
        }
        let purchase = self.purchase().await?;
        self.memory.first_purchase = Some(purchase.subscription_id);
        self.memory.keep()?;
        Ok(purchase)
    }

    /// Orders the handler process to kill itself when this function's step is suspended for the n-th time. Each function
    /// has its own order.
    ///
    /// # Errors
    ///
    /// The order cannot be written.
    pub fn order_kill(&self, function: &str, nth: u32) -> anyhow::Result<()> {
        kill::order(&kill_orders(&self.folder), function, nth).context("could not order a kill")
    }

    /// Takes the order for this function back. Answers whether it had not been carried out.
    ///
    /// # Errors
    ///
    /// The order cannot be removed.
    pub fn take_kill_back(&self, function: &str) -> anyhow::Result<bool> {
        kill::take_back(&kill_orders(&self.folder), function).context("could not take an order back")
    }
}

/// Buys the offer for the customer's tenant.
pub(super) fn buy(sandbox: &Sandbox) -> anyhow::Result<Purchase> {
    let customer = sandbox.seed().customer;
    purchase_of(sandbox.purchase(sandbox::Purchase {
        tenant_id: customer.tenant_id,
        purchaser_tenant_id: None,
        offer: OFFER.to_owned(),
        plan: PLAN.to_owned(),
        quantity: None,
        name: "Latchkey for the customer".to_owned(),
        email: format!("buyer@{}", customer.domain),
    }))
}

fn purchase_of(outcome: sandbox::PurchaseOutcome) -> anyhow::Result<Purchase> {
    let landing = outcome.landing_url.context("the marketplace has no landing page")?;
    let landing = Url::parse(&landing).context("the landing page's address is no URL")?;
    Ok(Purchase { subscription_id: outcome.subscription_id, landing })
}

fn journal_in(folder: &Folder) -> anyhow::Result<PathBuf> {
    let journal = folder.path("journal");
    std::fs::create_dir_all(&journal).context("could not make the journal's folder")?;
    Ok(journal)
}

fn handler_command(
    handler: Option<HandlerCommand>,
    takes_kill_orders: bool,
    folder: &Folder,
    clock: &WorldClock,
) -> anyhow::Result<HandlerCommand> {
    let mut command = handler.map_or_else(HandlerCommand::this_program, Ok)?;
    command.arguments.extend(["--clock".to_owned(), clock.file().display().to_string()]);
    if takes_kill_orders {
        let orders = kill_orders(folder).display().to_string();
        command.arguments.extend(["--kill-orders".to_owned(), orders]);
    }
    Ok(command)
}

fn kill_orders(folder: &Folder) -> PathBuf {
    folder.path("kills")
}

async fn start_host(
    folder: &Folder,
    clock: &WorldClock,
    listener: TcpListener,
    environment: BTreeMap<String, String>,
    observer: UnboundedSender<HostEvent>,
    watcher: &Watcher,
) -> anyhow::Result<Host> {
    let script_root = folder.path("app");
    app_folder::lay_out(&script_root).context("could not write the function app's folder")?;
    let listen = functions_host::Listen::On(listener);
    let options = functions_host::Options {
        script_root,
        listen,
        environment,
        observer: Some(observer),
        timer_status: None,
        ahead_milliseconds: clock.shared(),
    };
    let host = Host::start(options).await.context("could not start the functions host")?;
    let left_out: Vec<_> = host.function_errors().iter().map(ToString::to_string).collect();
    ensure!(left_out.is_empty(), "the functions host could not load functions: {}", left_out.join("; "));
    let ready = timeout(HANDLER_LIMIT, host.ready()).await;
    let ready =
        ready.unwrap_or_else(|_| Err(format!("it did not answer within {} s", HANDLER_LIMIT.as_secs())));
    ready.map_err(|reason| {
        let problems = watcher.look(|watched| Vec::from(watched.problems.clone()).join("\n  "));
        anyhow!("the handler process did not start: {reason}\n  {problems}")
    })?;
    Ok(host)
}
