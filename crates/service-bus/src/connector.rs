//! Keeps one connection open and runs operations on it. It is opened when it is first needed, and again when an
//! operation leaves doubt about it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout},
};

use crate::{
    authentication::Authentication,
    entity::Entity,
    error::ServiceBusError,
    link::{Connection, Endpoint, ReceiveLink, RequestLink},
    options::ClientOptions,
};

/// How long to wait for the other side to confirm the close.
const CLOSE_TIME_LIMIT: Duration = Duration::from_secs(2);

/// The connection to one namespace. Cloning is cheap; clones share the connection.
#[derive(Clone)]
pub(crate) struct Connector {
    inner: Arc<Inner>,
}

struct Inner {
    endpoint: Endpoint,
    authentication: Authentication,
    options: ClientOptions,
    connection: Mutex<Option<Arc<Connection>>>,
    closed: AtomicBool,
}

impl Connector {
    pub(crate) fn new(endpoint: Endpoint, authentication: Authentication, options: ClientOptions) -> Self {
        let (connection, closed) = (Mutex::default(), AtomicBool::new(false));
        Self { inner: Arc::new(Inner { endpoint, authentication, options, connection, closed }) }
    }

    /// The same way to the namespace, with a connection of its own.
    pub(crate) fn on_another_connection(&self) -> Self {
        let Inner { endpoint, authentication, options, .. } = &*self.inner;
        Self::new(endpoint.clone(), authentication.clone(), options.clone())
    }

    /// The namespace's host.
    pub(crate) fn host(&self) -> &str {
        &self.inner.endpoint.host
    }

    pub(crate) fn options(&self) -> &ClientOptions {
        &self.inner.options
    }

    /// Closes the connection; every operation after this fails.
    pub(crate) async fn close(&self) {
        self.inner.closed.store(true, Ordering::Relaxed);
        let connection = self.inner.connection.lock().await.take();
        if let Some(connection) = connection {
            let _ = timeout(CLOSE_TIME_LIMIT, connection.close()).await;
        }
    }

    /// Runs `run` on the links to an entity's management node, as [`attempt`](Self::attempt) does.
    pub(crate) async fn on_management<T, R, F>(
        &self,
        entity: &Entity,
        operation: &'static str,
        run: R,
    ) -> Result<T, ServiceBusError>
    where
        R: Fn(Arc<RequestLink>) -> F,
        F: Future<Output = Result<T, ServiceBusError>>,
    {
        self.attempt(operation, |connection| {
            let run = &run;
            async move { run(connection.management(entity).await?).await }
        })
        .await
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

    /// A new receiving link, within the time limit of an attempt. A connection that leaves doubt is cut off.
    pub(crate) async fn attach_receiver(
        &self,
        entity: &Entity,
        connection: &Connection,
    ) -> Result<ReceiveLink, ServiceBusError> {
        let limit = self.inner.options.attempt_time_limit;
        let attached = tokio::select! {
            biased;
            attached = Box::pin(timeout(limit, connection.receiver(entity))) => attached
                .unwrap_or(Err(ServiceBusError::Timeout { operation: "attach receiver", after: limit })),
            error = connection.has_ended() => Err(error),
        };
        if attached.as_ref().is_err_and(leaves_doubt) {
            connection.give_up();
        }
        attached
    }
}

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

impl fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Connector")
            .field("address", &self.inner.endpoint.address())
            .field("authentication", &self.inner.authentication)
            .finish_non_exhaustive()
    }
}
