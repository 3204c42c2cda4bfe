//! What the host tells whoever watches it, at the moment it happens.

use std::fmt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use crate::configuration::log_levels::LogLevels;
pub use crate::output_level::OutputLevel;

/// One thing that happened in the host or in its handler process.
#[derive(Debug, Clone)]
pub enum HostEvent {
    /// A handler process was started; it does not listen yet.
    HandlerStarted {
        /// The operating system's id of the process.
        process_id: u32,
    },
    /// The handler process answered its first request.
    HandlerReady {
        /// Time since the process was started.
        after: Duration,
    },
    /// The handler process ended, by itself or because the host killed it.
    HandlerExited {
        /// Exit code or signal.
        status: ExitStatus,
    },
    /// A line that the handler wrote, one of its `Logs`, or a line of the host's own.
    Output {
        /// The level at which the real host logs this line.
        level: OutputLevel,
        /// The line, without its end.
        line: String,
    },
    /// A function is about to run.
    InvocationStarted {
        /// The function's folder name.
        function: String,
        /// The id the handler receives in `X-Azure-Functions-InvocationId`.
        invocation_id: String,
        /// What made it run.
        trigger: TriggerKind,
        /// The message that is being delivered, for Service Bus triggers.
        message_id: Option<String>,
        /// 1 on the first delivery, for Service Bus triggers.
        delivery_count: Option<u32>,
    },
    /// A function ended. For Service Bus triggers the message is settled right after this event.
    InvocationFinished {
        /// The function's folder name.
        function: String,
        /// The same id as in [`HostEvent::InvocationStarted`].
        invocation_id: String,
        /// The message that was delivered, for Service Bus triggers.
        message_id: Option<String>,
        /// From the start of the invocation, waiting for the handler included.
        duration: Duration,
        /// The failure in the real host's words.
        result: Result<(), String>,
    },
    /// The host gave up or was stopped; nothing happens after this.
    Stopped {
        /// Why.
        reason: String,
    },
}

/// What made a function run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TriggerKind {
    /// `httpTrigger`
    Http,
    /// `serviceBusTrigger`
    ServiceBus,
    /// `timerTrigger`
    Timer,
    /// `eventGridTrigger`
    EventGrid,
}

impl fmt::Display for TriggerKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Http => "httpTrigger",
            Self::ServiceBus => "serviceBusTrigger",
            Self::Timer => "timerTrigger",
            Self::EventGrid => "eventGridTrigger",
        })
    }
}

/// Where events go. Cloning is cheap. Nobody has to listen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observer {
    sender: Option<UnboundedSender<HostEvent>>,
    levels: Arc<LogLevels>,
}

/// The category of what the handler writes (azure-functions-host, `WorkerConstants.cs`).
pub(crate) const CONSOLE: &str = "Host.Function.Console";

impl Observer {
    pub(crate) fn new(sender: Option<UnboundedSender<HostEvent>>, levels: LogLevels) -> Self {
        Self { sender, levels: Arc::new(levels) }
    }

    pub(crate) fn tell(&self, event: HostEvent) {
        if let Some(sender) = &self.sender {
            // A receiver that is gone has stopped watching: that is its right, and no reason to fail here.
            let _ = sender.send(event);
        }
    }

    /// A line of the host's own.
    pub(crate) fn line(&self, level: OutputLevel, line: impl Into<String>) {
        self.line_of("Host", level, line);
    }

    /// A line of a category, unless host.json's `logging.logLevel` keeps it back.
    pub(crate) fn line_of(&self, category: &str, level: OutputLevel, line: impl Into<String>) {
        if self.levels.allow(category, level) {
            self.tell(HostEvent::Output { level, line: line.into() });
        }
    }
}
