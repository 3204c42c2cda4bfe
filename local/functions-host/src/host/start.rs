//! Puts a host together from what its files and settings say.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::conductor::Conductor;
use super::handler_port::handler_port;
use super::loading::Loading;
use super::summary::FunctionSummary;
use super::triggers::Triggers;
use super::{HandlerHandle, Host, Listen, Options, StartError};
use crate::configuration::function_json::{self, Function, FunctionError};
use crate::configuration::host_json::HostJson;
use crate::configuration::http_routes;
use crate::event::{Observer, OutputLevel};
use crate::handler::{Handler, Orders, ProcessOptions};
use crate::http::server::{Site, router};
use crate::invocation::Executor;
use crate::invocation::executor::LoadedFunction;
use crate::service_bus::sdk::Connections;
use crate::settings::Settings;

const DEFAULT_BODY_LIMIT: usize = 104_857_600;

/// An app as its files and settings describe it.
pub(super) struct Blueprint {
    pub(super) host_json: HostJson,
    pub(super) settings: Settings,
    pub(super) functions: Vec<Arc<LoadedFunction>>,
    pub(super) errors: Vec<FunctionError>,
    pub(super) connections: Connections,
    pub(super) body_limit: usize,
    pub(super) host_id: String,
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
        answer_limit: client_time_limit(app.host_json.function_timeout),
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

/// The real host's HTTP client waits a minute longer than a function may take; for ever where that is for ever.
fn client_time_limit(function_timeout: Option<Duration>) -> Option<Duration> {
    function_timeout.map(|limit| limit + Duration::from_secs(60))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_waits_a_minute_longer_than_a_function_may_take() {
        let minutes = |count: u64| Some(Duration::from_secs(60 * count));
        assert_eq!(client_time_limit(minutes(15)), minutes(16));
        assert_eq!(client_time_limit(None), None);
    }
}
