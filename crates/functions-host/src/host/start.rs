//! Puts a host together from what its files and settings say.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::conductor::Conductor;
use super::handler_port::handler_port;
use super::loading::Loading;
use super::summary::FunctionSummary;
use super::{HandlerHandle, Host, Listen, Options, StartError};
use crate::configuration::function_json::{
    self, Function, FunctionError, ServiceBusTrigger, TimerTrigger, Trigger,
};
use crate::configuration::host_json::HostJson;
use crate::configuration::http_routes;
use crate::event::{Observer, OutputLevel};
use crate::event_grid::EventGridRunner;
use crate::handler::{Handler, Orders, ProcessOptions};
use crate::host_status::HostStatus;
use crate::http::server::{Site, router, routes};
use crate::http::throttle::Throttle;
use crate::invocation::Executor;
use crate::invocation::executor::LoadedFunction;
use crate::manual::ManualRuns;
use crate::service_bus::sdk::{self, Connections};
use crate::service_bus::trigger::Listener;
use crate::settings::Settings;
use crate::timer::TimerRunner;

const DEFAULT_BODY_LIMIT: usize = 104_857_600;
/// The time-out of the real host's HTTP client is this much longer than that of a function.
const HTTP_CLIENT_MARGIN: Duration = Duration::from_secs(60);

/// An app as its files and settings describe it.
struct Blueprint {
    host_json: HostJson,
    settings: Settings,
    functions: Vec<Arc<LoadedFunction>>,
    errors: Vec<FunctionError>,
    connections: Connections,
    body_limit: usize,
    host_id: String,
}

pub(super) async fn start(options: Options) -> Result<Host, StartError> {
    let script_root = std::path::absolute(&options.script_root)
        .map_err(|source| StartError::ScriptRoot { path: options.script_root.clone(), source })?;
    let settings = Settings::of_this_process(&options.environment);
    let host_json = HostJson::read(&script_root, &settings)?;
    let observer = Observer::new(options.observer, host_json.log_levels.clone());
    let mut app = Blueprint::read(&script_root, host_json, settings, &observer)?;
    let (listener, address) = listen(options.listen).await?;
    let process = ProcessOptions {
        handler: app.host_json.custom_handler.clone(),
        script_root,
        port: handler_port(&app.host_json).await?,
        answer_limit: app.host_json.function_timeout.map(|limit| limit + HTTP_CLIENT_MARGIN),
        environment: options.environment.into_iter().collect(),
    };

    let (fatal, fatal_reasons) = mpsc::unbounded_channel();
    let orders = Orders::default();
    let (handler, supervisor) = if app.functions.is_empty() {
        (Handler::absent(), tokio::spawn(std::future::ready(())))
    } else {
        Handler::start(process, observer.clone(), orders.clone(), fatal.clone())
    };
    let executor = Executor {
        handler: handler.clone(),
        observer: observer.clone(),
        function_timeout: app.host_json.function_timeout,
        retry: app.host_json.retry.clone(),
        sends_content_length: app.settings.get("FUNCTIONS_CORETOOLS_ENVIRONMENT").is_some(),
        fatal,
    };
    let mut triggers = Triggers::new(Arc::new(executor));
    for function in app.functions.clone() {
        triggers.add(function, &mut app);
    }
    let summary = |function: &Arc<LoadedFunction>| {
        let prefix = &app.host_json.http.route_prefix;
        FunctionSummary::of(&function.function, &format!("http://{address}"), prefix)
    };
    let functions = app.functions.iter().map(summary).collect();
    let (intake, in_flight) = (triggers.intake.clone(), triggers.in_flight.clone());
    let mut tasks = JoinSet::new();
    let site = triggers.site(&app, &mut tasks);
    tasks.spawn(serve(listener, Arc::new(site), intake.clone()));

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
        connections: app.connections,
        observer,
        stopped: stopped_sender,
    };
    let conductor: JoinHandle<()> = tokio::spawn(conductor.run());
    Ok(Host {
        address,
        functions,
        handler: HandlerHandle(handler),
        errors: Arc::new(app.errors),
        stop,
        stopped,
        conductor: Some(conductor),
    })
}

impl Blueprint {
    fn read(
        script_root: &Path,
        host_json: HostJson,
        settings: Settings,
        observer: &Observer,
    ) -> Result<Self, StartError> {
        host_json.warnings.iter().for_each(|line| observer.line(OutputLevel::Warning, line));
        let body_limit = body_limit(&settings)?;
        let (functions, errors) = functions(script_root, &host_json, &settings, observer)?;
        let has_extensions =
            host_json.extension_bundle.is_some() || script_root.join("bin/extensions.json").is_file();
        let mut loading =
            Loading { settings: &settings, has_extensions, connections: Connections::default(), errors };
        let functions = functions.into_iter().filter_map(|function| loading.load(function)).collect();
        let Loading { connections, errors, .. } = loading;
        errors.iter().for_each(|error| observer.line(OutputLevel::Error, error.to_string()));
        let host_id = host_id(script_root);
        Ok(Self { host_json, settings, functions, errors, connections, body_limit, host_id })
    }
}

