//! The one clock of the local world: the machine's, and how far the world is ahead of it.
//!
//! Sandbox, broker and functions host share a number in memory. The handler process reads the same number from a file
//! whenever it asks the time, so that no part can be behind. The number only grows, and in a folder that lasts it is
//! still there after a restart.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow};
use latchkey_functions::Clock;
use time::OffsetDateTime;

/// The clock, for everybody in the world's own process. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct WorldClock {
    ahead_milliseconds: Arc<AtomicI64>,
    file: PathBuf,
}

impl WorldClock {
    /// Takes up the time that an earlier run of the world had reached.
    ///
    /// # Errors
    ///
    /// What is in the file is no clock, or the file cannot be written.
    pub fn open(file: PathBuf) -> anyhow::Result<Self> {
        let ahead = match read(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            ahead => ahead.with_context(|| format!("could not read the clock in {}", file.display()))?,
        };
        let clock = Self { ahead_milliseconds: Arc::new(AtomicI64::new(ahead)), file };
        clock.write(ahead)?;
        Ok(clock)
    }

    /// The world's time.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        ahead_of_the_machine(self.ahead_milliseconds.load(Ordering::SeqCst))
    }

    /// The number that the parts in this process follow.
    #[must_use]
    pub fn shared(&self) -> Arc<AtomicI64> {
        self.ahead_milliseconds.clone()
    }

    /// The file that the handler process follows.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Moves everybody's time forward at once.
    ///
    /// # Errors
    ///
    /// That far no clock goes, or the file cannot be written.
    pub fn move_forward(&self, by: Duration) -> anyhow::Result<()> {
        let by = i64::try_from(by.as_millis()).context("the clock cannot be moved that far")?;
        let ahead = self.ahead_milliseconds.load(Ordering::SeqCst).checked_add(by);
        let ahead = ahead.ok_or_else(|| anyhow!("the clock cannot be moved that far"))?;
        self.write(ahead)?;
        self.ahead_milliseconds.store(ahead, Ordering::SeqCst);
        Ok(())
    }

    fn write(&self, ahead: i64) -> anyhow::Result<()> {
        // Written beside it first: a handler must never read half a number.
        let beside = self.file.with_extension("new");
        fs::write(&beside, ahead.to_string())
            .and_then(|()| fs::rename(&beside, &self.file))
            .with_context(|| format!("could not write the clock to {}", self.file.display()))
    }
}

/// The same clock, as the handler process has it; or wrong by some seconds.
#[derive(Debug)]
pub(crate) struct ClockInFile {
    file: PathBuf,
    off: time::Duration,
}

impl ClockInFile {
    /// The clock in this file.
    ///
    /// # Errors
    ///
    /// There is no clock in it.
    pub(crate) fn open(file: PathBuf, off_seconds: i64) -> anyhow::Result<Self> {
        read(&file).with_context(|| format!("could not read the clock in {}", file.display()))?;
        Ok(Self { file, off: time::Duration::seconds(off_seconds) })
    }
}

impl Clock for ClockInFile {
    /// Panics when the file is gone, which fails the invocation: a process that went on by another time than everybody
    /// else's would be worse.
    fn now(&self) -> OffsetDateTime {
        let ahead =
            read(&self.file).expect("the local world keeps its clock in this file as long as it runs");
        ahead_of_the_machine(ahead) + self.off
    }
}

fn read(file: &Path) -> io::Result<i64> {
    fs::read_to_string(file)?.parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

fn ahead_of_the_machine(milliseconds: i64) -> OffsetDateTime {
    OffsetDateTime::now_utc() + time::Duration::milliseconds(milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handler_follows_every_move_at_once_and_a_restart_goes_on_from_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clock");
        assert!(ClockInFile::open(file.clone(), 0).is_err(), "there is no clock yet");
        let world = WorldClock::open(file.clone()).unwrap();
        let handler = ClockInFile::open(file.clone(), 0).unwrap();
        let year = Duration::from_secs(365 * 86_400);
        let before = OffsetDateTime::now_utc();
        world.move_forward(year).unwrap();
        world.move_forward(Duration::from_millis(1)).unwrap();
        assert!(handler.now() > before + year);
        assert!(handler.now() - world.now() < time::Duration::minutes(1));
        drop(world);
        assert!(WorldClock::open(file).unwrap().now() > before + year);
    }

    #[test]
    fn a_move_too_far_is_refused_and_moves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let world = WorldClock::open(folder.path().join("clock")).unwrap();
        let before = world.now();
        assert!(world.move_forward(Duration::MAX).is_err());
        assert!(world.now() - before < time::Duration::minutes(1));
    }

    #[test]
    fn a_file_that_holds_no_clock_is_refused_and_left() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clock");
        fs::write(&file, "noon").unwrap();
        assert!(WorldClock::open(file.clone()).is_err());
        assert_eq!(fs::read_to_string(file).unwrap(), "noon");
    }
}
