//! A broker, a host that runs this executable as its handler, and a client.

use std::time::Duration;

use broker::{Broker, QueueOptions};
use functions_host::{Host, Options};
use service_bus::{Message, ServiceBusClient};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::handler::{BUS, FOLDER, PATIENCE};

pub(crate) struct LocalApp {
    pub(crate) broker: Broker,
    pub(crate) bus: ServiceBusClient,
    pub(crate) host: Host,
    noted: TempDir,
    _app: TempDir,
}

const QUEUES: [&str; 2] = ["text", "binary"];

impl LocalApp {
    pub(crate) async fn start() -> Self {
        let queues = QUEUES.map(QueueOptions::new).into();
        let broker = Broker::start(broker::Options { queues, ..Default::default() }).await.unwrap();
        let connection = broker.connection_string();
        let (app, noted) = (app(), tempfile::tempdir().unwrap());
        let mut options = Options::new(app.path());
        options.environment = [(BUS, connection.as_str()), (FOLDER, noted.path().to_str().unwrap())]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let host = Host::start(options).await.unwrap();
        assert!(host.function_errors().is_empty(), "{:?}", host.function_errors());
        host.ready().await.unwrap();
        let bus = ServiceBusClient::from_connection_string(&connection).unwrap();
        Self { broker, bus, host, noted, _app: app }
    }

    pub(crate) async fn send(&self, queue: &str, id: &str, body: impl Into<bytes::Bytes>) {
        self.bus.sender(queue).send(Message::new(body).with_message_id(id)).await.unwrap();
    }

    /// What the function wrote down about a message, once it has.
    pub(crate) async fn noted(&self, function: &str, id: &str) -> Vec<u8> {
        let path = self.noted.path().join(format!("{function}-{id}"));
        until(&format!("{function} {id}"), async || path.exists()).await;
        std::fs::read(path).unwrap()
    }

    pub(crate) fn noted_beside(&self, function: &str, id: &str, what: &str) -> String {
        std::fs::read_to_string(self.noted.path().join(format!("{function}-{id}.{what}"))).unwrap()
    }

    pub(crate) fn forget(&self, function: &str, id: &str) {
        std::fs::remove_file(self.noted.path().join(format!("{function}-{id}"))).unwrap();
    }

    pub(crate) async fn until_empty(&self, queue: &str) {
        until(&format!("empty {queue}"), async || {
            let counts = self.broker.counts(queue).unwrap();
            counts.active + counts.locked == 0
        })
        .await;
        assert_eq!(self.broker.counts(queue).unwrap().dead_letter, 0, "{queue}");
    }

    pub(crate) async fn stop(self) {
        self.host.stop().await;
        self.bus.close().await;
        self.broker.stop().await;
    }
}

fn app() -> TempDir {
    let app = tempfile::tempdir().unwrap();
    let write = |path: &str, value: &serde_json::Value| {
        let path = app.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, value.to_string()).unwrap();
    };
    let executable = std::env::current_exe().unwrap();
    write(
        "host.json",
        &serde_json::json!({
            "version": "2.0",
            "extensionBundle": { "id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)" },
            "customHandler": {
                "enableForwardingHttpRequest": true,
                "description": {
                    "defaultExecutablePath": executable,
                    "arguments": ["handler::serves_when_started_by_the_host", "--exact", "--nocapture"],
                },
            },
        }),
    );
    let function = |name: &str, bindings: &[serde_json::Value]| {
        write(&format!("{name}/function.json"), &serde_json::json!({ "bindings": bindings }));
    };
    let mut trigger = serde_json::json!(
        {"type": "serviceBusTrigger", "name": "message", "queueName": "text", "connection": BUS});
    function("text", &[trigger.clone()]);
    trigger["queueName"] = "binary".into();
    trigger["dataType"] = "binary".into();
    function("binary", &[trigger]);
    function(
        "forwarded",
        &[
            serde_json::json!({"type": "httpTrigger", "name": "req", "methods": ["post"]}),
            serde_json::json!({"type": "http", "direction": "out", "name": "res"}),
        ],
    );
    app
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "{what} did not come");
        sleep(Duration::from_millis(10)).await;
    }
}
