//! Lets the handler process kill itself at a chosen moment of a step, once: what the platform may do at any time.

use std::fmt;
use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use latchkey_functions::{Moment, Moments};
use rustix::process::{Signal, getpid, kill_process};

/// A function and a moment of its step, written `key_shared:journaled`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrashAt {
    /// The function's name.
    pub function: String,
    /// The moment.
    pub moment: Moment,
}

impl fmt::Display for CrashAt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.function, word(self.moment))
    }
}

impl FromStr for CrashAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (function, moment) = text.split_once(':').ok_or("expected FUNCTION:MOMENT")?;
        let known = latchkey_functions::table().iter().any(|known| known.name == function);
        if !known {
            return Err(format!("there is no function {function}"));
        }
        let all = [Moment::Acted, Moment::Journaled, Moment::Published];
        let moment = all.into_iter().find(|known| word(*known) == moment);
        let moment = moment.ok_or("the moment is one of acted, journaled and published")?;
        Ok(Self { function: function.to_owned(), moment })
    }
}

const fn word(moment: Moment) -> &'static str {
    match moment {
        Moment::Acted => "acted",
        Moment::Journaled => "journaled",
        Moment::Published => "published",
    }
}

/// Kills this process with SIGKILL when the moment comes, unless the marker file is already there.
#[derive(Debug)]
pub struct KillOnce {
    /// When.
    pub at: CrashAt,
    /// Made right before the kill.
    pub marker: PathBuf,
}

impl Moments for KillOnce {
    fn reached(&self, function: &str, moment: Moment) {
        if function != self.at.function || moment != self.at.moment {
            return;
        }
        match OpenOptions::new().write(true).create_new(true).open(&self.marker) {
            Ok(_) => {
                // Whether this succeeds shows by itself: nothing runs after it.
                let _ = kill_process(getpid(), Signal::KILL);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => tracing::error!(%error, "the crash was not carried out: no marker could be made"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_is_read_as_it_is_written() {
        for moment in [Moment::Acted, Moment::Journaled, Moment::Published] {
            let at = CrashAt { function: "key_shared".into(), moment };
            assert_eq!(at.to_string().parse(), Ok(at));
        }
    }

    #[test]
    fn an_unknown_function_or_moment_is_refused() {
        for text in ["key_shared", "key_shared:later", "nobody:acted", ":acted", ""] {
            assert!(text.parse::<CrashAt>().is_err(), "{text}");
        }
    }

    #[test]
    fn another_function_another_moment_and_a_marker_that_is_there_kill_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let marker = folder.path().join("marker");
        let at = CrashAt { function: "key_shared".into(), moment: Moment::Acted };
        let crash = KillOnce { at, marker: marker.clone() };
        crash.reached("sweep", Moment::Acted);
        crash.reached("key_shared", Moment::Published);
        assert!(!marker.exists());
        std::fs::write(&marker, "").unwrap();
        crash.reached("key_shared", Moment::Acted);
    }
}
