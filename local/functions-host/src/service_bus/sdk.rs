//! The traits of this module on the Service Bus client.
//!
//! A binding's `connection` names an app setting that holds a connection string, tried as `{name}` and as
//! `AzureWebJobs{name}`, or begins the names of settings that name a namespace and an identity (azure-sdk-for-net,
//! `ServiceBusClientFactory.cs`).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use service_bus::{
    BodySection, ClientOptions, ConnectionString, Message, ReceivedMessage, ServiceBusClient, ServiceBusError,
};
use service_bus::{ServiceBusReceiver, ServiceBusSender, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use super::identity;
use super::sdk_session::SdkSessions;
use super::{Body, Delivery, Destination, Entity, EntityError, SessionSource, property};
use crate::settings::Settings;

/// One client a connection, shared by all functions that name it.
#[derive(Default)]
pub(crate) struct Connections {
    clients: BTreeMap<String, ServiceBusClient>,
}

/// A `connection` that leads nowhere. The words are those of the extension.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// No app setting has this name.
    #[error("Service Bus connection '{0}' does not exist. Make sure that it is a defined App Setting.")]
    Missing(String),
    /// The settings ask for an identity instead of a connection string, and it cannot be had.
    #[error(
        "the Service Bus connection '{name}' is based on an identity ('{name}__fullyQualifiedNamespace'): {why}"
    )]
    Identity {
        /// The connection.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// `SSL_CERT_FILE` names no file of certificates.
    #[error("SSL_CERT_FILE cannot be read")]
    Trust(#[source] std::io::Error),
    /// The setting's value is no connection string. The value is a secret and not shown.
    #[error("the Service Bus connection string in the app setting '{name}' cannot be read")]
    Invalid {
        /// The setting.
        name: String,
        /// What is wrong with it.
        source: service_bus::ConnectionStringError,
    },
}

impl Connections {
    pub(crate) fn client(
        &mut self,
        name: &str,
        settings: &Settings,
    ) -> Result<ServiceBusClient, ConnectionError> {
        if let Some(client) = self.clients.get(name) {
            return Ok(client.clone());
        }
        let value = settings.get(name).or_else(|| settings.get(&format!("AzureWebJobs{name}")));
        let client = match (value, identity::namespace(name, settings)) {
            (Some(text), _) => {
                let string = text.parse::<ConnectionString>();
                let string =
                    string.map_err(|source| ConnectionError::Invalid { name: name.to_owned(), source })?;
                ServiceBusClient::from_parsed_connection_string(string, options(settings)?)
            }
            (None, Some(namespace)) => {
                let credential = identity::credential(name, settings)?;
                ServiceBusClient::with_options(namespace, credential, options(settings)?)
            }
            (None, None) => return Err(ConnectionError::Missing(name.to_owned())),
        };
        self.clients.insert(name.to_owned(), client.clone());
        Ok(client)
    }

    pub(crate) async fn close(&self) {
        futures::future::join_all(self.clients.values().map(ServiceBusClient::close)).await;
    }
}

/// Whom to trust: as Microsoft's SDK on Linux, what `SSL_CERT_FILE` says.
fn options(settings: &Settings) -> Result<ClientOptions, ConnectionError> {
    let options = ClientOptions::default();
    match settings.get("SSL_CERT_FILE").filter(|file| !file.is_empty()) {
        Some(file) => options.trusting_file(Path::new(file)).map_err(ConnectionError::Trust),
        None => Ok(options),
    }
}

pub(crate) fn entity(client: &ServiceBusClient, path: &str) -> Arc<dyn Entity> {
    Arc::new(SdkEntity(client.receiver(path)))
}

pub(crate) fn sessions(client: &ServiceBusClient, path: &str) -> Arc<dyn SessionSource> {
    Arc::new(SdkSessions { client: client.clone(), path: path.to_owned() })
}

pub(crate) fn destination(client: &ServiceBusClient, name: &str) -> Arc<dyn Destination> {
    Arc::new(SdkDestination(client.sender(name)))
}

struct SdkEntity(ServiceBusReceiver);

impl Entity for SdkEntity {
    fn receive(&self, max: usize, wait: Duration) -> BoxFuture<'_, Result<Vec<Delivery>, EntityError>> {
        async move {
            let messages = self.0.receive(max, wait).await?;
            Ok(messages.into_iter().map(Delivery::from).collect())
        }
        .boxed()
    }

    fn complete(&self, lock_token: Uuid) -> BoxFuture<'_, Result<(), EntityError>> {
        async move { Ok(self.0.complete(lock_token).await?) }.boxed()
    }

    fn abandon(&self, lock_token: Uuid) -> BoxFuture<'_, Result<(), EntityError>> {
        async move { Ok(self.0.abandon(lock_token).await?) }.boxed()
    }

    fn renew_lock(&self, lock_token: Uuid) -> BoxFuture<'_, Result<OffsetDateTime, EntityError>> {
        async move { Ok(self.0.renew_lock(lock_token).await?) }.boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.0.close().boxed()
    }
}

