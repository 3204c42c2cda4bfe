//! Watches the functions host: keeps what happened for whoever asks, and tells the story as it happens.

use std::collections::{BTreeMap, VecDeque};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use functions_host::{HostEvent, OutputLevel};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::step::{OutputLine, StepOutcome, StepReport};
use crate::story::{Line, Mood, Story, Who};

/// The HTTP functions that people call; the others are asked for their state all the time.
const SHOWN_HTTP_FUNCTIONS: &[&str] = &["signup", "consent_callback", "share_key", "marketplace_webhook"];
/// As much of the latest output is kept for a report.
const KEPT_LINES: usize = 200;
/// How many lines of output are kept.
const KEPT_OUTPUT: usize = 2_000;

/// Everything seen so far.
#[derive(Debug, Default)]
pub struct Watched {
    /// The steps that the function app reported, in the order they ended.
    pub steps: Vec<StepReport>,
    /// Lines that said they report a step and could not be read.
    pub unreadable_steps: Vec<String>,
    /// Warnings and errors of the function app and of its host, the latest ones.
    pub problems: VecDeque<String>,
    /// What the function app wrote on stdout and stderr, the latest lines.
    pub output: VecDeque<String>,
    /// How often each function was run.
    pub invocations: BTreeMap<String, usize>,
    /// Invocations that failed: function and reason.
    pub failed_invocations: Vec<(String, String)>,
    /// How often the handler process was started.
    pub handler_starts: usize,
    /// How the handler processes ended.
    pub handler_exits: Vec<ExitStatus>,
    /// Whether the world is being stopped: the host then kills the handler process, as the platform does.
    pub stopping: bool,
    /// Why the host gave up or was stopped.
    pub stopped: Option<String>,
}

/// The watch over one host.
pub(super) struct Watcher {
    seen: Arc<Mutex<Watched>>,
    changes: watch::Receiver<u64>,
    task: JoinHandle<()>,
}

