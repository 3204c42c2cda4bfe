//! An app in a temporary folder, a host that runs it, and the events it told.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use functions_host::{Host, HostEvent, Options};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// How long anything may take before a test fails: generous, because the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// An app under construction. The handler is the raw one of these tests unless told otherwise.
pub(crate) struct App {
    root: TempDir,
    orders: TempDir,
    settings: BTreeMap<String, String>,
}

/// A running app.
pub(crate) struct Running {
    pub(crate) host: Host,
    events: mpsc::UnboundedReceiver<HostEvent>,
    seen: Vec<HostEvent>,
    orders: TempDir,
    _root: TempDir,
}

impl App {
    pub(crate) fn new() -> Self {
        let app = Self {
            root: tempfile::tempdir().unwrap(),
            orders: tempfile::tempdir().unwrap(),
            settings: BTreeMap::new(),
        };
        let host_json = serde_json::json!({
            "version": "2.0",
            "functionTimeout": "00:01:00",
            "extensionBundle": { "id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)" },
            "customHandler": {
                "description": { "defaultExecutablePath": env!("CARGO_BIN_EXE_functions-host-raw-handler") },
                "enableForwardingHttpRequest": true,
                "initializationTimeout": "00:01:00",
            },
        });
        app.file("host.json", &host_json.to_string())
            .with("RAW_HANDLER_FOLDER", |app| app.orders.path().to_str().unwrap().to_owned())
    }

    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        let path = self.root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    pub(crate) fn function(self, name: &str, bindings: &str) -> Self {
        self.file(&format!("{name}/function.json"), &format!(r#"{{"bindings":[{bindings}]}}"#))
    }

    /// An HTTP function that is forwarded.
    pub(crate) fn forwarded(self, name: &str, route: &str) -> Self {
        let bindings = format!(
            r#"{{"type":"httpTrigger","name":"req","route":"{route}"}},{{"type":"http","direction":"out","name":"res"}}"#
        );
        self.function(name, &bindings)
    }

    fn with(self, name: &str, value: impl FnOnce(&Self) -> String) -> Self {
        let value = value(&self);
        self.setting(name, &value)
    }

    pub(crate) fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// What the raw handler does; see there.
    pub(crate) fn order(self, key: &str, order: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.orders.path().join(key), order).unwrap();
        self
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) async fn start(self) -> Running {
        self.start_with(|_| {}).await
    }

    pub(crate) async fn start_with(self, change: impl FnOnce(&mut Options)) -> Running {
        let (sender, events) = mpsc::unbounded_channel();
        let mut options = Options { observer: Some(sender), ..self.options() };
        change(&mut options);
        let host = Host::start(options).await.unwrap();
        Running { host, events, seen: Vec::new(), orders: self.orders, _root: self.root }
    }

    pub(crate) fn options(&self) -> Options {
        Options { environment: self.settings.clone(), ..Options::new(self.root.path()) }
    }
}

impl Running {
    /// Waits for an event that `wanted` makes something of. Earlier ones stay in [`Running::seen`].
    pub(crate) async fn event<T>(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(&HostEvent) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let next = tokio::time::timeout_at(deadline, self.events.recv()).await;
            let Ok(Some(event)) = next else { panic!("no {what}; there were {:#?}", self.seen) };
            let found = wanted(&event);
            self.seen.push(event);
            if let Some(found) = found {
                return found;
            }
        }
    }

    pub(crate) async fn finished(&mut self, name: &str) -> Result<(), String> {
        self.event(&format!("end of {name}"), |event| match event {
            HostEvent::InvocationFinished { function, result, .. } if function == name => {
                Some(result.clone())
            }
            _ => None,
        })
        .await
    }

    pub(crate) async fn handler_ready(&mut self) {
        self.event("readiness", |event| matches!(event, HostEvent::HandlerReady { .. }).then_some(())).await;
    }

    /// Waits for a line.
    pub(crate) async fn warned(&mut self, part: &str) {
        self.event(part, |event| match event {
            HostEvent::Output { line, .. } => line.contains(part).then_some(()),
            _ => None,
        })
        .await;
    }

    /// Stops the host, and waits until nothing of it is left that could tell anything. Returns what it told since.
    pub(crate) async fn stop_and_end(self) -> Vec<HostEvent> {
        let Self { host, mut events, .. } = self;
        host.stop().await;
        let mut told = Vec::new();
        let rest = tokio::time::timeout(PATIENCE, async {
            while let Some(event) = events.recv().await {
                told.push(event);
            }
        });
        rest.await.expect("the host leaves something behind");
        told
    }

    /// All events until now.
    pub(crate) fn seen(&mut self) -> &[HostEvent] {
        while let Ok(event) = self.events.try_recv() {
            self.seen.push(event);
        }
        &self.seen
    }

    pub(crate) fn lines(&mut self) -> Vec<String> {
        let lines = self.seen().iter().filter_map(|event| match event {
            HostEvent::Output { line, .. } => Some(line.clone()),
            _ => None,
        });
        lines.collect()
    }

    /// What the raw handler was asked, in order.
    pub(crate) fn requests(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.orders.path().join("requests")).unwrap_or_default();
        // The last line may be half written at this moment.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Puts a file where the raw handler waits for it.
    pub(crate) fn tell_the_handler(&self, file: &str) {
        std::fs::write(self.orders.path().join(file), "").unwrap();
    }

    /// How often the raw handler was started.
    pub(crate) fn starts(&self) -> usize {
        std::fs::read_to_string(self.orders.path().join("starts")).unwrap_or_default().lines().count()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.host.url())
    }
}

/// A whole HTTP response.
pub(crate) fn response(status: &str, content_type: &str, body: &str) -> String {
    let length = body.len();
    let content_type =
        if content_type.is_empty() { String::new() } else { format!("Content-Type: {content_type}\r\n") };
    format!("HTTP/1.1 {status}\r\n{content_type}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

pub(crate) fn json(body: &str) -> String {
    response("200 OK", "application/json", body)
}

/// Without redirects, without proxies.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "{what} did not come");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Whether a process of this id exists.
pub(crate) fn is_alive(process_id: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{process_id}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// SIGKILL.
pub(crate) fn kill(process_id: u32) {
    let process = rustix::process::Pid::from_raw(i32::try_from(process_id).unwrap()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
}