/// Those of the function.json files, or else those of `customHandler.http.routes`; never both.
fn functions(
    script_root: &Path,
    host_json: &HostJson,
    settings: &Settings,
    observer: &Observer,
) -> Result<(Vec<Function>, Vec<FunctionError>), StartError> {
    let (functions, errors) = function_json::read_all(script_root, settings)
        .map_err(|source| StartError::ScriptRoot { path: script_root.to_owned(), source })?;
    let routes = &host_json.custom_handler.routes;
    if routes.is_empty() {
        return Ok((functions, errors));
    }
    if !host_json.is_custom_runtime {
        // The real host says nothing, and its user wonders.
        let line = "customHandler.http.routes has no effect: FUNCTIONS_WORKER_RUNTIME is not 'custom'.";
        observer.line(OutputLevel::Warning, line);
        return Ok((functions, errors));
    }
    if !functions.is_empty() {
        return Err(StartError::RoutesAndFunctions);
    }
    let (functions, route_errors) = http_routes::functions(routes, settings);
    Ok((functions, errors.into_iter().chain(route_errors).collect()))
}

/// What makes functions run, until `intake` is cancelled.
struct Triggers {
    executor: Arc<Executor>,
    intake: CancellationToken,
    in_flight: TaskTracker,
    manual: ManualRuns,
}

impl Triggers {
    fn new(executor: Arc<Executor>) -> Self {
        Self {
            executor,
            intake: CancellationToken::new(),
            in_flight: TaskTracker::new(),
            manual: ManualRuns::default(),
        }
    }

    fn add(&mut self, function: Arc<LoadedFunction>, app: &mut Blueprint) {
        let name = function.function.name.clone();
        match &function.function.trigger {
            Trigger::ServiceBus(trigger) => {
                let trigger = trigger.clone();
                let listener = self.listener(function, trigger, app);
                self.manual.queues.insert(name, listener);
            }
            Trigger::Timer(trigger) => {
                let trigger = trigger.clone();
                let runner = self.timer(function, trigger);
                self.manual.timers.insert(name, runner);
            }
            Trigger::EventGrid(trigger) => {
                let (executor, trigger) = (self.executor.clone(), trigger.clone());
                self.manual.event_grid.insert(name, EventGridRunner { executor, function, trigger });
            }
            Trigger::Http(_) => {}
        }
    }

    fn listener(
        &self,
        function: Arc<LoadedFunction>,
        trigger: ServiceBusTrigger,
        app: &mut Blueprint,
    ) -> Listener {
        let client = app.connections.client(&trigger.connection, &app.settings);
        let client = client.expect("functions without a connection were left out while loading");
        Listener {
            executor: self.executor.clone(),
            function,
            entity: sdk::entity(&client, &trigger.entity_path),
            trigger,
            namespace: client.fully_qualified_namespace().to_owned(),
            options: app.host_json.service_bus.clone(),
            in_flight: self.in_flight.clone(),
        }
    }

    fn timer(&self, function: Arc<LoadedFunction>, trigger: TimerTrigger) -> TimerRunner {
        TimerRunner {
            executor: self.executor.clone(),
            function,
            trigger,
            in_flight: self.in_flight.clone(),
            last: Arc::new(Mutex::new(None)),
        }
    }

    /// Starts all triggers but those of disabled functions, and makes of the rest what answers clients.
    fn site(self, app: &Blueprint, tasks: &mut JoinSet<()>) -> Site {
        let enabled = |function: &LoadedFunction| !function.function.disabled;
        for listener in self.manual.queues.values().filter(|listener| enabled(&listener.function)) {
            tasks.spawn(listener.clone().run(self.intake.clone()));
        }
        for timer in self.manual.timers.values().filter(|timer| enabled(&timer.function)) {
            tasks.spawn(timer.clone().run(self.intake.clone()));
        }
        Site {
            executor: self.executor,
            routes: routes(&app.functions, &app.host_json.http.route_prefix),
            functions: app.functions.clone(),
            route_prefix: app.host_json.http.route_prefix.clone(),
            forwarding: app.host_json.custom_handler.forwarding,
            body_limit: app.body_limit,
            throttle: Throttle::new(&app.host_json.http),
            in_flight: self.in_flight,
            manual: self.manual,
            status: HostStatus {
                id: app.host_id.clone(),
                instance: Uuid::new_v4(),
                started: Instant::now(),
                extension_bundle: app.host_json.extension_bundle.clone(),
                errors: app.errors.iter().map(ToString::to_string).collect(),
            },
        }
    }
}

async fn serve(listener: TcpListener, site: Arc<Site>, stop: CancellationToken) {
    let serve = axum::serve(listener, router(site));
    // Accepting connections fails only in ways that axum waits out by itself.
    let _ = serve.with_graceful_shutdown(stop.cancelled_owned()).await;
}

async fn listen(listen: Listen) -> Result<(TcpListener, SocketAddr), StartError> {
    let (port, listener) = match listen {
        Listen::Port(port) => (port, TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await),
        Listen::On(bound) => {
            let port = bound.local_addr().map_or(0, |address| address.port());
            (port, bound.set_nonblocking(true).and_then(|()| TcpListener::from_std(bound)))
        }
    };
    let fail = |source| StartError::Listen { port, source };
    let listener = listener.map_err(fail)?;
    let address = listener.local_addr().map_err(fail)?;
    Ok((listener, address))
}

fn body_limit(settings: &Settings) -> Result<usize, StartError> {
    const NAME: &str = "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT";
    let Some(value) = settings.get(NAME) else { return Ok(DEFAULT_BODY_LIMIT) };
    value.parse().map_err(|_| StartError::Setting { name: NAME, value: value.to_owned() })
}

/// Our guess at a form: the real id is made of machine and folder names in a way that nobody relies on.
fn host_id(script_root: &Path) -> String {
    let name = script_root.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let kept: String = name.chars().filter(|character| character.is_ascii_alphanumeric()).collect();
    format!("local-{kept}")
}
