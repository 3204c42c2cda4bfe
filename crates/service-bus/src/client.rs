//! The client.

use std::{fmt, sync::Arc};

use azure_core::credentials::TokenCredential;

use crate::{
    ClientOptions, ConnectionString, ConnectionStringError, Entity, ServiceBusError, ServiceBusReceiver,
    ServiceBusSender,
};

/// A client of one Service Bus namespace.
#[derive(Clone)]
pub struct ServiceBusClient {
    inner: Arc<Inner>,
}

struct Inner {
    host: String,
    entity_path: Option<String>,
}

impl ServiceBusClient {
    /// A client for a connection string.
    ///
    /// # Errors
    /// When the string cannot be read.
    pub fn from_connection_string(text: &str) -> Result<Self, ConnectionStringError> {
        Ok(Self::from_parsed_connection_string(text.parse()?, ClientOptions::default()))
    }

    /// A client for a connection string that was read before.
    pub fn from_parsed_connection_string(string: ConnectionString, _options: ClientOptions) -> Self {
        Self { inner: Arc::new(Inner { host: string.host, entity_path: string.entity_path }) }
    }

    /// A client for a namespace, by Entra.
    pub fn new(fully_qualified_namespace: &str, _credential: Arc<dyn TokenCredential>) -> Self {
        Self { inner: Arc::new(Inner { host: fully_qualified_namespace.to_owned(), entity_path: None }) }
    }

    /// A client for a namespace, by Entra, with settings.
    pub fn with_options(
        fully_qualified_namespace: &str,
        credential: Arc<dyn TokenCredential>,
        _options: ClientOptions,
    ) -> Self {
        Self::new(fully_qualified_namespace, credential)
    }

    /// The namespace's host.
    pub fn fully_qualified_namespace(&self) -> &str {
        &self.inner.host
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

    /// Closes the connection.
    pub async fn close(&self) {}

    pub(crate) async fn connect(&self) -> Result<(), ServiceBusError> {
        Err(ServiceBusError::Unreachable {
            address: self.inner.host.clone(),
            source: "this version of the client does not connect yet".into(),
        })
    }
}

impl fmt::Debug for ServiceBusClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ServiceBusClient").field("host", &self.inner.host).finish_non_exhaustive()
    }
}
