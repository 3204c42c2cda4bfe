//! A running host: what its owner can ask of it.

mod activity;
mod app;
mod conductor;
mod handler_port;
mod loading;
mod start;
pub(crate) mod summary;
mod triggers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use time::OffsetDateTime;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::activity::Activity;
use self::summary::FunctionSummary;
use crate::configuration::function_json::FunctionError;
use crate::configuration::host_json_error::HostJsonError;
use crate::event::HostEvent;
use crate::handler::Handler;
use crate::http::route::RouteTemplateError;

/// Where clients reach a host.
#[derive(Debug)]
pub enum Listen {
    /// This port of 127.0.0.1; 0 takes a free one.
    Port(u16),
    /// A listener that its owner has bound. Who must know the address before the host can start holds it this way: a
    /// port that was only looked up may be somebody else's by then.
    On(std::net::TcpListener),
}

/// What to run, and how.
#[derive(Debug)]
pub struct Options {
    /// The folder of host.json; each function is a folder in it.
    pub script_root: PathBuf,
    /// Where clients reach the host.
    pub listen: Listen,
    /// App settings: added to the handler's environment (which is this process's own), and the source of `%NAME%`,
    /// of connection strings and of `AzureFunctionsJobHost__…` overrides.
    pub environment: BTreeMap<String, String>,
    /// Who is told what happens.
    pub observer: Option<mpsc::UnboundedSender<HostEvent>>,
    /// The file in which the status of timers survives the host, so that a run that was missed meanwhile is made up for at
    /// the next start. `None` keeps it in memory.
    pub timer_status: Option<PathBuf>,
    /// How many milliseconds the host's time is ahead of the machine's clock: timers, and what handlers are told of the
    /// time. Whoever keeps a copy of this moves it, forward only, and calls [`Host::clock_moved`].
    pub ahead_milliseconds: Arc<AtomicI64>,
}

impl Options {
    /// An app in this folder, on a free port, without settings of its own and unobserved.
    pub fn new(script_root: impl Into<PathBuf>) -> Self {
        Self {
            script_root: script_root.into(),
            listen: Listen::Port(0),
            environment: BTreeMap::new(),
            observer: None,
            timer_status: None,
            ahead_milliseconds: Arc::default(),
        }
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
    /// The file of the timers' status cannot be used.
    #[error("cannot read the status of timers in '{path}'")]
    TimerStatus {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: std::io::Error,
    },
    /// An app setting has a value that it cannot have.
    #[error("the app setting {name} has the invalid value '{value}'")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// One route that is malformed stops the whole app: in Azure its host answers 503 to everything.
    #[error("the app cannot start, and in Azure its host would answer 503 to every request")]
    Route(#[from] RouteTemplateError),
    /// Functions are described in both of the two possible places.
    #[error(
        "Detected both function.json files and custom handler HTTP route configuration definition in host.json. Only one \
         configuration source is supported. Remove either the function.json files or the HTTP routes entries in host.json."
    )]
    RoutesAndFunctions,
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
    functions: Vec<FunctionSummary>,
    errors: Arc<Vec<FunctionError>>,
    activity: Activity,
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
        start::start(options).await
    }

    /// `http://127.0.0.1:{port}`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The operating system's id of the handler process, while there is one.
    pub fn handler_process_id(&self) -> Option<u32> {
        self.handler.0.process_id()
    }

    /// The functions that were loaded, in the order of their names.
    pub fn functions(&self) -> &[FunctionSummary] {
        &self.functions
    }

    /// The functions that were left out.
    pub fn function_errors(&self) -> &[FunctionError] {
        &self.errors
    }

    /// Runs at once what has come due, after [`Options::ahead_milliseconds`] was moved. A timer whose occurrences were
    /// moved over runs once for all of them.
    pub fn clock_moved(&self) {
        self.activity.agenda.clock_moved();
    }

    /// When the next timer runs.
    pub fn next_timer(&self) -> Option<OffsetDateTime> {
        self.activity.agenda.next()
    }

    /// How many invocations have begun, if none is under way and no timer is due; None otherwise.
    pub fn quiet_after(&self) -> Option<u64> {
        self.activity.quiet_after()
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

    /// Stops as the real host does: no new work, up to ten seconds for invocations under way, SIGKILL for the handler
    /// process. The message of a call that ends meanwhile goes back to its queue, even if the call succeeded; that of a
    /// longer call stays locked until its lock ends.
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
