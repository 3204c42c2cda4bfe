//! What is worth telling while the local world runs: one line as each thing happens.
//!
//! The world and the cast tell; a command decides whether anybody listens. Telling never waits and never fails.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

/// Where the lines of one run go. Cloning is cheap: all clones tell the same listener.
#[derive(Debug, Clone)]
pub struct Story {
    started: Instant,
    /// How far the clock was moved since.
    skipped_milliseconds: Arc<AtomicU64>,
    listener: Arc<Mutex<Option<UnboundedSender<Line>>>>,
}

impl Story {
    /// A story that begins now and that one listener hears.
    #[must_use]
    pub fn with_listener() -> (Self, UnboundedReceiver<Line>) {
        let (sender, receiver) = unbounded_channel();
        (Self::told_to(Some(sender)), receiver)
    }

    /// A story that begins now and that nobody listens to.
    #[must_use]
    pub fn silent() -> Self {
        Self::told_to(None)
    }

    fn told_to(listener: Option<UnboundedSender<Line>>) -> Self {
        Self {
            started: Instant::now(),
            skipped_milliseconds: Arc::default(),
            listener: Arc::new(Mutex::new(listener)),
        }
    }

    /// How long the story has been running, in the time of its world.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed() + Duration::from_millis(self.skipped_milliseconds.load(Ordering::SeqCst))
    }

    /// How long it has been running for whoever listens.
    #[must_use]
    pub fn real_time(&self) -> Duration {
        self.started.elapsed()
    }

    /// The clock of its world was moved.
    pub(crate) fn skip(&self, by: Duration) {
        let milliseconds = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.skipped_milliseconds.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// Tells that somebody did something, now.
    pub fn tell(&self, who: Who, what: impl Into<String>) {
        self.line(Line::now(self, who, what));
    }

    /// Tells that somebody did something that began at `since`.
    pub fn tell_since(&self, since: Instant, who: Who, what: impl Into<String>) {
        self.line(Line { took: Some(since.elapsed()), ..Line::now(self, who, what) });
    }

    /// Tells one line as it is.
    pub fn line(&self, line: Line) {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listener) = listener.as_ref() {
            // A listener that left has heard enough.
            let _ = listener.send(line);
        }
    }

    /// Ends the story: the listener hears what was told so far, and then the end.
    pub fn end(&self) {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When, counted from the beginning of the story.
    pub at: Duration,
    /// Who did it.
    pub who: Who,
    /// What was done, or what came of it.
    pub what: String,
    /// The function that ran, when one did.
    pub function: Option<String>,
    /// Which attempt of that step it was, from 1.
    pub attempt: Option<u32>,
    /// How long it took.
    pub took: Option<Duration>,
    /// How it is to be read.
    pub mood: Mood,
}

impl Line {
    /// A plain line about something that happened just now.
    #[must_use]
    pub fn now(story: &Story, who: Who, what: impl Into<String>) -> Self {
        Self {
            at: story.elapsed(),
            who,
            what: what.into(),
            function: None,
            attempt: None,
            took: None,
            mood: Mood::Plain,
        }
    }
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The local world itself: sandbox, broker, functions host.
    World,
    /// The vendor's engineer, setting up once.
    Vendor,
    /// The marketplace.
    Marketplace,
    /// The customer's administrator.
    Customer,
    /// The function app.
    Latchkey,
}

impl fmt::Display for Who {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::World => "world",
            Self::Vendor => "vendor",
            Self::Marketplace => "marketplace",
            Self::Customer => "customer",
            Self::Latchkey => "latchkey",
        })
    }
}

/// How a line is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Something happened.
    Plain,
    /// Something came out well.
    Good,
    /// It is not over: it will be tried again, or somebody is waited for.
    Pending,
    /// It went wrong.
    Bad,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_listener_hears_every_line_and_then_the_end() {
        let (story, mut lines) = Story::with_listener();
        story.tell(Who::Vendor, "creates a disk");
        story.clone().tell_since(Instant::now(), Who::Customer, "creates a vault");
        story.end();
        assert_eq!(lines.recv().await.unwrap().what, "creates a disk");
        let second = lines.recv().await.unwrap();
        assert_eq!((second.who, second.took.is_some()), (Who::Customer, true));
        assert_eq!(lines.recv().await, None);
    }

    #[test]
    fn telling_without_a_listener_does_nothing() {
        Story::silent().tell(Who::World, "is up");
    }
}
