//! `latchkey broker`: runs the Service Bus alone until Ctrl-C.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::Context;
use broker::{Broker, Configuration, Options};
use latchkey_cli::{End, Interrupts, write_private};
use serde_json::json;
use uuid::Uuid;

use crate::args::BrokerArgs;

const KEY: &str = "shared-access-key";

pub(super) async fn run(args: BrokerArgs) -> anyhow::Result<End> {
    let mut interrupts = Interrupts::listen().context("could not listen for Ctrl-C")?;
    let configuration = read_configuration(&args.config)?;
    let key = args.state.as_deref().map(kept_key).transpose()?;
    let options = Options {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, args.port)),
        queues: configuration.queues,
        topics: configuration.topics,
        state: args.state.clone(),
        key,
        ..Options::default()
    };
    let broker = Broker::start(options).await.context("could not start the Service Bus")?;
    if args.json {
        println!("{}", document(&broker));
    } else {
        println!("{}", instructions(&broker, &configuration.namespace, args.state.as_deref()));
    }
    interrupts.next().await;
    broker.stop().await;
    Ok(End::Well)
}

fn read_configuration(file: &Path) -> anyhow::Result<Configuration> {
    let text = fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
    Configuration::from_json(&text)
        .with_context(|| format!("{} is not a valid configuration", file.display()))
}

/// The key of an earlier run, or a new one, kept where only this user reads it.
fn kept_key(state: &Path) -> anyhow::Result<String> {
    let file = state.join(KEY);
    match fs::read_to_string(&file) {
        Ok(key) => Ok(key.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
            fs::create_dir_all(state)
                .and_then(|()| write_private(&file, key.as_bytes()))
                .with_context(|| format!("could not write {}", file.display()))?;
            Ok(key)
        }
        Err(error) => Err(error).with_context(|| format!("could not read {}", file.display())),
    }
}

fn document(broker: &Broker) -> serde_json::Value {
    json!({
        "address": broker.address().to_string(),
        "connectionString": broker.connection_string(),
        "entities": broker.entities(),
    })
}

fn instructions(broker: &Broker, namespace: &str, state: Option<&Path>) -> String {
    let mut entities: String = broker.entities().iter().map(|path| format!("\n  {path}")).collect();
    if entities.is_empty() {
        entities = "\n  none: the file declares no queue and no topic".to_owned();
    }
    let kept = match state {
        Some(folder) => format!("Messages and the key are kept in {}.", folder.display()),
        None => "Messages and the key are lost when this process ends; --state DIR keeps them.".to_owned(),
    };
    format!(
        "
The Service Bus '{namespace}' listens on {address}, with these entities:
{entities}

Connect Microsoft's SDKs with this connection string. It contains the key:

  {connection_string}

{kept} Press Ctrl-C to stop.
",
        address = broker.address(),
        connection_string = broker.connection_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stays_the_same_where_state_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("new");
        let key = kept_key(&state).unwrap();
        assert_eq!(key.len(), 64);
        assert_eq!(kept_key(&state).unwrap(), key);
        assert_ne!(kept_key(&folder.path().join("another")).unwrap(), key);
    }
}
