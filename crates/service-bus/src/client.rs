//! The client: one connection, opened when it is first needed and opened again on any doubt.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use azure_core::credentials::TokenCredential;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout},
};

use crate::{
    authentication::Authentication,
    connection_string::{ConnectionString, ConnectionStringError},
    entity::Entity,
    error::ServiceBusError,
    link::{Connection, Endpoint, Tls},
    options::ClientOptions,
    receiver::ServiceBusReceiver,
    sender::ServiceBusSender,
};

/// A client of one Service Bus namespace.
///
/// Cloning is cheap; all clones, senders and receivers share one connection. Nothing is sent before the first
/// operation. `Debug` shows no secret.
#[derive(Clone)]
pub struct ServiceBusClient {
    inner: Arc<Inner>,
}

struct Inner {
    endpoint: Endpoint,
    authentication: Authentication,
    entity_path: Option<String>,
    options: ClientOptions,
    connection: Mutex<Option<Arc<Connection>>>,
    closed: AtomicBool,
}

impl ServiceBusClient {
    /// A client for a connection string, with the default options.
    ///
    /// # Errors
    /// When the string cannot be read; the error repeats no part of it.
    pub fn from_connection_string(text: &str) -> Result<Self, ConnectionStringError> {
        Ok(Self::from_parsed_connection_string(text.parse()?, ClientOptions::default()))
    }

    /// A client for a connection string that was read before.
    pub fn from_parsed_connection_string(string: ConnectionString, options: ClientOptions) -> Self {
        let port = string.port_or(options.tls_port);
        let tls = (!string.use_development_emulator).then(|| Tls::trusting(&options));
        let endpoint = Endpoint { host: string.host, port, tls };
        Self::build(endpoint, Authentication::SharedAccess(string.key), string.entity_path, options)
    }

    /// A client for a namespace, for instance `contoso.servicebus.windows.net`, that proves who it is by Entra, with
    /// the default options. The identity needs a role such as "Azure Service Bus Data Owner".
    pub fn new(fully_qualified_namespace: &str, credential: Arc<dyn TokenCredential>) -> Self {
        Self::with_options(fully_qualified_namespace, credential, ClientOptions::default())
    }

    /// A client for a namespace that proves who it is by Entra.
    pub fn with_options(
        fully_qualified_namespace: &str,
        credential: Arc<dyn TokenCredential>,
        options: ClientOptions,
    ) -> Self {
        let tls = Some(Tls::trusting(&options));
        let endpoint = Endpoint { host: fully_qualified_namespace.to_owned(), port: options.tls_port, tls };
        Self::build(endpoint, Authentication::Entra(credential), None, options)
    }

    fn build(
        endpoint: Endpoint,
        authentication: Authentication,
        entity_path: Option<String>,
        options: ClientOptions,
    ) -> Self {
        let (connection, closed) = (Mutex::default(), AtomicBool::new(false));
        Self { inner: Arc::new(Inner { endpoint, authentication, entity_path, options, connection, closed }) }
    }

    /// The namespace's host.
    pub fn fully_qualified_namespace(&self) -> &str {
        &self.inner.endpoint.host
    }

    /// The one entity that the connection string was for, if it was for one.
    pub fn entity_path(&self) -> Option<&str> {
        self.inner.entity_path.as_deref()
    }

    /// Sends to a queue or topic.
    pub fn sender(&self, entity: impl Into<Entity>) -> ServiceBusSender {
        ServiceBusSender::new(self.clone(), entity.into())
    }

    /// Receives from a queue, a subscription, or a dead-letter sub-queue.
    pub fn receiver(&self, entity: impl Into<Entity>) -> ServiceBusReceiver {
        ServiceBusReceiver::new(self.clone(), entity.into())
    }

    /// Closes the connection. Every operation after this, on any clone, fails with [`ServiceBusError::Closed`].
    ///
    /// Close receivers first: messages that a receiver fetched and nobody asked for stay locked otherwise.
    pub async fn close(&self) {
        self.inner.closed.store(true, Ordering::Relaxed);
        let connection = self.inner.connection.lock().await.take();
        if let Some(connection) = connection {
            let _ = timeout(CLOSE_TIME_LIMIT, connection.close()).await;
        }
    }

    pub(crate) fn options(&self) -> &ClientOptions {
        &self.inner.options
    }

