//! Starts everything, and stops it in the right order.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::configuration::function_json::{
    self, Function, FunctionError, FunctionProblem, OutputTarget, Trigger,
};
use crate::configuration::host_json::{HostJson, HostJsonError};
use crate::event::{HostEvent, Observer, OutputLevel};
use crate::handler::{Handler, Orders, ProcessOptions};
use crate::host_status::HostStatus;
use crate::http::server::{Site, router, routes};
use crate::invocation::Executor;
use crate::invocation::executor::LoadedFunction;
use crate::manual::ManualRuns;
use crate::service_bus::sdk::{self, Connections};
use crate::service_bus::trigger::Listener;
use crate::settings::Settings;
use crate::timer::TimerRunner;

/// How long a stopping host waits for invocations under way before it kills the handler.
const DRAIN_TIME: Duration = Duration::from_secs(5);
/// How long messages may take to be given back after that.
const SETTLING_TIME: Duration = Duration::from_secs(5);
const DEFAULT_BODY_LIMIT: usize = 104_857_600;

/// What to run, and how.
#[derive(Debug)]
pub struct Options {
    /// The folder of host.json; each function is a folder in it.
    pub script_root: PathBuf,
    /// Where clients reach the host on 127.0.0.1; 0 takes a free port.
    pub http_port: u16,
    /// App settings: added to the handler's environment (which is this process's own), and the source of `%NAME%`,
    /// of connection strings and of `AzureFunctionsJobHost__…` overrides.
    pub environment: BTreeMap<String, String>,
    /// Who is told what happens.
    pub observer: Option<mpsc::UnboundedSender<HostEvent>>,
}

impl Options {
    /// An app in this folder, on a free port, without settings of its own and unobserved.
    pub fn new(script_root: impl Into<PathBuf>) -> Self {
        Self { script_root: script_root.into(), http_port: 0, environment: BTreeMap::new(), observer: None }
    }
}

/// Why a host does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// host.json cannot be used.
    #[error(transparent)]
    HostJson(#[from] HostJsonError),
    /// The folder cannot be read.
    #[error("cannot read the functions in '{path}'")]
    ScriptRoot {
        /// The folder.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// An app setting has a value that it cannot have.
    #[error("the app setting {name} cannot be '{value}'")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// No port to listen on.
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        /// The port that was asked for.
        port: u16,
        /// What the operating system said.
        source: std::io::Error,
    },
}

/// A running host. Dropping it stops it, without waiting for that.
#[derive(Debug)]
pub struct Host {
    address: SocketAddr,
    handler: HandlerHandle,
    errors: Arc<Vec<FunctionError>>,
    stop: CancellationToken,
    stopped: watch::Receiver<Option<String>>,
    conductor: Option<JoinHandle<()>>,
}

/// Hides the handler's inner parts from `Debug`.
struct HandlerHandle(Handler);

impl std::fmt::Debug for HandlerHandle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Handler").field("process_id", &self.0.process_id()).finish()
    }
}

impl Host {
    /// Reads the app, starts its handler process and begins to listen; does not wait for the handler to be ready.
    ///
    /// A function whose function.json cannot be used is left out and told as an error line, as in the real host;
    /// see [`Host::function_errors`].
    ///
    /// # Errors
    ///
    /// When host.json is missing or refused, the folder cannot be read, or the port is taken.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let script_root = std::path::absolute(&options.script_root)
            .map_err(|source| StartError::ScriptRoot { path: options.script_root.clone(), source })?;
        let settings = Settings::of_this_process(&options.environment);
        let observer = Observer::new(options.observer);
        let host_json = HostJson::read(&script_root, &settings)?;
        host_json.warnings.iter().for_each(|line| observer.line(OutputLevel::Warning, line));
        let body_limit = body_limit(&settings)?;
        let (functions, errors) = function_json::read_all(&script_root, &settings)
            .map_err(|source| StartError::ScriptRoot { path: script_root.clone(), source })?;
        let (listener, address) = listen(options.http_port).await?;
        let handler_port = match host_json.custom_handler.port {
            Some(port) => port,
            None => free_port().await?,
        };

        let mut loading = Loading { settings: &settings, connections: Connections::default(), errors };
        let functions: Vec<_> = functions.into_iter().filter_map(|function| loading.load(function)).collect();
        let Loading { mut connections, errors, .. } = loading;
        errors.iter().for_each(|error| observer.line(OutputLevel::Error, error.to_string()));

