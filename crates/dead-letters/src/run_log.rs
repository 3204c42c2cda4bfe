//! The log of a run: what was decided and done, on disk before the next thing is done.
//!
//! Append-only, one JSON object a line. A record counts once it is forced to the disk (`fdatasync`); records that are
//! written at the same time share one such call. A run that was killed at any moment finds in it what it may have
//! done: a message that was to be sent and is not known to be sent is in doubt, and goes out again under the same id.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::sync::oneshot;

use crate::letter::LetterId;

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// The run begins, or goes on after an interruption.
    Started {
        /// The plan, by its hash.
        plan: String,
        /// What is done: `replay` or `discard`.
        action: String,
        /// When.
        #[serde(with = "time::serde::rfc3339")]
        at: OffsetDateTime,
    },
    /// The message is about to be sent.
    Sending {
        /// The letter.
        id: LetterId,
    },
    /// The service refused it: nothing was stored by this attempt.
    Refused {
        /// The letter.
        id: LetterId,
    },
    /// The service has stored it (replay), or the archive has (discard).
    Sent {
        /// The letter.
        id: LetterId,
    },
    /// The letter is gone from the dead letters.
    Completed {
        /// The letter.
        id: LetterId,
    },
    /// The letter stays, by decision.
    Skipped {
        /// The letter.
        id: LetterId,
        /// Why.
        why: String,
    },
    /// The letter was not there any more, and this run has not sent it.
    Gone {
        /// The letter.
        id: LetterId,
    },
    /// Nothing is left to do.
    Finished {
        /// When.
        #[serde(with = "time::serde::rfc3339")]
        at: OffsetDateTime,
    },
}

/// How far one message has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Progress {
    /// Nothing was done.
    #[default]
    Untouched,
    /// It was to be sent; whether it was is not known.
    InDoubt,
    /// It was sent; the letter may still be there.
    Sent,
    /// It was sent and the letter is gone.
    Completed,
    /// It stays, by decision.
    Skipped(String),
    /// It was not there any more.
    Gone,
}

/// What the log says so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replayed {
    /// How far each message has come that is mentioned.
    pub progress: BTreeMap<LetterId, Progress>,
    /// Messages that went out, or may have, more than once: each was in doubt when it was sent again.
    pub doubtful: Vec<LetterId>,
    /// Whether the run has been here before.
    pub resumed: bool,
    /// Whether nothing is left to do.
    pub finished: bool,
}

impl Replayed {
    /// Takes in a record: the same whether it is read back or has just been written.
    fn apply(&mut self, record: &Record) {
        let (id, progress) = match record {
            Record::Started { .. } => return self.resumed = true,
            Record::Finished { .. } => return self.finished = true,
            Record::Sending { id } => (id, Progress::InDoubt),
            // An earlier attempt may have stored it all the same.
            Record::Refused { id } if self.is_doubtful(id) => (id, Progress::InDoubt),
            Record::Refused { id } => (id, Progress::Untouched),
            Record::Sent { id } => (id, Progress::Sent),
            Record::Completed { id } => (id, Progress::Completed),
            Record::Skipped { id, why } => (id, Progress::Skipped(why.clone())),
            Record::Gone { id } => (id, Progress::Gone),
        };
        let before = self.progress.insert(id.clone(), progress);
        let is_sent_again = matches!(record, Record::Sending { .. }) && before == Some(Progress::InDoubt);
        if is_sent_again && let Err(place) = self.doubtful.binary_search(id) {
            self.doubtful.insert(place, id.clone());
        }
    }

    fn is_doubtful(&self, id: &LetterId) -> bool {
        self.doubtful.binary_search(id).is_ok()
    }
}

/// Why a log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RunLogError {
    /// The file cannot be read or written.
    #[error("cannot use {path} as the log of the run")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process is at it.
    #[error("another run is writing the log {path}: wait for it to end")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It is the log of something else.
    #[error("{path} is the log of another plan or action: give this run a log of its own with --log")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A line in the middle is not what this tool writes.
    #[error("{path}, line {line}: not a record of a run")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which line, from one.
        line: usize,
    },
    /// The writing thread has ended after an error that it reported elsewhere.
    #[error("the log of the run is closed")]
    Closed,
}

/// An open log. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct RunLog {
    orders: mpsc::Sender<Order>,
    /// What the log says, kept up with what is written.
    says: Arc<Mutex<Replayed>>,
}

#[derive(Debug)]
struct Order {
    lines: Vec<u8>,
    written: oneshot::Sender<Result<(), RunLogError>>,
}