    /// Runs `run` on an open connection until it succeeds, fails for good, or the options say that it is enough.
    pub(crate) async fn attempt<T, R, F>(&self, operation: &'static str, run: R) -> Result<T, ServiceBusError>
    where
        R: Fn(Arc<Connection>) -> F,
        F: Future<Output = Result<T, ServiceBusError>>,
    {
        self.attempt_while(|_| true, operation, run).await
    }

    /// The same, but no further attempt after an error of which `may_repeat` says no.
    pub(crate) async fn attempt_while<T, R, F>(
        &self,
        may_repeat: fn(&ServiceBusError) -> bool,
        operation: &'static str,
        run: R,
    ) -> Result<T, ServiceBusError>
    where
        R: Fn(Arc<Connection>) -> F,
        F: Future<Output = Result<T, ServiceBusError>>,
    {
        let options = &self.inner.options;
        let deadline = Instant::now() + options.operation_time_limit;
        let mut attempt = 1;
        loop {
            let error = match self.attempt_once(operation, deadline, &run).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let pause = match &error {
                ServiceBusError::ServerBusy { retry_after, .. } => *retry_after,
                _ => options.pause_after(attempt),
            };
            let is_last = attempt >= options.attempts || Instant::now() + pause >= deadline;
            if is_last || !error.is_transient() || !may_repeat(&error) {
                return Err(error);
            }
            tracing::debug!(operation, attempt, %error, "trying again");
            sleep(pause).await;
            attempt += 1;
        }
    }

    async fn attempt_once<T, R, F>(
        &self,
        operation: &'static str,
        deadline: Instant,
        run: &R,
    ) -> Result<T, ServiceBusError>
    where
        R: Fn(Arc<Connection>) -> F,
        F: Future<Output = Result<T, ServiceBusError>>,
    {
        let connection = match timeout(remaining(deadline), self.connection()).await {
            Ok(connection) => connection?,
            Err(_) => {
                return Err(self.timed_out("opening the connection", self.inner.options.operation_time_limit));
            }
        };
        let limit = self.inner.options.attempt_time_limit.min(remaining(deadline));
        // On the heap, so that the futures of this crate's operations are small wherever they are awaited.
        let running = Box::pin(timeout(limit, run(connection.clone())));
        let result = tokio::select! {
            biased;
            result = running => result.unwrap_or_else(|_| Err(self.timed_out(operation, limit))),
            error = connection.has_ended() => Err(error),
        };
        if result.as_ref().is_err_and(leaves_doubt) {
            connection.give_up();
        }
        result
    }

    fn timed_out(&self, operation: &'static str, after: Duration) -> ServiceBusError {
        ServiceBusError::Timeout { operation, after }
    }

    /// The open connection, opened if need be.
    pub(crate) async fn connection(&self) -> Result<Arc<Connection>, ServiceBusError> {
        let mut current = self.inner.connection.lock().await;
        if self.inner.closed.load(Ordering::Relaxed) {
            return Err(ServiceBusError::Closed);
        }
        if let Some(connection) = current.as_ref().filter(|connection| connection.is_usable()) {
            return Ok(connection.clone());
        }
        let limit = self.inner.options.connect_time_limit;
        let opening = Connection::open(
            &self.inner.endpoint,
            self.inner.authentication.clone(),
            self.inner.options.clock.clone(),
            self.inner.options.attempt_time_limit,
        );
        let opened = timeout(limit, Box::pin(opening)).await.unwrap_or_else(|_| {
            Err(ServiceBusError::Unreachable {
                address: self.inner.endpoint.address(),
                source: format!("no answer within {limit:?}").into(),
            })
        })?;
        Ok(current.insert(Arc::new(opened)).clone())
    }
}

/// The longest that we wait for the other side to agree to the end.
const CLOSE_TIME_LIMIT: Duration = Duration::from_secs(2);

/// Whether the connection itself may be what is wrong.
pub(crate) fn leaves_doubt(error: &ServiceBusError) -> bool {
    matches!(
        error,
        ServiceBusError::ConnectionLost { .. }
            | ServiceBusError::Timeout { .. }
            | ServiceBusError::Protocol { .. }
    )
}

fn remaining(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

impl fmt::Debug for ServiceBusClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ServiceBusClient")
            .field("address", &self.inner.endpoint.address())
            .field("authentication", &self.inner.authentication)
            .field("entity_path", &self.inner.entity_path)
            .finish_non_exhaustive()
    }
}
