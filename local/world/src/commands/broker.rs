//! `latchkey broker`: runs the Service Bus alone until Ctrl-C.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context, bail};
use broker::{Broker, Configuration, Options};
use latchkey_cli::{End, Interrupts};
use serde_json::json;

use crate::args::{BrokerArgs, Tier};

/// The key in the connection string that the documentation of Microsoft's emulator gives.
const EMULATORS_KEY: &str = "SAS_KEY_VALUE";

pub(super) async fn run(args: BrokerArgs) -> anyhow::Result<End> {
    let mut interrupts = Interrupts::listen().context("could not listen for Ctrl-C")?;
    let configuration = read_configuration(&args.config)?;
    let options = Options {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, args.port)),
        queues: configuration.queues,
        topics: configuration.topics,
        state: args.state.clone(),
        max_message_size: args.tier.max_message_size(),
        key: Some(args.key.unwrap_or_else(|| EMULATORS_KEY.to_owned())),
        ..Options::default()
    };
    let broker = Broker::start(options).await.context("could not start the Service Bus")?;
    if args.json {
        println!("{}", document(&broker));
    } else {
        println!("{}", instructions(&broker, &configuration.namespace, args.state.as_deref(), args.tier));
    }
    tokio::select! {
        () = interrupts.next() => {}
        () = broker.failed() => bail!(
            "the state could not be written; see the error above. What was acknowledged is kept: make room and start \
             again"
        ),
    }
    broker.stop().await;
    Ok(End::Well)
}

fn read_configuration(file: &Path) -> anyhow::Result<Configuration> {
    let text = fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
    Configuration::from_json(&text)
        .with_context(|| format!("{} is not a valid configuration", file.display()))
}

fn document(broker: &Broker) -> serde_json::Value {
    json!({
        "address": broker.address().to_string(),
        "connectionString": broker.connection_string(),
        "entities": broker.entities(),
    })
}

fn instructions(broker: &Broker, namespace: &str, state: Option<&Path>, tier: Tier) -> String {
    let mut entities: String = broker.entities().iter().map(|path| format!("\n  {path}")).collect();
    if entities.is_empty() {
        entities = "\n  none: the file declares no queue and no topic".to_owned();
    }
    let kept = match state {
        Some(folder) => format!("Messages are kept in {}.", folder.display()),
        None => "Messages are lost when this process ends; --state DIR keeps them.".to_owned(),
    };
    format!(
        "
The Service Bus '{namespace}' listens on {address}, with these entities:
{entities}

Connect Microsoft's SDKs with this connection string. It contains the key:

  {connection_string}

A message may have {size} KB, as in the {tier} tier. {kept} Press Ctrl-C to stop.
",
        size = tier.max_message_size() / 1024,
        address = broker.address(),
        connection_string = broker.connection_string(),
    )
}
