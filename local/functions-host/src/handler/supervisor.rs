//! Keeps one handler process running.
//!
//! The policy is that of azure-functions-host, `HttpFunctionInvocationDispatcher.cs` and `WorkerProcess.cs`: an exit
//! with 0 is left alone, one with 200 is a wish to be restarted, any other counts as an error, and so does a process
//! that is not ready in time. The process is started again at once; the third error, each within 30 minutes of the
//! one before, stops the host.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::error_bucket::ErrorBucket;
pub(crate) use super::process::ProcessOptions;
use super::process::{Process, exit_code};
use super::readiness::wait_until_listening;
use crate::event::{HostEvent, Observer, OutputLevel};

const ERRORS_BEFORE_STOPPING: u32 = 3;
/// How long the news of a process's death may take to arrive on a busy machine.
const NEWS_OF_DEATH: Duration = Duration::from_secs(2);

/// A handle to the handler process. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Handler {
    state: watch::Receiver<State>,
    restarts: mpsc::UnboundedSender<u64>,
    initialization_timeout: Duration,
}

#[derive(Clone)]
enum State {
    Starting { generation: u64, process_id: Option<u32> },
    Ready { running: Arc<Running>, process_id: Option<u32> },
    Stopped,
}

/// What the host tells the task that looks after the process.
#[derive(Clone, Default)]
pub(crate) struct Orders {
    /// The host is stopping: a process that ends now stays away.
    pub(crate) restart_no_more: CancellationToken,
    /// Kill the process.
    pub(crate) kill: CancellationToken,
}

/// The process that is ready now. `generation` tells it from the ones before and after.
#[derive(Clone)]
pub(crate) struct Running {
    pub(crate) client: Client,
    pub(crate) generation: u64,
}

/// There is no handler to send an invocation to, and there will be none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandlerUnavailable {
    #[error("The Functions Host is shutting down")]
    Stopped,
    #[error("Initialization timed out and host is shutting down")]
    NeverReady,
}

impl Handler {
    /// Starts the process and a task that looks after it until it is told to kill it. When the host must be given up
    /// the task sends the reason to `fatal`.
    pub(crate) fn start(
        options: ProcessOptions,
        observer: Observer,
        orders: Orders,
        fatal: mpsc::UnboundedSender<String>,
    ) -> (Self, JoinHandle<()>) {
        let initialization_timeout = options.handler.initialization_timeout;
        let (state, receiver) = watch::channel(State::Starting { generation: 0, process_id: None });
        let (restarts, requests) = mpsc::unbounded_channel();
        let supervisor = Supervisor {
            options: Arc::new(options),
            observer,
            orders,
            fatal,
            state,
            requests,
            errors: ErrorBucket::default(),
            generation: 0,
        };
        (Self { state: receiver, restarts, initialization_timeout }, tokio::spawn(supervisor.run()))
    }

    /// No process: there is no function that could need one.
    pub(crate) fn absent() -> Self {
        let (_, state) = watch::channel(State::Stopped);
        let (restarts, _) = mpsc::unbounded_channel();
        Self { state, restarts, initialization_timeout: Duration::ZERO }
    }

    /// A handler that somebody else runs.
    #[cfg(test)]
    pub(crate) fn attached(client: Client) -> Self {
        let running = Arc::new(Running { client, generation: 1 });
        let (_, state) = watch::channel(State::Ready { running, process_id: None });
        let (restarts, _) = mpsc::unbounded_channel();
        Self { state, restarts, initialization_timeout: Duration::from_secs(1) }
    }

    /// The operating system's id of the process, while there is one.
    pub(crate) fn process_id(&self) -> Option<u32> {
        match *self.state.borrow() {
            State::Starting { process_id, .. } | State::Ready { process_id, .. } => process_id,
            State::Stopped => None,
        }
    }

    /// Waits for a process that is ready, for up to four times the initialisation time-out.
    pub(crate) async fn ready(&self) -> Result<Running, HandlerUnavailable> {
        let mut state = self.state.clone();
        let settled = state.wait_for(|state| !matches!(state, State::Starting { .. }));
        match timeout(self.initialization_timeout * (ERRORS_BEFORE_STOPPING + 1), settled).await {
            Ok(Ok(state)) => match &*state {
                State::Ready { running, .. } => Ok(Running::clone(running)),
                State::Starting { .. } | State::Stopped => Err(HandlerUnavailable::Stopped),
            },
            Ok(Err(_)) => Err(HandlerUnavailable::Stopped),
            Err(_) => Err(HandlerUnavailable::NeverReady),
        }
    }

    /// The process that there is now, or the last one.
    pub(crate) fn generation(&self) -> u64 {
        match &*self.state.borrow() {
            State::Starting { generation, .. } => *generation,
            State::Ready { running, .. } => running.generation,
            State::Stopped => 0,
        }
    }

    /// Kills this process, if it is still the one, and starts another; not counted as an error. Returns when the next one
    /// is ready, or there will be none.
    pub(crate) async fn replace(&self, generation: u64) {
        // Nobody receives when the host is stopping: then the process is being killed anyway.
        let _ = self.restarts.send(generation);
        let mut state = self.state.clone();
        let replaced = state.wait_for(|state| match state {
            State::Starting { .. } => false,
            State::Ready { running, .. } => running.generation != generation,
            State::Stopped => true,
        });
        // The sender is gone when the host is.
        let _ = replaced.await;
    }

