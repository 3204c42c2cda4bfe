//! Everything a handler may touch outside its own arguments. Cloning is cheap: each field is a handle.

use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use azure_clients::{
    Compute, IdentitySettings, KeyVault, Marketplace, TokenCredential, Transport, WebhookTokens,
    WorkloadIdentity, key_vault::SigningKey,
};
use object_store::{ObjectStore, local::LocalFileSystem};
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
use service_bus::{ClientOptions, ConnectionString, ServiceBusClient};
use url::Url;

use crate::{
    clock::Clock,
    metrics::Census,
    pages::consent::UsedStates,
    pages::signing::Signer,
    pages::strangers::Strangers,
    pages::windows::Windows,
    settings::{ServiceBusSetting, Settings, folder_of},
    step::observer::Observer,
    store,
    systems::{bus::Bus, health::found::Health, letters_sent::Sent, looks::Looks},
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
    pub(crate) evidence_key: Option<SigningKey>,
    pub(crate) compute: Compute,
    pub(crate) marketplace: Marketplace,
    pub(crate) webhook_tokens: Arc<WebhookTokens>,
    pub(crate) strangers: Arc<Strangers>,
    pub(crate) windows: Arc<Windows>,
    pub(crate) sent: Arc<Sent>,
    /// What was last found of what the app stands on.
    pub(crate) health: Arc<tokio::sync::Mutex<Option<Health>>>,
    /// What the walk under way has counted so far; none when it began elsewhere.
    pub(crate) census: Arc<Mutex<Option<Census>>>,
}

/// What the clients of an app stand on: in production what the environment and the settings name.
pub struct Ground {
    /// How Azure is reached.
    pub transport: Transport,
    /// Whose tokens the app gets; the one that the environment names when there is none.
    pub managed_identity: Option<Arc<dyn TokenCredential>>,
    /// How patient the client of Service Bus is.
    pub bus: ClientOptions,
    /// Journal, claims and reminders.
    pub store: Arc<dyn ObjectStore>,
    /// The anchors of the journal.
    pub anchors: Arc<dyn ObjectStore>,
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
        let store = object_store_at(&settings.journal, "LATCHKEY_JOURNAL_URL", &settings)?;
        let anchors = match &settings.anchors {
            Some(url) => object_store_at(url, "LATCHKEY_ANCHORS_URL", &settings)?,
            None => store.clone(),
        };
        let transport = Transport::from_environment().context("setting up HTTPS")?;
        let bus = ClientOptions::from_environment().context("whom to trust")?;
        let ground = Ground { transport, managed_identity: None, bus, store, anchors };
        Self::standing_on(ground, settings, observer, clock)
    }

    /// The same, on ground that is given.
    ///
    /// # Errors
    /// When a setting turns out to be unusable.
    pub fn standing_on(
        ground: Ground,
        settings: Settings,
        observer: Arc<dyn Observer>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let Ground { transport, managed_identity, bus, store, anchors } = ground;
        let identity_settings = IdentitySettings {
            application_id: settings.application_id,
            vendor_tenant: settings.vendor_tenant,
            managed_identity_client_id: settings.managed_identity_client_id,
        };
        let identity = match managed_identity {
            Some(given) => {
                WorkloadIdentity::with_managed_identity(identity_settings, &transport, given, clock.clone())
            }
            None => WorkloadIdentity::new(identity_settings, &transport, clock.clone())
                .context("setting up the managed identity")?,
        };
        let client = match &settings.service_bus {
            ServiceBusSetting::ConnectionString(text) => {
                let parsed = text.parse::<ConnectionString>().context("the setting ServiceBus")?;
                ServiceBusClient::from_parsed_connection_string(parsed, bus)
            }
            ServiceBusSetting::Namespace(namespace) => {
                ServiceBusClient::with_options(namespace, identity.managed_identity(), bus)
            }
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
            evidence_key: settings
                .evidence_key
                .clone()
                .map(|key| SigningKey::new(&transport, &identity, key)),
            compute: Compute::new(&transport, identity.managed_identity()),
            marketplace: Marketplace::new(&transport, &identity),
            webhook_tokens: Arc::new(WebhookTokens::new(
                &transport,
                settings.vendor_tenant,
                settings.application_id,
            )),
            strangers: Arc::default(),
            windows: Arc::default(),
            sent: Arc::default(),
            health: Arc::default(),
            census: Arc::default(),
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
    store::open(url, options).with_context(|| format!("the setting {setting}"))
}
