//! The log in which messages outlive the process.
//!
//! # What is promised
//!
//! Whatever the broker has acknowledged (a message taken in, a settlement, a schedule, a cancellation) was handed to
//! the operating system before the acknowledgement was sent. It therefore survives the death of the process at any
//! moment, SIGKILL included. It is **not** forced to the disk: a power failure may lose the last moments.
//!
//! Locks are not kept. A message that was locked is available again after a restart, with the delivery count that it
//! had; its lock token is worth nothing.
//!
//! # How it is written
//!
//! `messages.log` begins with [`PREFACE`]. Each entry is the length of its payload (u32), the first eight bytes of the
//! payload's SHA-256, and the payload: records that belong together, so that a message that moves is never in two
//! places or none. An entry that is cut short can only be the last one, was acknowledged to nobody, and is cut off. An
//! entry that is whole but does not match its hash means that the file was damaged by something else: the broker
//! refuses to start rather than go on with less than it had.
//!
//! When the log has grown well beyond what it describes, it is written anew beside the old one and renamed over it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};

const PREFACE: &[u8] = b"service bus log, version 1\n";
const LOG: &str = "messages.log";
const NEW_LOG: &str = "messages.log.new";
const LOCK: &str = "messages.lock";
const ENTRY_HEADER: usize = 4 + HASH;
const HASH: usize = 8;
/// Bytes that a log may grow by before it is looked at again.
const LEAST_GROWTH: u64 = 8 * 1024 * 1024;

/// Why state could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The folder or a file in it could not be read or written.
    #[error("could not {action} {path}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another broker has the folder open.
    #[error("another broker uses the state in {0}")]
    InUse(PathBuf),
    /// The log is not one, or was damaged.
    #[error("{path} is damaged at byte {offset}: {reason}")]
    Damaged {
        /// The log.
        path: PathBuf,
        /// Where.
        offset: usize,
        /// What is wrong there.
        reason: String,
    },
    /// Something lies in entities that are not declared: starting without them would lose it.
    #[error(
        "the state in {path} holds {messages} messages and {sessions} session states of '{entity}', which is not \
         declared (with sessions, if it has session states): declare it again and empty it first"
    )]
    Undeclared {
        /// The folder.
        path: PathBuf,
        /// The queue, topic or subscription, or the dead letters of one.
        entity: String,
        /// How many messages there are.
        messages: usize,
        /// How many sessions have a state.
        sessions: usize,
    },
}

/// An open log.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
    file: File,
    size: u64,
    /// The size at which the log is to be written anew.
    compact_at: u64,
    _lock: FolderLock,
}

/// Held while the broker lives; the operating system lets go of it when the process dies.
#[derive(Debug)]
struct FolderLock(File);

impl Drop for FolderLock {
    /// Closing the file would not be enough: a process that is being started elsewhere in this program has a copy of
    /// it for a moment, and the lock with it.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "the folder of the state could not be unlocked");
        }
    }
}

impl Journal {
    /// Opens the log in a folder, which is made if it is not there. Returns the payloads of its entries.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Vec<Vec<u8>>), StateError> {
        fs::create_dir_all(folder).map_err(io_error("create", folder))?;
        let lock = take_lock(folder)?;
        let path = folder.join(LOG);
        let mut file = open_log(&path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io_error("read", &path))?;
        let (entries, whole) = read_entries(&bytes, &path)?;
        let mut journal = Self {
            folder: folder.to_owned(),
            file,
            size: whole as u64,
            compact_at: 2 * whole as u64 + LEAST_GROWTH,
            _lock: lock,
        };
        if whole == 0 {
            journal.file.set_len(0).map_err(io_error("cut", &path))?;
            journal.write(PREFACE)?;
        } else if whole < bytes.len() {
            tracing::warn!(path = %path.display(), bytes = bytes.len() - whole, "removed an unfinished entry from the end of the log");
            journal.file.set_len(whole as u64).map_err(io_error("cut", &path))?;
        }
        Ok((journal, entries))
    }

    /// Writes one entry. When this returns, the entry outlives the process.
    pub(crate) fn append(&mut self, payload: &[u8]) -> Result<(), StateError> {
        let entry = entry(payload).map_err(io_error("write", &self.folder.join(LOG)))?;
        self.write(&entry)
    }

    /// Whether the log has grown enough to be written anew.
    pub(crate) fn wants_compaction(&self) -> bool {
        self.size > self.compact_at
    }

    /// Replaces the log by one that holds only `payload`.
    pub(crate) fn compact(&mut self, payload: &[u8]) -> Result<(), StateError> {
        let (new, path) = (self.folder.join(NEW_LOG), self.folder.join(LOG));
        let mut file = File::create(&new).map_err(io_error("create", &new))?;
        let entry = entry(payload).map_err(io_error("write", &new))?;
        let bytes = [PREFACE, &entry].concat();
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(io_error("write", &new))?;
        fs::rename(&new, &path).map_err(io_error("replace", &path))?;
        self.file = OpenOptions::new().append(true).open(&path).map_err(io_error("open", &path))?;
        self.size = bytes.len() as u64;
        self.compact_at = 2 * self.size + LEAST_GROWTH;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.file.write_all(bytes).map_err(io_error("write", &self.folder.join(LOG)))?;
        self.size += bytes.len() as u64;
        Ok(())
    }
}

fn take_lock(folder: &Path) -> Result<FolderLock, StateError> {
    let path = folder.join(LOCK);
    let lock = File::create(&path).map_err(io_error("create", &path))?;
    match lock.try_lock() {
        Ok(()) => Ok(FolderLock(lock)),
        Err(fs::TryLockError::WouldBlock) => Err(StateError::InUse(folder.to_owned())),
        Err(fs::TryLockError::Error(source)) => Err(io_error("lock", &path)(source)),
    }
}