        let (fatal, fatal_reasons) = mpsc::unbounded_channel();
        let orders = Orders::default();
        let process_options = ProcessOptions {
            handler: host_json.custom_handler.clone(),
            script_root: script_root.clone(),
            port: handler_port,
            environment: options.environment.into_iter().collect(),
        };
        let (handler, supervisor) = if functions.is_empty() {
            (Handler::absent(), tokio::spawn(std::future::ready(())))
        } else {
            Handler::start(process_options, observer.clone(), orders.clone(), fatal.clone())
        };
        let executor = Arc::new(Executor {
            handler: handler.clone(),
            observer: observer.clone(),
            function_timeout: host_json.function_timeout,
            sends_content_length: settings.get("FUNCTIONS_CORETOOLS_ENVIRONMENT").is_some(),
            fatal,
        });

        let intake = CancellationToken::new();
        let in_flight = TaskTracker::new();
        let mut tasks = JoinSet::new();
        let mut manual = ManualRuns::default();
        for function in &functions {
            match &function.function.trigger {
                Trigger::ServiceBus(trigger) => {
                    let client = connections
                        .client(&trigger.connection, &settings)
                        .expect("functions without a connection were left out while loading");
                    let listener = Listener {
                        executor: executor.clone(),
                        function: function.clone(),
                        trigger: trigger.clone(),
                        entity: sdk::entity(&client, &trigger.entity_path),
                        namespace: client.fully_qualified_namespace().to_owned(),
                        options: host_json.service_bus.clone(),
                        in_flight: in_flight.clone(),
                    };
                    manual.queues.insert(function.function.name.clone(), listener.clone());
                    if !function.function.disabled {
                        tasks.spawn(listener.run(intake.clone()));
                    }
                }
                Trigger::Timer(trigger) => {
                    let runner = TimerRunner {
                        executor: executor.clone(),
                        function: function.clone(),
                        trigger: trigger.clone(),
                        in_flight: in_flight.clone(),
                        last: Arc::new(Mutex::new(None)),
                    };
                    manual.timers.insert(function.function.name.clone(), runner.clone());
                    if !function.function.disabled {
                        tasks.spawn(runner.run(intake.clone()));
                    }
                }
                Trigger::Http(_) => {}
            }
        }
        let site = Arc::new(Site {
            executor,
            routes: routes(&functions, &host_json.route_prefix),
            functions,
            route_prefix: host_json.route_prefix.clone(),
            forwarding: host_json.custom_handler.forwarding,
            body_limit,
            in_flight: in_flight.clone(),
            manual,
            status: HostStatus {
                id: host_id(&script_root),
                instance: Uuid::new_v4(),
                started: Instant::now(),
                extension_bundle: host_json.extension_bundle.clone(),
                errors: errors.iter().map(ToString::to_string).collect(),
            },
        });
        let http_stop = intake.clone();
        tasks.spawn(async move {
            let serve = axum::serve(listener, router(site));
            // Accepting connections fails only in ways that axum waits out by itself.
            let _ = serve.with_graceful_shutdown(http_stop.cancelled_owned()).await;
        });

        let stop = CancellationToken::new();
        let (stopped_sender, stopped) = watch::channel(None);
        let conductor = Conductor {
            stop: stop.clone(),
            fatal_reasons,
            intake,
            in_flight,
            tasks,
            orders,
            supervisor,
            connections,
            observer,
            stopped: stopped_sender,
        };
        Ok(Self {
            address,
            handler: HandlerHandle(handler),
            errors: Arc::new(errors),
            stop,
            stopped,
            conductor: Some(tokio::spawn(conductor.run())),
        })
    }

    /// `http://127.0.0.1:{port}`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The operating system's id of the handler process, while there is one.
    pub fn handler_process_id(&self) -> Option<u32> {
        self.handler.0.process_id()
    }

    /// The functions that were left out.
    pub fn function_errors(&self) -> &[FunctionError] {
        &self.errors
    }

    /// Waits until the handler answers.
    ///
    /// # Errors
    ///
    /// When the host gives up or is stopped before that; the text says why.
    pub async fn ready(&self) -> Result<(), String> {
        self.handler.0.ready().await.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Waits until the host gave up or was stopped, and returns the reason.
    pub async fn stopped(&self) -> String {
        let mut stopped = self.stopped.clone();
        let reason = stopped.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        reason.unwrap_or_else(|| "the runtime was shut down".to_owned())
    }

    /// Stops: no new work, up to five seconds for invocations under way, SIGKILL for the handler process, and what
    /// was being worked on goes back to its queue.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(conductor) = self.conductor.take() {
            // A conductor that panicked has dropped, and so killed, the process with all the rest.
            let _ = conductor.await;
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Gives functions their destinations, and collects those that cannot be run.
struct Loading<'a> {
    settings: &'a Settings,
    connections: Connections,
    errors: Vec<FunctionError>,
}

