//! Shows how far a long run has come: a bar on a terminal, now and then a plain line elsewhere.

use std::{
    io::{IsTerminal as _, stderr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use dead_letters::RunEvent;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a plain line is written.
const EVERY: Duration = Duration::from_secs(5);

/// Shows on stderr what a run tells.
pub(super) struct Shown {
    bar: Option<ProgressBar>,
    total: usize,
    plain: Mutex<Plain>,
}

struct Plain {
    handled: usize,
    last: Instant,
}

impl Shown {
    pub(super) fn new(total: usize) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar =
                ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr_with_hz(10));
            let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} {msg}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar, total, plain: Mutex::new(Plain { handled: 0, last: Instant::now() }) }
    }

    pub(super) fn tell(&self, told: RunEvent) {
        match told {
            RunEvent::Handled => self.handled(),
            RunEvent::WaitsForLocks { left } => {
                self.say(&format!(
                    "{left} are locked, perhaps by an interrupted run; waiting for the locks to expire"
                ));
            }
            RunEvent::Outcomes { known, of } => self.say(&format!("outcomes known of {known} of {of}")),
        }
    }

    fn handled(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
            return;
        }
        let mut plain = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
        plain.handled += 1;
        if plain.last.elapsed() >= EVERY {
            plain.last = Instant::now();
            eprintln!("{} of {} done", plain.handled, self.total);
        }
    }

    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(text.to_owned()),
            None => {
                let mut plain = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
                if plain.last.elapsed() >= EVERY {
                    plain.last = Instant::now();
                    eprintln!("{text}");
                }
            }
        }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
