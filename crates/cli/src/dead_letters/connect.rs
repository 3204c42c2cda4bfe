//! From the command line to Service Bus, and to the entities that are meant.

use std::sync::Arc;

use anyhow::Context as _;
use azure_core::credentials::TokenCredential;
use azure_identity::{DeveloperToolsCredential, ManagedIdentityCredential};
use service_bus::{ClientOptions, Entity, ServiceBusClient, ServiceBusError};

use super::{args::Connection, failure::WrongUsage};

/// A client, and the entities whose dead letters are meant.
pub(super) struct Connected {
    pub(super) client: ServiceBusClient,
    pub(super) entities: Vec<Entity>,
    /// Whether the entities were named, so that one that does not exist is an error.
    is_named: bool,
}

pub(super) fn connect(connection: &Connection) -> anyhow::Result<Connected> {
    let client = client(connection)?;
    let mut named: Vec<Entity> = connection.entity.iter().map(|name| Entity::from(name.as_str())).collect();
    named.extend(client.entity_path().filter(|_| named.is_empty()).map(Entity::from));
    if let Some(dead) = named.iter().find(|entity| entity.is_dead_letter()) {
        return Err(WrongUsage(format!(
            "--entity {dead}: name the entity itself, not its dead-letter queue"
        ))
        .into());
    }
    let is_named = !named.is_empty();
    let entities = if is_named { named } else { app_queues().into_iter().map(Entity::from).collect() };
    Ok(Connected { client, entities, is_named })
}

fn client(connection: &Connection) -> anyhow::Result<ServiceBusClient> {
    let options = ClientOptions::from_environment().context("whom to trust")?;
    if let Some(namespace) = &connection.namespace {
        return Ok(ServiceBusClient::with_options(&host_of(namespace)?, credential()?, options));
    }
    let Some(string) = connection.connection_string.as_deref().filter(|string| !string.trim().is_empty())
    else {
        return Err(WrongUsage(
            "which Service Bus? Use --namespace HOST or --connection-string; in the local world: . .latchkey/env"
                .to_owned(),
        )
        .into());
    };
    let string = string.parse().context("the connection string is not valid")?;
    Ok(ServiceBusClient::from_parsed_connection_string(string, options))
}

/// A host name, with a port where it is not Azure's, and nothing else: no scheme, no path, so that a token can only go
/// where it is meant to.
fn host_of(namespace: &str) -> Result<String, WrongUsage> {
    let (host, port) =
        namespace.split_once(':').map_or((namespace, None), |(host, port)| (host, Some(port.parse::<u16>())));
    let is_host = host.split('.').count() >= 3
        && host.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        });
    if is_host && port.is_none_or(|port| port.is_ok_and(|port| port > 0)) {
        return Ok(namespace.to_ascii_lowercase());
    }
    Err(WrongUsage(format!(
        "--namespace {namespace}: expected a host name, such as contoso.servicebus.windows.net"
    )))
}

fn credential() -> anyhow::Result<Arc<dyn TokenCredential>> {
    // What Azure sets where a managed identity can be had.
    if std::env::var_os("IDENTITY_ENDPOINT").is_some() {
        return Ok(ManagedIdentityCredential::new(None).context("the managed identity")?);
    }
    Ok(DeveloperToolsCredential::new(None).context("the credentials of az and azd")?)
}

/// The queues of the app: each function's dead letters.
pub(super) fn app_queues() -> Vec<String> {
    latchkey_functions::package::queue_names()
}

/// Whether it is a queue of the app, which always has duplicate detection: the app relies on it.
pub(super) fn is_app_queue(entity: &str) -> bool {
    app_queues().iter().any(|queue| queue.eq_ignore_ascii_case(entity))
}

impl Connected {
    /// Whether an error of one entity is to be passed over: not every queue of the app need be deployed.
    pub(super) fn passes_over(&self, entity: &Entity, error: &ServiceBusError) -> bool {
        let missing = !self.is_named && matches!(error, ServiceBusError::EntityNotFound { .. });
        if missing {
            eprintln!("latchkey: {entity} does not exist here; skipped");
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_a_host_name_and_nothing_else() {
        assert_eq!(host_of("Contoso.servicebus.windows.net").unwrap(), "contoso.servicebus.windows.net");
        assert_eq!(host_of("127.0.0.1:5671").unwrap(), "127.0.0.1:5671");
        for text in [
            "",
            "contoso",
            "sb://contoso.servicebus.windows.net",
            "a.b.c/q",
            "a..b.c",
            "x@a.b.c",
            "a.b.c:",
            "a.b.c:0",
            "a.b.c:99999",
            "a.b.c:1:2",
            "a.b.c:1/q",
        ] {
            assert!(host_of(text).is_err(), "{text}");
        }
    }
}