impl Loading<'_> {
    fn load(&mut self, function: Function) -> Option<Arc<LoadedFunction>> {
        match self.destinations(&function) {
            Ok(destinations) => Some(Arc::new(LoadedFunction { function, destinations })),
            Err(reason) => {
                self.errors.push(FunctionError { function: function.name, reason });
                None
            }
        }
    }

    fn destinations(
        &mut self,
        function: &Function,
    ) -> Result<BTreeMap<String, Arc<dyn crate::service_bus::Destination>>, FunctionProblem> {
        if let Trigger::ServiceBus(trigger) = &function.trigger {
            self.connections.client(&trigger.connection, self.settings)?;
        }
        let other_zone =
            self.settings.get("WEBSITE_TIME_ZONE").is_some_and(|zone| !zone.eq_ignore_ascii_case("UTC"));
        if matches!(function.trigger, Trigger::Timer(_)) && other_zone {
            return Err(FunctionProblem::Unsupported("a WEBSITE_TIME_ZONE other than UTC"));
        }
        let mut destinations: BTreeMap<String, Arc<dyn crate::service_bus::Destination>> = BTreeMap::new();
        for output in &function.outputs {
            if let OutputTarget::ServiceBus { entity, connection } = &output.target {
                let client = self.connections.client(connection, self.settings)?;
                destinations.insert(output.name.clone(), sdk::destination(&client, entity));
            }
        }
        Ok(destinations)
    }
}

/// Waits for the end, and brings it about in order.
struct Conductor {
    stop: CancellationToken,
    fatal_reasons: mpsc::UnboundedReceiver<String>,
    intake: CancellationToken,
    in_flight: TaskTracker,
    tasks: JoinSet<()>,
    orders: Orders,
    supervisor: JoinHandle<()>,
    connections: Connections,
    observer: Observer,
    stopped: watch::Sender<Option<String>>,
}

impl Conductor {
    async fn run(mut self) {
        let reason = tokio::select! {
            () = self.stop.cancelled() => "the host was stopped".to_owned(),
            Some(reason) = self.fatal_reasons.recv() => reason,
        };
        self.orders.restart_no_more.cancel();
        self.intake.cancel();
        self.in_flight.close();
        let _ = timeout(DRAIN_TIME, self.in_flight.wait()).await;
        self.orders.kill.cancel();
        let _ = self.supervisor.await;
        let _ = timeout(SETTLING_TIME, self.in_flight.wait()).await;
        let _ = timeout(SETTLING_TIME, async { while self.tasks.join_next().await.is_some() {} }).await;
        self.tasks.shutdown().await;
        let _ = timeout(SETTLING_TIME, self.connections.close()).await;
        self.observer.tell(HostEvent::Stopped { reason: reason.clone() });
        self.stopped.send_replace(Some(reason));
    }
}

async fn listen(port: u16) -> Result<(TcpListener, SocketAddr), StartError> {
    let fail = |source| StartError::Listen { port, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(fail)?;
    let address = listener.local_addr().map_err(fail)?;
    Ok((listener, address))
}

/// As the real host does it: bound once and let go. Somebody else may take it before the handler does.
async fn free_port() -> Result<u16, StartError> {
    listen(0).await.map(|(_, address)| address.port())
}

fn body_limit(settings: &Settings) -> Result<usize, StartError> {
    const NAME: &str = "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT";
    let Some(value) = settings.get(NAME) else { return Ok(DEFAULT_BODY_LIMIT) };
    value.parse().map_err(|_| StartError::Setting { name: NAME, value: value.to_owned() })
}

/// Our guess at a form: the real id is made of machine and folder names in a way that nobody relies on.
fn host_id(script_root: &std::path::Path) -> String {
    let name = script_root.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let kept: String = name.chars().filter(|character| character.is_ascii_alphanumeric()).collect();
    format!("local-{kept}")
}