impl Watcher {
    /// Begins to watch; ends by itself when the host is gone.
    pub(super) fn start(mut events: UnboundedReceiver<HostEvent>, story: Story) -> Self {
        let seen = Arc::new(Mutex::new(Watched::default()));
        let (sender, changes) = watch::channel(0);
        let notes = seen.clone();
        let task = tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                let mut seen = notes.lock().unwrap_or_else(PoisonError::into_inner);
                let lines = seen.note(event, &story);
                drop(seen);
                lines.into_iter().for_each(|line| story.line(line));
                sender.send_modify(|count| *count += 1);
            }
        });
        Self { seen, changes, task }
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&Watched) -> T) -> T {
        look(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells of every change from now on.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    /// Takes note that the world is being stopped.
    pub(super) fn stopping(&self) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).stopping = true;
    }

    /// Waits until everything that the host told was taken in.
    pub(super) async fn finish(mut self, limit: Duration) {
        if timeout(limit, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Watched {
    /// Keeps the event, and returns what is worth telling about it.
    fn note(&mut self, event: HostEvent, story: &Story) -> Option<Line> {
        match event {
            HostEvent::HandlerStarted { process_id } => {
                self.handler_starts += 1;
                Some(Line::now(story, Who::World, format!("starts the handler process {process_id}")))
            }
            HostEvent::HandlerReady { after } => {
                let line = Line::now(story, Who::World, "the handler process is ready");
                Some(Line { took: Some(after), ..line })
            }
            HostEvent::HandlerExited { status } => {
                self.handler_exits.push(status);
                let what = format!("the handler process ended ({status})");
                let mood = if status.success() || self.stopping { Mood::Plain } else { Mood::Bad };
                Some(Line { mood, ..Line::now(story, Who::World, what) })
            }
            HostEvent::Output { level, line } => self.note_output(level, &line, story),
            HostEvent::InvocationFinished { function, duration, result, .. } => {
                self.note_invocation(&function, duration, result, story)
            }
            HostEvent::Stopped { reason } => {
                let line = Line::now(story, Who::World, format!("the functions host stopped: {reason}"));
                self.stopped = Some(reason);
                Some(line)
            }
            HostEvent::InvocationStarted { function, .. } => {
                *self.invocations.entry(function).or_default() += 1;
                None
            }
        }
    }

    fn note_output(&mut self, level: OutputLevel, text: &str, story: &Story) -> Option<Line> {
        if self.output.len() == KEPT_OUTPUT {
            self.output.pop_front();
        }
        self.output.push_back(text.to_owned());
        let problem = match OutputLine::read(text) {
            OutputLine::Step(step) => {
                let line = line_of(&step, story);
                self.steps.push(step);
                return Some(line);
            }
            OutputLine::UnreadableStep(error) => {
                let problem = format!("a step report could not be read: {error}");
                self.unreadable_steps.push(problem.clone());
                problem
            }
            OutputLine::Problem(problem) => problem,
            OutputLine::Other if level != OutputLevel::Information => text.to_owned(),
            OutputLine::Other => return None,
        };
        if self.problems.len() == KEPT_LINES {
            self.problems.pop_front();
        }
        self.problems.push_back(problem.clone());
        Some(Line { mood: Mood::Bad, ..Line::now(story, Who::Latchkey, problem) })
    }

    fn note_invocation(
        &mut self,
        function: &str,
        duration: Duration,
        result: Result<(), String>,
        story: &Story,
    ) -> Option<Line> {
        let (what, mood) = match result {
            // A queue function tells more about itself in its step.
            Ok(()) if SHOWN_HTTP_FUNCTIONS.contains(&function) => ("answers".to_owned(), Mood::Plain),
            Ok(()) => return None,
            Err(reason) => {
                self.failed_invocations.push((function.to_owned(), reason.clone()));
                (format!("failed: {reason}"), Mood::Bad)
            }
        };
        let line = Line::now(story, Who::Latchkey, what);
        Some(Line { function: Some(function.to_owned()), took: Some(duration), mood, ..line })
    }
}

fn line_of(step: &StepReport, story: &Story) -> Line {
    let outcome = step.outcome.as_str();
    let what = match &step.detail {
        Some(detail) if !detail.is_empty() => format!("{outcome}: {detail}"),
        _ => outcome.to_owned(),
    };
    Line {
        function: Some(step.function.clone()),
        attempt: Some(step.attempt),
        took: Some(Duration::from_millis(step.duration_ms)),
        mood: match step.outcome {
            StepOutcome::Done => Mood::Good,
            StepOutcome::Duplicate => Mood::Plain,
            StepOutcome::Retry | StepOutcome::Waiting => Mood::Pending,
            StepOutcome::Refused | StepOutcome::Failed => Mood::Bad,
        },
        ..Line::now(story, Who::Latchkey, what)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    const STEP: &str = r#"{"level":"INFO","fields":{"message":"step","function":"key_shared","message_id":"m-1","attempt":2,"outcome":"waiting","detail":"the customer must act","started_at":"2026-03-01T10:00:01Z","duration_ms":41},"target":"latchkey::step"}"#;

    fn output(level: OutputLevel, line: &str) -> HostEvent {
        HostEvent::Output { level, line: line.to_owned() }
    }

    fn finished(function: &str, result: Result<(), String>) -> HostEvent {
        HostEvent::InvocationFinished {
            function: function.to_owned(),
            invocation_id: "i".to_owned(),
            message_id: None,
            duration: Duration::from_millis(3),
            result,
        }
    }

    #[tokio::test]
    async fn what_the_host_tells_is_kept_and_told() {
        let (story, mut lines) = Story::with_listener();
        let (sender, receiver) = unbounded_channel();
        let watcher = Watcher::start(receiver, story.clone());
        for event in [
            output(OutputLevel::Information, STEP),
            output(OutputLevel::Information, "listening"),
            output(OutputLevel::Error, "panicked"),
            output(OutputLevel::Information, &STEP.replace("41", "-1")),
            finished("onboarding", Ok(())),
            finished("signup", Ok(())),
            finished("key_shared", Err("connection reset".into())),
        ] {
            sender.send(event).unwrap();
        }
        drop(sender);
        let (seen, changes) = (watcher.seen.clone(), watcher.changes());
        watcher.finish(Duration::from_secs(5)).await;
        story.end();

        let mut told = Vec::new();
        while let Some(line) = lines.recv().await {
            told.push((line.function, line.what, line.mood));
        }
        assert_eq!(told.len(), 5, "{told:?}");
        assert_eq!(
            told[0],
            (Some("key_shared".into()), "waiting: the customer must act".into(), Mood::Pending)
        );
        assert_eq!(told[1], (None, "panicked".into(), Mood::Bad));
        assert_eq!(told[3], (Some("signup".into()), "answers".into(), Mood::Plain));

        assert_eq!(*changes.borrow(), 7);
        let seen = seen.lock().unwrap();
        assert_eq!((seen.steps.len(), seen.steps[0].attempt), (1, 2));
        assert_eq!((seen.unreadable_steps.len(), seen.problems.len()), (1, 2));
        assert_eq!(seen.failed_invocations, [("key_shared".to_owned(), "connection reset".to_owned())]);
    }

    #[test]
    fn only_the_latest_problems_are_kept() {
        let (mut seen, story) = (Watched::default(), Story::silent());
        for number in 0..KEPT_LINES + 5 {
            seen.note(output(OutputLevel::Error, &number.to_string()), &story);
        }
        assert_eq!((seen.problems.len(), seen.problems[0].as_str()), (KEPT_LINES, "5"));
    }
}