    /// After a broken connection: gives the news of the process's death a moment to arrive, so that the message that
    /// goes back to its queue now is not sent to the same dead process again. A process that lives on is not waited for.
    ///
    /// Measured on the real host: what a dying process leaves behind is delivered again when its successor is ready, and
    /// what a living one does not answer at once.
    pub(crate) async fn after_broken_connection(&self, running: &Running) {
        if running.client.is_taking_connections().await {
            return;
        }
        let generation = running.generation;
        let mut state = self.state.clone();
        let gone = state.wait_for(|state| match state {
            State::Ready { running, process_id } => running.generation != generation || process_id.is_none(),
            State::Starting { .. } | State::Stopped => true,
        });
        let _ = timeout(NEWS_OF_DEATH, gone).await;
    }
}

struct Supervisor {
    options: Arc<ProcessOptions>,
    observer: Observer,
    orders: Orders,
    fatal: mpsc::UnboundedSender<String>,
    state: watch::Sender<State>,
    requests: mpsc::UnboundedReceiver<u64>,
    errors: ErrorBucket,
    generation: u64,
}

/// Why one process is over.
enum Ending {
    Restart,
    Error(String),
    Stop,
}

impl Supervisor {
    async fn run(mut self) {
        loop {
            match self.one_process().await {
                Ending::Restart => {}
                Ending::Stop => break,
                Ending::Error(error) => {
                    self.observer.line(OutputLevel::Error, &error);
                    if self.errors.push(Instant::now()) >= ERRORS_BEFORE_STOPPING {
                        let reason = "Exceeded http worker restart retry count. Shutting down Functions Host";
                        self.observer.line(OutputLevel::Error, reason);
                        let _ = self.fatal.send(format!("{reason}: {error}"));
                        break;
                    }
                }
            }
        }
        self.state.send_replace(State::Stopped);
    }

    async fn one_process(&mut self) -> Ending {
        self.generation += 1;
        self.starting(None);
        let started = Instant::now();
        let mut process = match Process::start(&self.options, &self.observer) {
            Ok(process) => process,
            // Our guess: the real host's behaviour here is not documented; counted like a crash it ends soon, and
            // with the reason.
            Err(error) => return Ending::Error(error.to_string()),
        };
        self.starting(Some(process.id));
        self.observer.tell(HostEvent::HandlerStarted { process_id: process.id });
        let ending = self.watch(&mut process, started).await;
        self.starting(None);
        if let Some(status) = process.kill().await {
            self.observer.tell(HostEvent::HandlerExited { status });
        }
        ending
    }

    fn starting(&self, process_id: Option<u32>) {
        self.state.send_replace(State::Starting { generation: self.generation, process_id });
    }

    /// Until this process must be replaced or the host stops.
    async fn watch(&mut self, process: &mut Process, started: Instant) -> Ending {
        let client = Client::new(self.options.port);
        let running = Arc::new(Running { client: client.clone(), generation: self.generation });
        let readiness = wait_until_listening(
            client,
            self.options.handler.initialization_timeout,
            self.options.answer_limit,
        );
        tokio::pin!(readiness);
        let (mut ready, mut exited) = (false, false);
        loop {
            tokio::select! {
                () = self.orders.kill.cancelled() => return Ending::Stop,
                status = process.exited(), if !exited => {
                    exited = true;
                    let Ok(status) = status else { return Ending::Error("the process cannot be watched".to_owned()) };
                    if let Some(ending) = self.after_exit(process, status, &running, ready).await {
                        return ending;
                    }
                }
                listening = &mut readiness, if !ready => {
                    if let Err(error) = listening {
                        return Ending::Error(error.to_string());
                    }
                    ready = true;
                    let process_id = (!exited).then_some(process.id);
                    self.state.send_replace(State::Ready { running: running.clone(), process_id });
                    self.observer.tell(HostEvent::HandlerReady { after: started.elapsed() });
                }
                Some(generation) = self.requests.recv() => {
                    if generation == self.generation {
                        return Ending::Restart;
                    }
                }
            }
        }
    }

    /// `None` for an exit with 0: nothing is started again, and invocations run into a refused connection.
    async fn after_exit(
        &self,
        process: &mut Process,
        status: std::process::ExitStatus,
        running: &Arc<Running>,
        ready: bool,
    ) -> Option<Ending> {
        let code = exit_code(status);
        self.state.send_replace(match (code, ready) {
            (0, true) => State::Ready { running: running.clone(), process_id: None },
            _ => State::Starting { generation: self.generation, process_id: None },
        });
        self.observer.tell(HostEvent::HandlerExited { status });
        if self.orders.restart_no_more.is_cancelled() {
            return Some(Ending::Stop);
        }
        match code {
            0 => None,
            200 => Some(Ending::Restart),
            _ => Some(Ending::Error(process.failure(status).await)),
        }
    }
}
