//! `latchkey broker`: runs the Service Bus alone until Ctrl-C.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use broker::{Broker, Certificate, Configuration, Entra, EntraTokens, Options};
use latchkey_cli::{End, Interrupts};
use serde_json::json;
use url::Url;
use uuid::Uuid;

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
        tls: certificate(args.tls_certificate.as_deref(), args.tls_key.as_deref())?,
        entra_tokens: args.entra_namespace.map_or(Ok(EntraTokens::Refuse), verified)?,
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

fn certificate(chain: Option<&Path>, key: Option<&Path>) -> anyhow::Result<Option<Certificate>> {
    let (Some(chain), Some(key)) = (chain, key) else { return Ok(None) };
    let read =
        |file: &Path| fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()));
    Ok(Some(Certificate { chain: read(chain)?, key: read(key)? }))
}

/// Tokens verified, and roles enforced, as the environment says where to ask for them.
fn verified(namespace_id: String) -> anyhow::Result<EntraTokens> {
    let variable = |name: &str| {
        let value = std::env::var(name).ok().filter(|value| !value.is_empty());
        value.with_context(|| format!("--entra-namespace: {name} is not set"))
    };
    let id = |name: &str| {
        let text = variable(name)?;
        text.parse::<Uuid>().with_context(|| format!("--entra-namespace: {name} is no GUID"))
    };
    let proxy = variable("HTTPS_PROXY")?;
    ensure!(
        leads_to_this_machine(&proxy),
        "--entra-namespace: HTTPS_PROXY is {proxy}, and not a sandbox on this machine: nothing else is asked"
    );
    let file = variable("SSL_CERT_FILE")?;
    Ok(EntraTokens::Verify(Entra {
        tenant: id("AZURE_TENANT_ID")?,
        namespace_id,
        reader: (id("AZURE_CLIENT_ID")?, variable("AZURE_CLIENT_SECRET")?),
        proxy: Some(proxy),
        authority: fs::read(&file).with_context(|| format!("could not read SSL_CERT_FILE ({file})"))?,
        interval: Duration::from_secs(1),
    }))
}

fn leads_to_this_machine(proxy: &str) -> bool {
    let host = Url::parse(proxy).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.is_some_and(|host| host == "127.0.0.1" || host == "localhost")
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
