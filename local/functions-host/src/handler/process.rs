//! One handler process, from its start to its end.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

use super::command_line::command_line;
use super::output::{LastErrors, report_stderr, report_stdout};
use crate::configuration::custom_handler::CustomHandler;
use crate::event::Observer;

/// A killed process is gone at once, unless the machine is busy: the kernel has to come round to it.
const TIME_TO_GO: Duration = Duration::from_secs(30);
/// Long enough for a busy machine to read a pipe to its end.
const TIME_TO_READ: Duration = Duration::from_secs(2);

/// How to start a handler process.
pub(crate) struct ProcessOptions {
    pub(crate) handler: CustomHandler,
    pub(crate) script_root: PathBuf,
    pub(crate) port: u16,
    /// How long the host's HTTP client waits for an answer; `None` for ever.
    pub(crate) answer_limit: Option<Duration>,
    /// App settings: added to the environment that the host itself has.
    pub(crate) environment: Vec<(String, String)>,
}

/// A started process. Dropping it kills it.
pub(super) struct Process {
    child: Child,
    pub(super) id: u32,
    output: [JoinHandle<()>; 2],
    last_errors: LastErrors,
    executable: String,
}

/// The process could not be started. The words are those of the real host's `WorkerProcess`.
#[derive(Debug, thiserror::Error)]
#[error("Failed to start Worker Channel. Process fileName: {executable}: {source}")]
pub(super) struct NotStarted {
    executable: String,
    source: std::io::Error,
}

impl Process {
    pub(super) fn start(options: &ProcessOptions, observer: &Observer) -> Result<Self, NotStarted> {
        let variables = variables(options);
        let (executable, arguments) = command_line(&options.handler, &variables);
        let fail = |source| NotStarted { executable: executable.clone(), source };
        let mut child = Command::new(&executable)
            .args(arguments)
            .current_dir(&options.handler.working_directory)
            .envs(options.environment.iter().map(|(name, value)| (name, value)))
            .envs(variables)
            // The real host leaves its own stdin open to the child; on a developer's terminal the two would fight
            // for the keys, and a handler has nothing to read there.
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(fail)?;
        let id = child.id().ok_or_else(|| fail(std::io::Error::other("it ended at once")))?;
        let stdout = child.stdout.take().expect("stdout is piped above");
        let stderr = child.stderr.take().expect("stderr is piped above");
        let last_errors = LastErrors::default();
        let errors_only = options.handler.stderr_is_for_errors_only;
        let output = [
            tokio::spawn(report_stdout(stdout, observer.clone())),
            tokio::spawn(report_stderr(stderr, observer.clone(), errors_only, last_errors.clone())),
        ];
        Ok(Self { child, id, output, last_errors, executable })
    }

    /// Waits for the end of the process.
    pub(super) async fn exited(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// What the real host says about a process that ended with a failure.
    pub(super) async fn failure(&mut self, status: ExitStatus) -> String {
        self.drain_output().await;
        let code = exit_code(status);
        let said = self.last_errors.joined();
        let end = if said.is_empty() { String::new() } else { format!(": {said}") };
        format!("{} exited with code {code} (0x{code:X}){end}", self.executable)
    }

    /// SIGKILL to this one process, not to its children, then time for it to go.
    ///
    /// Returns the status of a process that had not been known to be dead.
    pub(super) async fn kill(mut self) -> Option<ExitStatus> {
        let already_gone = self.child.id().is_none();
        // Killing fails only for a process that is gone, which is what we want.
        let _ = self.child.start_kill();
        let status = timeout(TIME_TO_GO, self.child.wait()).await.ok()?.ok();
        self.drain_output().await;
        status.filter(|_| !already_gone)
    }

    /// Reads what is left in the pipes. Children of the handler may hold them open, so not for long.
    async fn drain_output(&mut self) {
        let all = async {
            for task in &mut self.output {
                if !task.is_finished() {
                    let _ = task.await;
                }
            }
        };
        let _ = timeout(TIME_TO_READ, all).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.output.iter().for_each(JoinHandle::abort);
    }
}

/// The five variables that a custom handler gets, whatever the environment held under these names.
fn variables(options: &ProcessOptions) -> Vec<(&'static str, String)> {
    let id = Uuid::new_v4().to_string();
    let port = options.port.to_string();
    vec![
        ("FUNCTIONS_CUSTOMHANDLER_PORT", port.clone()),
        ("FUNCTIONS_HTTPWORKER_PORT", port),
        ("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", id.clone()),
        ("FUNCTIONS_HTTPWORKER_ID", id),
        ("FUNCTIONS_APP_ROOT_PATH", options.script_root.to_string_lossy().into_owned()),
    ]
}

/// The code as .NET reports it: a process killed by a signal has 128 and the signal's number.
pub(super) fn exit_code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}