struct SdkDestination(ServiceBusSender);

impl Destination for SdkDestination {
    /// Content type and parent property as the extension sets them (azure-sdk-for-net,
    /// `StringToMessageConverter.cs`, `ServiceBusCausalityHelper.cs`).
    fn send(&self, body: String, parent: Uuid) -> BoxFuture<'_, Result<(), EntityError>> {
        let message = Message::new(body)
            .with_content_type("text/plain")
            .with_application_property("$AzureWebJobsParentId", parent.to_string());
        async move { Ok(self.0.send(message).await?) }.boxed()
    }
}

impl From<ServiceBusError> for EntityError {
    fn from(error: ServiceBusError) -> Self {
        let lock_lost = matches!(error, ServiceBusError::LockLost { .. });
        let transient = error.is_transient();
        let mut message = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        Self { message, lock_lost, transient }
    }
}

impl From<ReceivedMessage> for Delivery {
    fn from(message: ReceivedMessage) -> Self {
        let body = match message.body_section {
            BodySection::Data | BodySection::Empty => Body::Data(message.body),
            BodySection::Value(Value::String(text)) => Body::Text(text),
            BodySection::Value(_) => Body::Unsupported("Value"),
            BodySection::Sequence(_) => Body::Unsupported("Sequence"),
            BodySection::Unreadable => Body::Unsupported("unreadable"),
        };
        let properties = message.application_properties.into_iter();
        Self {
            body,
            message_id: message.message_id,
            lock_token: message.lock_token,
            locked_until: message.locked_until,
            sequence_number: message.sequence_number,
            delivery_count: message.delivery_count,
            enqueued_time: message.enqueued_time,
            expires_at: message.expires_at,
            content_type: message.content_type,
            subject: message.subject,
            correlation_id: message.correlation_id,
            to: message.to,
            reply_to: message.reply_to,
            session_id: message.session_id,
            session_locked_until: None,
            reply_to_session_id: message.reply_to_session_id,
            partition_key: message.partition_key,
            dead_letter_source: message.dead_letter_source,
            application_properties: properties.map(|(name, value)| (name, property::json(&value))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_leads_nowhere_says_which_setting_is_missing() {
        let error = |settings: &[(&str, &str)]| {
            Connections::default().client("Bus", &Settings::only(settings)).unwrap_err().to_string()
        };
        let missing =
            "Service Bus connection 'Bus' does not exist. Make sure that it is a defined App Setting.";
        assert_eq!(error(&[]), missing);
        let identity = error(&[("Bus__fullyQualifiedNamespace", "x.servicebus.windows.net")]);
        assert!(
            identity.contains("'Bus' is based on an identity") && identity.contains("IDENTITY_"),
            "{identity}"
        );
        let invalid = error(&[("AzureWebJobsBus", "secret")]);
        assert!(invalid.contains("'Bus' cannot be read") && !invalid.contains("secret"), "{invalid}");
    }
}
