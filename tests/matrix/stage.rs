//! A local world whose function app runs in this process: the simulated Azure, the broker, the cast, and a server that
//! gives requests to whatever app plays at the moment.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, extract::Request, http::StatusCode, response::IntoResponse as _};
use broker::{Broker, QueueOptions, TopicOptions};
use local_world::{
    cast::{Azure, Customer, Fulfilment, Network, Vendor},
    story::Story,
    world::{Around, Sources, WorldClock, app_settings, reached_by_key, set_up_vendor},
};
use sandbox::{Lags, Sandbox};
use service_bus::{ServiceBusClient, ServiceBusReceiver};
use tempfile::TempDir;
use url::Url;

use crate::app::Playing;

/// 32 bytes.
const SIGNING_KEY: &str = "bGF0Y2hrZXkgbGF0Y2hrZXkgbGF0Y2hrZXkgbGF0Y2g=";

pub(crate) struct Stage {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) broker: Broker,
    pub(crate) bus: ServiceBusClient,
    pub(crate) clock: WorldClock,
    receivers: BTreeMap<&'static str, ServiceBusReceiver>,
    pub(crate) vendor: Vendor,
    pub(crate) customer: Customer,
    pub(crate) fulfilment: Fulfilment,
    pub(crate) settings: BTreeMap<String, String>,
    /// Every one has a number of its own, so that one stage can have many stories.
    pub(crate) stories: usize,
    playing: Arc<Mutex<Option<Arc<Playing>>>>,
    _folder: TempDir,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let queue =
            |name: String| QueueOptions { requires_duplicate_detection: true, ..QueueOptions::new(name) };
        let queues = latchkey_functions::package::queue_names().into_iter().map(queue).collect();
        // Nobody subscribes: what the vendor's own systems are told is not read here.
        let topic =
            |name: String| TopicOptions { requires_duplicate_detection: true, ..TopicOptions::new(name) };
        let topics = latchkey_functions::package::topic_names().into_iter().map(topic).collect();
        let clock = WorldClock::open(folder.path().join("clock")).unwrap();
        let ahead_milliseconds = clock.shared();
        let options = broker::Options { queues, topics, ahead_milliseconds, ..broker::Options::default() };
        let broker = Broker::start(options).await.unwrap();
        // A machine runs on when its key is lost, so that there is something to stop, however late.
        let key_loss = Duration::from_secs(30 * 86_400);
        let lags = Lags { retry_after_seconds: Some(0), key_loss, ..Lags::default() };
        let run_folder = folder.path().join("run");
        let ahead_milliseconds = Some(clock.shared());
        let options = sandbox::Options { state: None, run_folder, lags, har: true, ahead_milliseconds };
        let sandbox = Arc::new(Sandbox::start(options).await.unwrap());
        let playing: Arc<Mutex<Option<Arc<Playing>>>> = Arc::default();
        let url = serve(playing.clone()).await;
        let network =
            Network::new(&sandbox.proxy_url(), sandbox.ca_file()).unwrap().in_time_of(clock.clone());
        let vendor = set_up_vendor(&network, &sandbox, &url, &Story::silent()).await.unwrap();
        let fulfilment = Fulfilment::new(&network, &sandbox, vendor.estate()).unwrap();
        fulfilment.usable().await.unwrap();
        let azure = Azure::new(&network, &sandbox.seed().customer).unwrap();
        let customer = Customer::new(azure, &network, Story::silent()).unwrap();
        let settings = settings(&sandbox, &vendor, &broker, &url, folder.path());
        let bus = ServiceBusClient::from_connection_string(&broker.connection_string()).unwrap();
        let receivers = latchkey_functions::queue_functions().map(|queue| (queue, bus.receiver(queue)));
        Self {
            receivers: receivers.collect(),
            sandbox,
            broker,
            bus,
            clock,
            vendor,
            customer,
            fulfilment,
            settings,
            stories: 0,
            playing,
            _folder: folder,
        }
    }

    /// Where the messages of a queue come from.
    pub(crate) fn receiver(&self, queue: &'static str) -> &ServiceBusReceiver {
        &self.receivers[queue]
    }

    /// From now on requests go to this app.
    pub(crate) fn plays(&self, app: Arc<Playing>) {
        *self.playing.lock().unwrap_or_else(PoisonError::into_inner) = Some(app);
    }
}

fn settings(
    sandbox: &Sandbox,
    vendor: &Vendor,
    broker: &Broker,
    url: &Url,
    journal: &Path,
) -> BTreeMap<String, String> {
    let mut settings = app_settings(&Sources {
        around: Around::of(sandbox),
        estate: vendor.estate(),
        reached_by: reached_by_key(&broker.connection_string(), journal).unwrap(),
        public_url: url,
        signing_key: SIGNING_KEY,
    });
    let quick = [
        ("LATCHKEY_RETRY_FIRST_MILLISECONDS", "1000"),
        ("LATCHKEY_RETRY_LONGEST_MILLISECONDS", "60000"),
        ("LATCHKEY_SPREADING_SECONDS", "0"),
        ("LATCHKEY_CHECK_FIRST_SECONDS", "1"),
        ("LATCHKEY_LOOK_AGAIN_SECONDS", "1"),
        // The longest interval in which every tick is the time of a look.
        ("LATCHKEY_WATCH_SECONDS", "60"),
        ("LATCHKEY_GRACE_POLICY", "deallocate"),
        ("LATCHKEY_GRACE_SUSPEND_AFTER_SECONDS", "1"),
        ("LATCHKEY_GRACE_DEALLOCATE_AFTER_SECONDS", "2"),
        ("LATCHKEY_GRACE_NOTICE_SECONDS", "1"),
        ("LATCHKEY_LEAVING_HOLD_SECONDS", "1"),
        ("LATCHKEY_LEAVING_APPROVAL", "policy"),
    ];
    settings.extend(quick.map(|(name, value)| (name.to_owned(), value.to_owned())));
    settings
}

async fn serve(playing: Arc<Mutex<Option<Arc<Playing>>>>) -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let forward = move |request: Request| {
        let app = playing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        async move {
            match app {
                Some(app) => app.forward(request).await,
                None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            }
        }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(forward)).await });
    url
}
