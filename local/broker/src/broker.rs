//! A running broker, and what a test may do to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

use crate::amqp_error::AmqpError;
use crate::cbs::Authority;
use crate::clock::Timestamp;
use crate::core::Core;
use crate::declared;
use crate::entra::Directory;
use crate::faults::{Failure, Faults, Operation, Trouble};
use crate::options::{EntraTokens, Options};
use crate::server::{Order, serve};
use crate::start_error::StartError;
use crate::store::{Counts, EntityName};
use crate::tls::Door;

/// Orders that connections may be behind by.
const ORDERS: usize = 64;

/// A Service Bus of one's own, listening until it is stopped or dropped.
#[derive(Debug)]
pub struct Broker {
    address: SocketAddr,
    is_secure: bool,
    queues: Vec<String>,
    entities: Vec<String>,
    core: Arc<Core>,
    orders: broadcast::Sender<Order>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl Broker {
    /// Takes up what is kept in the state folder, makes a fresh key unless one is given, and listens.
    ///
    /// # Errors
    /// When the address cannot be had, what is declared cannot be, or the state is in use, damaged, or holds something
    /// of entities that are not declared.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        declared::check(&options)?;
        let door = Door::with(options.tls.as_ref())?;
        let authority = authority(&options).await?;
        let core = Arc::new(Core::new(&options, authority)?);
        let listen = |source| StartError::Listen { address: options.address, source };
        let listener = TcpListener::bind(options.address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let orders = broadcast::Sender::new(ORDERS);
        let stop = watch::Sender::new(false);
        if let Some(directory) = core.authority.directory() {
            tokio::spawn(directory.clone().keep_up(core.clone(), stop.subscribe()));
        }
        let is_secure = door.is_secure();
        let server =
            serve((listener, door), core.clone(), orders.clone(), stop.subscribe(), options.idle_time_out);
        let entities = paths(&options);
        let queues = options.queues.into_iter().map(|queue| queue.name).collect();
        Ok(Self {
            address,
            is_secure,
            queues,
            entities,
            core,
            orders,
            stop,
            task: Some(tokio::spawn(server)),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What clients need to connect, in the form of Microsoft's emulator, or in Azure's when it listens by TLS. It
    /// contains the key.
    pub fn connection_string(&self) -> String {
        let form = if self.is_secure { "" } else { "UseDevelopmentEmulator=true;" };
        let (name, key) = (self.core.authority.key_name(), self.core.authority.key());
        format!("Endpoint=sb://{};SharedAccessKeyName={name};SharedAccessKey={key};{form}", self.address)
    }

    /// The queues, as they were declared.
    pub fn queues(&self) -> &[String] {
        &self.queues
    }

    /// The paths of all entities that were declared: queues, topics, and subscriptions as `TOPIC/Subscriptions/NAME`.
    pub fn entities(&self) -> &[String] {
        &self.entities
    }

    /// How many messages stand where in a queue, topic or subscription, by its path. None when there is none of it.
    pub fn counts(&self, entity: &str) -> Option<Counts> {
        self.core.counts(&EntityName::new(entity))
    }

    /// When something happens next by itself: a scheduled message comes due, a lock ends, a message expires.
    pub fn next_due(&self) -> Option<SystemTime> {
        self.core.next_deadline().map(Timestamp::system_time)
    }

    /// What a test may do to the broker.
    pub fn control(&self) -> Control {
        Control { core: self.core.clone(), orders: self.orders.clone() }
    }

    /// Returns when the state cannot be written, as on a full disk. Nothing is acknowledged any more: whatever was, is
    /// there when a broker is started on the same state again.
    pub async fn failed(&self) {
        self.core.failed().await;
    }

    /// Closes all connections with `amqp:connection:forced` and stops listening.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the broker did not stop cleanly");
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// What a test may do to a running broker.
#[derive(Debug, Clone)]
pub struct Control {
    core: Arc<Core>,
    orders: broadcast::Sender<Order>,
}

impl Control {
    /// Breaks all connections off without a word. Locks stay until they end, as in Azure.
    pub fn drop_connections(&self) {
        self.order(Order::Drop);
    }

    /// Closes all connections with `amqp:connection:forced`, as Azure does for maintenance.
    pub fn close_connections(&self) {
        self.order(Order::Close(AmqpError::new(
            "amqp:connection:forced",
            "The connection was closed by request.",
        )));
    }

    /// Ends all links with `amqp:link:detach-forced`, or those to one entity and its management node.
    pub fn detach_links(&self, entity: Option<&str>) {
        let fault = AmqpError::new("amqp:link:detach-forced", "The link was detached by request.");
        self.order(Order::Detach(entity.map(EntityName::new), fault));
    }

    /// Lets time pass in the store: locks end, messages expire and come due, tokens run out.
    pub fn advance_clock(&self, by: Duration) {
        self.core.clock.advance(by);
        self.clock_moved();
    }

    /// Does at once what has come due, after [`Options::ahead_milliseconds`] was moved.
    pub fn clock_moved(&self) {
        if self.core.act(|_| ()).is_err() {
            tracing::debug!("the clock of a broken broker was moved");
        }
        self.core.nudge();
    }

    /// Lets the next `times` operations of a kind fail, on whatever connection. Nothing of them is done.
    ///
    /// What was ordered earlier strikes earlier.
    pub fn fail_next(&self, operation: Operation, times: usize, failure: Failure) {
        self.trouble(|faults| faults.order(operation, times, Trouble::Fail(failure)));
    }

    /// Lets the next `times` operations of a kind be answered late: they are done, and everything that their
    /// connection is sent from then on is kept back for so long. The time is the machine's, not the broker's clock.
    pub fn delay_next(&self, operation: Operation, times: usize, delay: Duration) {
        self.trouble(|faults| faults.order(operation, times, Trouble::Delay(delay)));
    }

    /// Takes back what [`fail_next`](Self::fail_next) and [`delay_next`](Self::delay_next) ordered and has not struck.
    pub fn forget_faults(&self) {
        self.trouble(Faults::clear);
    }

    /// How much of what [`fail_next`](Self::fail_next) and [`delay_next`](Self::delay_next) ordered has not struck.
    pub fn faults_left(&self) -> usize {
        self.core.act(|context| context.faults.left()).unwrap_or_default()
    }

    /// How many messages stand where in a queue, topic or subscription, by its path.
    pub fn counts(&self, entity: &str) -> Option<Counts> {
        self.core.counts(&EntityName::new(entity))
    }

    fn trouble(&self, order: impl FnOnce(&mut Faults)) {
        if self.core.act(|context| order(context.faults)).is_err() {
            tracing::debug!("a broken broker fails without being ordered to");
        }
    }

    fn order(&self, order: Order) {
        // Without connections there is nobody to tell.
        if self.orders.send(order).is_err() {
            tracing::debug!("an order reached no connection");
        }
    }
}

async fn authority(options: &Options) -> Result<Authority, StartError> {
    let authority = with_key(options)?;
    match &options.entra_tokens {
        EntraTokens::Verify(entra) => Ok(authority.trusting(Arc::new(Directory::open(entra).await?))),
        EntraTokens::Refuse | EntraTokens::AcceptUnverified => Ok(authority),
    }
}

fn with_key(options: &Options) -> Result<Authority, StartError> {
    match &options.key {
        None => Authority::generate(options.entra_tokens.clone())
            .map_err(|_| StartError::Key("the operating system has no random numbers")),
        Some(key)
            if key.is_empty()
                || key.contains(|character: char| !character.is_ascii_graphic() || character == ';') =>
        {
            Err(StartError::Key("a key is printable, and has neither semicolons nor spaces"))
        }
        Some(key) => Ok(Authority::with_key(key.clone(), options.entra_tokens.clone())),
    }
}

fn paths(options: &Options) -> Vec<String> {
    let mut paths: Vec<String> = options.queues.iter().map(|queue| queue.name.clone()).collect();
    for topic in &options.topics {
        paths.push(topic.name.clone());
        let below = topic.subscriptions.iter();
        paths.extend(below.map(|subscription| format!("{}/Subscriptions/{}", topic.name, subscription.name)));
    }
    paths
}
