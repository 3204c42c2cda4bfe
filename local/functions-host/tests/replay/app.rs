//! An app of the recordings, run by this host with the recorder as its handler.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use functions_host::{Host, Options, StartError};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::recorder::Recorder;

pub(crate) struct App {
    pub(crate) host: Host,
    pub(crate) recorder: Recorder,
    hangs: AtomicBool,
    _folders: [TempDir; 2],
}

impl App {
    /// Files as recorded, but for the handler's command.
    pub(crate) async fn start(app: &Value, settings: &[(&str, &str)]) -> Self {
        Self::try_start(app, settings).await.unwrap()
    }

    pub(crate) async fn try_start(app: &Value, settings: &[(&str, &str)]) -> Result<Self, StartError> {
        let [root, orders] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let recorder = Recorder::start().await;
        // The process of the raw handler only has to be there.
        std::fs::write(orders.path().join("start"), "!hang").unwrap();
        std::fs::write(root.path().join("host.json"), app["host.json"].as_str().unwrap_or(HOST_JSON))
            .unwrap();
        std::fs::create_dir_all(root.path().join("bin")).unwrap();
        std::fs::write(root.path().join("bin/extensions.json"), "{}").unwrap();
        for (name, text) in app["functions"].as_object().unwrap() {
            std::fs::create_dir_all(root.path().join(name)).unwrap();
            std::fs::write(root.path().join(name).join("function.json"), text.as_str().unwrap()).unwrap();
        }
        let mut environment: BTreeMap<String, String> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut set = |name: &str, value: &str| {
            environment.insert(format!("AzureFunctionsJobHost__customHandler__{name}"), value.to_owned());
        };
        set("description__defaultExecutablePath", env!("CARGO_BIN_EXE_functions-host-raw-handler"));
        set("port", &recorder.port.to_string());
        environment.insert("RAW_HANDLER_FOLDER".to_owned(), orders.path().to_str().unwrap().to_owned());
        let host = Host::start(Options { environment, ..Options::new(root.path()) }).await?;
        host.ready().await.unwrap();
        Ok(Self { host, recorder, hangs: AtomicBool::new(false), _folders: [root, orders] })
    }
}

impl App {
    /// Waits until what a case before has begun is over: what was run by hand may still be tried again. What hangs is not
    /// waited for.
    pub(crate) async fn settle(&self) {
        for _ in 0..150 {
            if self.host.quiet_after().is_some() || self.hangs.load(Ordering::Relaxed) {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
        self.hangs.store(true, Ordering::Relaxed);
    }
}

/// Of the apps that are recorded without one.
const HOST_JSON: &str =
    r#"{ "version": "2.0", "customHandler": { "description": { "defaultExecutablePath": "x" } } }"#;
