//! The client of a namespace: where senders, receivers and sessions come from.

use std::{fmt, sync::Arc, time::Duration};

use azure_core::credentials::TokenCredential;

use crate::{
    authentication::Authentication,
    connection_string::{ConnectionString, ConnectionStringError},
    connector::Connector,
    entity::Entity,
    error::ServiceBusError,
    link::{Endpoint, Tls},
    options::ClientOptions,
    receiver::ServiceBusReceiver,
    sender::ServiceBusSender,
    session::SessionReceiver,
};

/// A client of one Service Bus namespace.
///
/// Cloning is cheap; all clones, senders and receivers share one connection. Nothing is sent before the first
/// operation. `Debug` shows no secret.
#[derive(Clone)]
pub struct ServiceBusClient {
    connector: Connector,
    entity_path: Option<String>,
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

    /// A client for a namespace that proves who it is by Entra. A namespace that is not Azure's may have a port of its
    /// own, as in `127.0.0.1:5671`.
    pub fn with_options(
        fully_qualified_namespace: &str,
        credential: Arc<dyn TokenCredential>,
        options: ClientOptions,
    ) -> Self {
        let tls = Some(Tls::trusting(&options));
        let (host, port) = host_and_port(fully_qualified_namespace, options.tls_port);
        let endpoint = Endpoint { host: host.to_owned(), port, tls };
        Self::build(endpoint, Authentication::Entra(credential), None, options)
    }

    fn build(
        endpoint: Endpoint,
        authentication: Authentication,
        entity_path: Option<String>,
        options: ClientOptions,
    ) -> Self {
        Self { connector: Connector::new(endpoint, authentication, options), entity_path }
    }

    /// The same client on a connection of its own, on which nothing is open yet. Whether links may be attached now can
    /// only be seen there: this client keeps those that it has.
    pub fn on_another_connection(&self) -> Self {
        Self { connector: self.connector.on_another_connection(), entity_path: self.entity_path.clone() }
    }

    /// The namespace's host.
    pub fn fully_qualified_namespace(&self) -> &str {
        self.connector.host()
    }

    /// The one entity that the connection string was for, if it was for one.
    pub fn entity_path(&self) -> Option<&str> {
        self.entity_path.as_deref()
    }

    /// Sends to a queue or topic.
    pub fn sender(&self, entity: impl Into<Entity>) -> ServiceBusSender {
        ServiceBusSender::new(self.connector.clone(), entity.into())
    }

    /// Receives from a queue, a subscription, or a dead-letter sub-queue.
    pub fn receiver(&self, entity: impl Into<Entity>) -> ServiceBusReceiver {
        ServiceBusReceiver::new(self.connector.clone(), entity.into())
    }

    /// Locks a session of an entity: the one named, or, with `None`, the next that has messages and that nobody
    /// holds. Waits up to `wait` for one, at most the time limit of an attempt; `None` when there was none.
    ///
    /// # Errors
    /// [`ServiceBusError::Refused`] with `com.microsoft:session-cannot-be-locked` when somebody else holds the named
    /// session; [`ServiceBusError::InvalidArgument`] or [`ServiceBusError::Refused`] when the entity has no sessions;
    /// see [`ServiceBusError`] for the rest.
    pub async fn accept_session(
        &self,
        entity: impl Into<Entity>,
        session_id: Option<&str>,
        wait: Duration,
    ) -> Result<Option<SessionReceiver>, ServiceBusError> {
        SessionReceiver::accept(self.connector.clone(), entity.into(), session_id, wait).await
    }

    /// Closes the connection. Every operation after this, on any clone, fails with [`ServiceBusError::Closed`].
    ///
    /// Close receivers first: messages that a receiver fetched and nobody asked for stay locked otherwise.
    pub async fn close(&self) {
        self.connector.close().await;
    }
}

/// The port that is named, or the usual one. The colons of an IPv6 address without brackets name none.
fn host_and_port(namespace: &str, usual: u16) -> (&str, u16) {
    let named = namespace.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
    let named = named.and_then(|(host, port)| Some((host, port.parse().ok()?)));
    named.unwrap_or((namespace, usual))
}

impl fmt::Debug for ServiceBusClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ServiceBusClient")
            .field("connector", &self.connector)
            .field("entity_path", &self.entity_path)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_may_have_a_port_of_its_own() {
        for (namespace, expected) in [
            ("contoso.servicebus.windows.net", ("contoso.servicebus.windows.net", 5671)),
            ("127.0.0.1:7000", ("127.0.0.1", 7000)),
            ("[::1]:7000", ("[::1]", 7000)),
            ("[::1]", ("[::1]", 5671)),
            ("::1", ("::1", 5671)),
            ("contoso:seven", ("contoso:seven", 5671)),
        ] {
            assert_eq!(host_and_port(namespace, 5671), expected, "{namespace}");
        }
    }
}
