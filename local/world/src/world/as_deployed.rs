//! The shape that `infra/` deploys, on one machine: Service Bus by TLS with tokens and roles, a blob store with tokens,
//! everything by the managed identity, and no key or connection string anywhere.
//!
//! `docs/decisions/0024-production-s-shape-on-one-machine.md` says what of it is real and what is not.

use std::time::Duration;

use anyhow::{Context, ensure};
use broker::{Broker, Certificate, Entra, EntraTokens};
use sandbox::Sandbox;
use tokio::time::Instant;
use url::Url;

use super::LocalWorldOptions;
use super::azurite::{Azurite, AzuriteProgram};
use super::folder::Folder;
use super::memory::Memory;
use super::services::start_broker;
use crate::cast::{Estate, Vendor};
use crate::clock::WorldClock;
use crate::story::Who;

/// How often the broker asks who may do what.
const INTERVAL: Duration = Duration::from_secs(1);
/// The journal's container and the anchors', as `infra/` names them.
const JOURNAL: &str = "latchkey";
const ANCHORS: &str = "latchkey-anchors";
/// What the storage account holds.
pub(crate) const CONTAINERS: [&str; 2] = [JOURNAL, ANCHORS];

/// What the app is led to instead of a connection string and a folder.
pub(super) struct Deployed {
    pub(super) broker: Broker,
    pub(super) store: Azurite,
    pub(super) settings: Vec<(&'static str, String)>,
}

/// Makes what `infra/` makes, and starts what stands for it.
pub(super) async fn start(
    azurite: &AzuriteProgram,
    (folder, clock, memory): (&Folder, &WorldClock, &mut Memory),
    options: &LocalWorldOptions,
    sandbox: &Sandbox,
    vendor: &Vendor,
) -> anyhow::Result<Deployed> {
    let topics: Vec<String> = latchkey_functions::package::topic_names();
    vendor.make_bus(&latchkey_functions::package::queue_names(), &topics).await?;
    let issued = sandbox.issue_certificate().context("the sandbox's authority")?;
    let entra = entra(sandbox, vendor)?;
    let tls = Certificate { chain: issued.chain.clone(), key: issued.key.clone() };
    let secured =
        |plain| broker::Options { tls: Some(tls), entra_tokens: EntraTokens::Verify(entra), ..plain };
    let broker = start_broker(folder, clock, memory, options, secured).await?;

    let since = Instant::now();
    let store = azurite.start(&folder.path("blobs"), memory.blob_port, &issued).await?;
    memory.blob_port = Some(store.port);
    memory.keep()?;
    let endpoint = store.endpoint()?;
    for container in CONTAINERS {
        vendor.azure().make_container(&endpoint, container).await?;
    }
    options.story.tell_since(
        since,
        Who::World,
        format!("the blob store listens on 127.0.0.1:{}", store.port),
    );
    let settings = settings(&broker.address().to_string(), &endpoint, vendor.estate())?;
    Ok(Deployed { broker, store, settings })
}

fn entra(sandbox: &Sandbox, vendor: &Vendor) -> anyhow::Result<Entra> {
    let tenant = sandbox.seed().vendor;
    let authority = std::fs::read(sandbox.ca_file()).context("the sandbox's certificate")?;
    Ok(Entra {
        tenant: tenant.tenant_id,
        namespace_id: vendor.bus_id(),
        reader: (tenant.administrator.client_id, tenant.administrator.client_secret),
        proxy: Some(sandbox.proxy_url()),
        authority,
        interval: INTERVAL,
    })
}

/// The settings under the names that `infra/modules/app.bicep` gives them. The store's address is the one that Azure
/// does not need: there it follows from the account.
///
/// # Errors
///
/// The store's address names no account.
pub(crate) fn settings(
    bus: &str,
    store: &Url,
    estate: &Estate,
) -> anyhow::Result<Vec<(&'static str, String)>> {
    let account = store.path_segments().and_then(|mut segments| segments.next()).unwrap_or_default();
    ensure!(!account.is_empty(), "{store} names no storage account: https://127.0.0.1:PORT/ACCOUNT does");
    let identity = || estate.identity.client_id.to_string();
    let managed = || "managedidentity".to_owned();
    Ok(vec![
        ("ServiceBus__fullyQualifiedNamespace", bus.to_owned()),
        ("ServiceBus__credential", managed()),
        ("ServiceBus__clientId", identity()),
        ("AzureWebJobsStorage__accountName", account.to_owned()),
        ("AzureWebJobsStorage__credential", managed()),
        ("AzureWebJobsStorage__clientId", identity()),
        ("LATCHKEY_JOURNAL_URL", format!("az://{JOURNAL}")),
        ("LATCHKEY_ANCHORS_URL", format!("az://{ANCHORS}")),
        ("AZURE_STORAGE_ACCOUNT_NAME", account.to_owned()),
        ("AZURE_STORAGE_ENDPOINT", store.as_str().trim_end_matches('/').to_owned()),
    ])
}
