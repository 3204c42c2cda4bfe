//! Puts a host together from what its files and settings say.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::activity::Activity;
use super::app::App;
use super::conductor::Conductor;
use super::handler_port::handler_port;
use super::summary::FunctionSummary;
use super::triggers::Triggers;
use super::{HandlerHandle, Host, Listen, Options, StartError};
use crate::clock::Clock;
use crate::configuration::custom_handler::Forwarding;
use crate::configuration::host_json::HostJson;
use crate::event::Observer;
use crate::handler::{Handler, Orders, ProcessOptions};
use crate::http::connection::{Remembering, Wire};
use crate::http::server::router;
use crate::http::site::Site;
use crate::invocation::Executor;
use crate::invocation::executor::LoadedFunction;
use crate::settings::Settings;
use crate::timer::status::Statuses;

pub(super) async fn start(options: Options) -> Result<Host, StartError> {
    let script_root = std::path::absolute(&options.script_root)
        .map_err(|source| StartError::ScriptRoot { path: options.script_root.clone(), source })?;
    let settings = Settings::of_this_process(&options.environment);
    let host_json = HostJson::read(&script_root, &settings)?;
    let observer = Observer::new(options.observer, host_json.log_levels.clone());
    let mut app = App::read(&script_root, host_json, settings, &observer)?;
    let path = options.timer_status.clone().unwrap_or_default();
    let statuses =
        Statuses::read(options.timer_status).map_err(|source| StartError::TimerStatus { path, source })?;
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
        clock: Clock::ahead(options.ahead_milliseconds),
        function_timeout: app.host_json.function_timeout,
        retry: app.host_json.retry.clone(),
        sends_content_length: app.settings.get("FUNCTIONS_CORETOOLS_ENVIRONMENT").is_some(),
        follows_redirects: matches!(
            app.host_json.custom_handler.forwarding,
            Forwarding::Off | Forwarding::Proxy
        ),
        fatal,
        stopping: CancellationToken::new(),
        over: CancellationToken::new(),
        started: AtomicU64::new(0),
    };
    let executor = Arc::new(executor);
    let mut triggers = Triggers::new(executor.clone(), statuses);
    for function in app.functions.clone() {
        triggers.add(function, &mut app);
    }
    let summary = |function: &Arc<LoadedFunction>| {
        let prefix = &app.host_json.http.route_prefix;
        FunctionSummary::of(&function.function, &format!("http://{address}"), prefix)
    };
    let functions = app.functions.iter().map(summary).collect();
    let (intake, in_flight) = (executor.stopping.clone(), triggers.in_flight.clone());
    let over = executor.over.clone();
    let activity = Activity { executor, agenda: triggers.agenda.clone(), in_flight: in_flight.clone() };
    let mut tasks = JoinSet::new();
    let site = triggers.site(&mut app, &mut tasks);
    tasks.spawn(serve(listener, Arc::new(site), intake.clone()));

    let stop = CancellationToken::new();
    let (stopped_sender, stopped) = watch::channel(None);
    let conductor = Conductor {
        stop: stop.clone(),
        fatal_reasons,
        intake,
        over,
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
        activity,
        stop,
        stopped,
        conductor: Some(conductor),
    })
}

/// The real host's HTTP client waits a minute longer than a function may take; for ever where that is for ever.
fn client_time_limit(function_timeout: Option<Duration>) -> Option<Duration> {
    function_timeout.map(|limit| limit + Duration::from_secs(60))
}

async fn serve(listener: TcpListener, site: Arc<Site>, stop: CancellationToken) {
    let service = router(site).into_make_service_with_connect_info::<Wire>();
    let serve = axum::serve(Remembering(listener), service);
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