impl RunLog {
    /// Opens the log of a run, or makes it, and says how far the run has come.
    ///
    /// # Errors
    /// See [`RunLogError`]. A last line that was cut short by a kill is not an error: it never counted.
    pub fn open(path: &Path, plan: &str, action: &str) -> Result<(Self, Replayed), RunLogError> {
        let failed = |source| RunLogError::Io { path: path.to_owned(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(RunLogError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(failed)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let replayed = read(&text[..whole], path, plan, action)?;
        file.set_len(whole as u64).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        let (orders, incoming) = mpsc::channel();
        let path = path.to_owned();
        thread::spawn(move || write_all(&mut file, &incoming, &path));
        Ok((Self { orders, says: Arc::new(Mutex::new(replayed.clone())) }, replayed))
    }

    /// Writes a record and waits until it is on the disk.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn write(&self, record: &Record) -> Result<(), RunLogError> {
        self.write_all([record.clone()]).await
    }

    /// Writes records together and waits until all of them are on the disk.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn write_all(&self, records: impl IntoIterator<Item = Record>) -> Result<(), RunLogError> {
        let mut lines = Vec::new();
        {
            let mut says = self.says.lock().unwrap_or_else(PoisonError::into_inner);
            for record in records {
                serde_json::to_writer(&mut lines, &record).map_err(|_| RunLogError::Closed)?;
                lines.push(b'\n');
                says.apply(&record);
            }
        }
        if lines.is_empty() {
            return Ok(());
        }
        let (written, is_written) = oneshot::channel();
        self.orders.send(Order { lines, written }).map_err(|_| RunLogError::Closed)?;
        is_written.await.map_err(|_| RunLogError::Closed)?
    }

    /// The messages that went out, or may have, more than once, this run's own included.
    #[must_use]
    pub fn doubtful(&self) -> Vec<LetterId> {
        self.says.lock().unwrap_or_else(PoisonError::into_inner).doubtful.clone()
    }
}

/// Writes what there is, forces it to the disk, and tells everyone whose record was among it.
fn write_all(file: &mut File, incoming: &mpsc::Receiver<Order>, path: &Path) {
    while let Ok(first) = incoming.recv() {
        let mut batch = vec![first];
        batch.extend(incoming.try_iter());
        let bytes: Vec<u8> = batch.iter().flat_map(|order| order.lines.iter().copied()).collect();
        let result = file.write_all(&bytes).and_then(|()| file.sync_data());
        for order in batch {
            let told = match &result {
                Ok(()) => Ok(()),
                Err(error) => Err(RunLogError::Io {
                    path: path.to_owned(),
                    source: io::Error::new(error.kind(), error.to_string()),
                }),
            };
            // Whoever waited may have been interrupted.
            let _ = order.written.send(told);
        }
        if result.is_err() {
            return;
        }
    }
}

fn read(text: &[u8], path: &Path, plan: &str, action: &str) -> Result<Replayed, RunLogError> {
    let mut replayed = Replayed::default();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
        let record: Record = serde_json::from_slice(line)
            .map_err(|_| RunLogError::Damaged { path: path.to_owned(), line: index + 1 })?;
        if let Record::Started { plan: of, action: what, .. } = &record
            && (of != plan || what != action)
        {
            return Err(RunLogError::Foreign { path: path.to_owned() });
        }
        replayed.apply(&record);
    }
    Ok(replayed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(sequence: i64) -> LetterId {
        LetterId { entity: "q".to_owned(), sequence }
    }

    fn started(plan: &str) -> Record {
        Record::Started { plan: plan.to_owned(), action: "replay".to_owned(), at: OffsetDateTime::UNIX_EPOCH }
    }

    async fn write(path: &Path, records: &[Record]) {
        let (log, _) = open_when_free(path, "p").unwrap();
        for record in records {
            log.write(record).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_run_that_was_killed_finds_what_it_may_have_done() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let records = [
            started("p"),
            Record::Sending { id: id(1) },
            Record::Sent { id: id(1) },
            Record::Completed { id: id(1) },
            Record::Sending { id: id(2) },
            Record::Sent { id: id(2) },
            Record::Sending { id: id(3) },
            Record::Skipped { id: id(4), why: "no".to_owned() },
        ];
        write(&path, &records).await;
        // The kill came in the middle of a line.
        OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"{\"record\":\"sent\",\"id\":\"q/3")
            .unwrap();

        let (_, replayed) = open_when_free(&path, "p").unwrap();
        let progress = |sequence| replayed.progress.get(&id(sequence)).cloned().unwrap_or_default();
        assert_eq!(
            [1, 2, 3, 4, 5].map(progress),
            [
                Progress::Completed,
                Progress::Sent,
                Progress::InDoubt,
                Progress::Skipped("no".to_owned()),
                Progress::Untouched,
            ]
        );
        assert!(replayed.resumed && !replayed.finished && replayed.doubtful.is_empty());
        write(&path, &[Record::Sending { id: id(3) }, Record::Finished { at: OffsetDateTime::UNIX_EPOCH }])
            .await;
        let (_, replayed) = open_when_free(&path, "p").unwrap();
        assert_eq!((replayed.doubtful, replayed.finished), (vec![id(3)], true));
    }

    #[test]
    fn what_was_refused_is_not_in_doubt_unless_an_earlier_attempt_is() {
        let mut says = Replayed::default();
        let (sending, refused) = (Record::Sending { id: id(1) }, Record::Refused { id: id(1) });
        for (record, progress, is_doubtful) in [
            (&sending, Progress::InDoubt, false),
            (&refused, Progress::Untouched, false),
            (&sending, Progress::InDoubt, false),
            (&sending, Progress::InDoubt, true),
            (&refused, Progress::InDoubt, true),
        ] {
            says.apply(record);
            assert_eq!((&says.progress[&id(1)], !says.doubtful.is_empty()), (&progress, is_doubtful));
        }
    }

    /// The writing thread of a log that was dropped gives the lock up a moment later.
    fn open_when_free(path: &Path, plan: &str) -> Result<(RunLog, Replayed), RunLogError> {
        for _ in 0..1_000 {
            match RunLog::open(path, plan, "replay") {
                Err(RunLogError::InUse { .. }) => thread::sleep(std::time::Duration::from_millis(5)),
                opened => return opened,
            }
        }
        panic!("the log stays in use");
    }

    #[tokio::test]
    async fn a_log_in_use_of_another_plan_or_damaged_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (log, _) = RunLog::open(&path, "p", "replay").unwrap();
        log.write(&started("p")).await.unwrap();
        assert!(matches!(RunLog::open(&path, "p", "replay"), Err(RunLogError::InUse { .. })));
        drop(log);
        assert!(matches!(open_when_free(&path, "other"), Err(RunLogError::Foreign { .. })));
        std::fs::write(&path, "nonsense\n{}\n").unwrap();
        assert!(matches!(open_when_free(&path, "p"), Err(RunLogError::Damaged { line: 1, .. })));
    }
}