fn open_log(path: &Path) -> Result<File, StateError> {
    OpenOptions::new().read(true).append(true).create(true).open(path).map_err(io_error("open", path))
}

fn entry(payload: &[u8]) -> io::Result<Vec<u8>> {
    let length =
        u32::try_from(payload.len()).map_err(|_| io::Error::other("an entry holds at most 4 GiB"))?;
    let mut entry = Vec::with_capacity(ENTRY_HEADER + payload.len());
    entry.extend(length.to_be_bytes());
    entry.extend(hash(payload));
    entry.extend_from_slice(payload);
    Ok(entry)
}

fn hash(payload: &[u8]) -> [u8; HASH] {
    let digest = digest(&SHA256, payload);
    let mut first = [0; HASH];
    first.copy_from_slice(&digest.as_ref()[..HASH]);
    first
}

/// The payloads of all whole entries, and where the last of them ends.
fn read_entries(bytes: &[u8], path: &Path) -> Result<(Vec<Vec<u8>>, usize), StateError> {
    let damaged = |offset, reason: &str| StateError::Damaged {
        path: path.to_owned(),
        offset,
        reason: reason.to_owned(),
    };
    if bytes.len() < PREFACE.len() && PREFACE.starts_with(bytes) {
        return Ok((Vec::new(), 0));
    }
    if !bytes.starts_with(PREFACE) {
        return Err(damaged(0, "it does not begin as a log of messages does"));
    }
    let mut entries = Vec::new();
    let mut offset = PREFACE.len();
    while let Some(header) = bytes.get(offset..offset + ENTRY_HEADER) {
        let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let start = offset + ENTRY_HEADER;
        let Some(payload) = bytes.get(start..start + length) else { break };
        if header[4..] != hash(payload) {
            return Err(damaged(offset, "an entry does not match its hash"));
        }
        entries.push(payload.to_vec());
        offset = start + length;
    }
    Ok((entries, offset))
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StateError {
    let path = path.to_owned();
    move |source| StateError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Journal {
        /// From now on every write fails, as on a full disk.
        pub(crate) fn break_writing(&mut self) {
            self.file = File::open(self.folder.join(LOG)).unwrap();
        }
    }

    fn entries(folder: &Path) -> Vec<Vec<u8>> {
        Journal::open(folder).unwrap().1
    }

    #[test]
    fn what_was_appended_is_there_again() {
        let folder = tempfile::tempdir().unwrap();
        {
            let (mut journal, before) = Journal::open(folder.path()).unwrap();
            assert!(before.is_empty());
            journal.append(b"one").unwrap();
            journal.append(b"two").unwrap();
        }
        assert_eq!(entries(folder.path()), [b"one", b"two"]);
    }

    #[test]
    fn an_entry_cut_short_anywhere_is_dropped_and_those_before_it_kept() {
        let folder = tempfile::tempdir().unwrap();
        Journal::open(folder.path()).unwrap().0.append(b"kept").unwrap();
        let log = folder.path().join(LOG);
        let kept = fs::read(&log).unwrap();
        for cut in 1..entry(b"lost").unwrap().len() {
            fs::write(&log, [&kept[..], &entry(b"lost").unwrap()[..cut]].concat()).unwrap();
            let (mut journal, found) = Journal::open(folder.path()).unwrap();
            assert_eq!(found, [b"kept"], "cut at {cut}");
            journal.append(b"next").unwrap();
            drop(journal);
            assert_eq!(entries(folder.path()), [b"kept", b"next"], "cut at {cut}");
        }
    }

    #[test]
    fn a_preface_cut_short_is_an_empty_log() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(LOG), &PREFACE[..5]).unwrap();
        Journal::open(folder.path()).unwrap().0.append(b"one").unwrap();
        assert_eq!(entries(folder.path()), [b"one"]);
    }

    #[test]
    fn a_damaged_log_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        Journal::open(folder.path()).unwrap().0.append(b"payload").unwrap();
        let log = folder.path().join(LOG);
        let mut bytes = fs::read(&log).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&log, &bytes).unwrap();
        assert!(matches!(Journal::open(folder.path()), Err(StateError::Damaged { .. })));
        fs::write(&log, b"something else entirely, and longer than the preface").unwrap();
        assert!(matches!(Journal::open(folder.path()), Err(StateError::Damaged { offset: 0, .. })));
        assert!(fs::read(&log).unwrap().starts_with(b"something else"));
    }

    #[test]
    fn two_brokers_cannot_share_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = Journal::open(folder.path()).unwrap();
        assert!(matches!(Journal::open(folder.path()), Err(StateError::InUse(_))));
        drop(first);
        Journal::open(folder.path()).unwrap();
    }

    #[test]
    fn a_copy_of_the_lock_in_a_process_being_started_does_not_keep_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let lock = take_lock(folder.path()).unwrap();
        let copy = lock.0.try_clone().unwrap();
        drop(lock);
        Journal::open(folder.path()).unwrap();
        drop(copy);
    }

    #[test]
    fn a_compacted_log_holds_the_snapshot_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(folder.path()).unwrap();
        while !journal.wants_compaction() {
            journal.append(&[7; 1024 * 1024]).unwrap();
        }
        journal.compact(b"all of it").unwrap();
        assert!(!journal.wants_compaction());
        journal.append(b"and more").unwrap();
        drop(journal);
        assert_eq!(entries(folder.path()), [&b"all of it"[..], b"and more"]);
    }
}
