//! Everything a handler may touch outside its own arguments. Cloning is cheap: each field is a handle.

use std::sync::Arc;

use anyhow::Context as _;
use azure_clients::{
    Compute, IdentitySettings, KeyVault, Marketplace, Transport, WebhookTokens, WorkloadIdentity,
};
use object_store::{ObjectStore, local::LocalFileSystem, prefix::PrefixStore};
use onboarding::{
    budget::Budgets,
    claim::Claims,
    due::DueChecks,
    expiring::Expiring,
    journal::{Journal, anchor::Anchors},
    submission::Submissions,
    suspects::Suspects,
    walk::Walk,
    watched::Watched,
    withdrawal::Withdrawals,
};
use service_bus::ServiceBusClient;
use url::Url;

use crate::{
    clock::Clock,
    pages::consent::UsedStates,
    pages::signing::Signer,
    pages::strangers::Strangers,
    pages::windows::Windows,
    settings::{ServiceBusSetting, Settings, folder_of},
    step::observer::Observer,
    systems::{bus::Bus, looks::Looks},
};

/// What the handlers work with.
#[derive(Clone)]
pub struct App {
    pub(crate) settings: Arc<Settings>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) journal: Journal,
    pub(crate) anchors: Anchors,
    pub(crate) claims: Claims,
    pub(crate) budgets: Budgets,
    pub(crate) submissions: Submissions,
    pub(crate) signups: Expiring,
    pub(crate) due: DueChecks,
    pub(crate) walk: Walk,
    pub(crate) watched: Watched,
    pub(crate) suspects: Suspects,
    pub(crate) looks: Arc<Looks>,
    pub(crate) withdrawals: Withdrawals,
    pub(crate) used_states: UsedStates,
    pub(crate) signer: Signer,
    pub(crate) bus: Bus,
    pub(crate) identity: WorkloadIdentity,
    pub(crate) key_vault: KeyVault,
    pub(crate) compute: Compute,
    pub(crate) marketplace: Marketplace,
    pub(crate) webhook_tokens: Arc<WebhookTokens>,
    pub(crate) strangers: Arc<Strangers>,
    pub(crate) windows: Arc<Windows>,
}

impl App {
    /// Makes every client; calls nothing yet, so that a start is quick and an outage elsewhere cannot prevent it.
    ///
    /// # Errors
    /// When a setting turns out to be unusable.
    pub fn new(
        settings: Settings,
        observer: Arc<dyn Observer>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let transport = Transport::from_environment().context("setting up HTTPS")?;
        let identity_settings = IdentitySettings {
            application_id: settings.application_id,
            vendor_tenant: settings.vendor_tenant,
            managed_identity_client_id: settings.managed_identity_client_id,
        };
        let identity = WorkloadIdentity::new(identity_settings, &transport, clock.clone())
            .context("setting up the managed identity")?;
        let client = match &settings.service_bus {
            ServiceBusSetting::ConnectionString(text) => {
                ServiceBusClient::from_connection_string(text).context("the setting ServiceBus")?
            }
            ServiceBusSetting::Namespace(namespace) => {
                ServiceBusClient::new(namespace, identity.managed_identity())
            }
        };
        let store = object_store_at(&settings.journal, "LATCHKEY_JOURNAL_URL", &settings)?;
        let anchors = match &settings.anchors {
            Some(url) => object_store_at(url, "LATCHKEY_ANCHORS_URL", &settings)?,
            None => store.clone(),
        };
        Ok(Self {
            clock,
            observer,
            journal: Journal::new(store.clone()),
            anchors: Anchors::new(anchors),
            claims: Claims::new(store.clone()),
            budgets: Budgets::new(store.clone()),
            submissions: Submissions::new(store.clone()),
            signups: Expiring::new(store.clone(), "signups"),
            due: DueChecks::new(store.clone()),
            walk: Walk::new(store.clone()),
            watched: Watched::new(store.clone()),
            suspects: Suspects::new(store.clone()),
            looks: Arc::default(),
            withdrawals: Withdrawals::new(store.clone()),
            used_states: UsedStates::new(store.clone()),
            store,
            signer: Signer::new(&settings.signing_key, &settings.signing_keys_accepted),
            bus: Bus::new(client),
            key_vault: KeyVault::new(&transport, &identity),
            compute: Compute::new(&transport, identity.managed_identity()),
            marketplace: Marketplace::new(&transport, &identity),
            webhook_tokens: Arc::new(WebhookTokens::new(
                &transport,
                settings.vendor_tenant,
                settings.application_id,
            )),
            strangers: Arc::default(),
            windows: Arc::default(),
            identity,
            settings: Arc::new(settings),
        })
    }
}

/// Files for a `file:` URL; everything else by the object store's own URL schemes, with its settings (`AZURE_…`) from
/// the environment.
fn object_store_at(
    url: &Url,
    setting: &'static str,
    settings: &Settings,
) -> anyhow::Result<Arc<dyn ObjectStore>> {
    if let Some(folder) = folder_of(url) {
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("making the folder {}", folder.display()))?;
        return Ok(Arc::new(LocalFileSystem::new_with_prefix(folder)?));
    }
    // The store signs in as the same managed identity as everything else; its own settings may name another.
    let identity = ("azure_client_id".to_owned(), settings.managed_identity_client_id.to_string());
    let environment = std::env::vars().map(|(name, value)| (name.to_ascii_lowercase(), value));
    let options = std::iter::once(identity).chain(environment);
    let (store, path) =
        object_store::parse_url_opts(url, options).with_context(|| format!("the setting {setting}"))?;
    Ok(Arc::new(PrefixStore::new(store, path)))
}
