//! Where the state survives: one file with all of it, and one with what has changed since.
//!
//! A change is appended as one line before it is answered, so that a process that is killed has lost nothing that it
//! had told anybody. At the start, and when the log has outgrown it, the whole is written anew and the log is emptied.
//! Killed between the two, the log is applied once more: each line says what is so, not what to do, and the last one wins.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};

use crate::state::State;
use crate::tracked::{CHANGED, REMOVED, changes_only};

/// The log is emptied when it is longer than this and than the whole.
const LONGEST_LOG_BYTES: u64 = 16 * 1024 * 1024;

/// Why the state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateFileError {
    /// The file or its folder could not be used.
    #[error("could not use the sandbox's state at {path}")]
    File {
        /// The file or folder in question.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The file holds something else than a sandbox's state. It is left as it is.
    #[error("{path} does not hold the state of a sandbox; move it away to begin anew")]
    NotAState {
        /// The file in question.
        path: PathBuf,
        /// Where the text departs from what was expected.
        #[source]
        source: serde_json::Error,
    },
}

/// The files that hold the state between runs. They contain private keys and secrets: only their owner may read them.
#[derive(Debug)]
pub(crate) struct StateFile {
    whole: PathBuf,
    log: PathBuf,
    written: Mutex<Written>,
}

/// How much was written, and how each part looks while nothing changes in it.
#[derive(Debug, Default)]
struct Written {
    whole_bytes: u64,
    log_bytes: u64,
    idle: Vec<Vec<u8>>,
}

type Part = fn(&State) -> serde_json::Result<Vec<u8>>;

/// Each part of the state under its name in the file.
const PARTS: [(&str, Part); 5] = [
    ("directory", |state| serde_json::to_vec(&state.directory)),
    ("arm", |state| serde_json::to_vec(&state.arm)),
    ("key_vault", |state| serde_json::to_vec(&state.key_vault)),
    ("marketplace", |state| serde_json::to_vec(&state.marketplace)),
    ("event_grid", |state| serde_json::to_vec(&state.event_grid)),
];

impl StateFile {
    /// Names the files inside `folder`, which is made, closed to other users, if it is missing.
    pub(crate) fn inside(folder: &Path) -> Result<Self, StateFileError> {
        make_private_folder(folder)
            .map_err(|source| StateFileError::File { path: folder.to_path_buf(), source })?;
        let (whole, log) = (folder.join("sandbox.json"), folder.join("sandbox-changes.jsonl"));
        Ok(Self { whole, log, written: Mutex::default() })
    }

    /// The saved state, or nothing when none has been saved yet.
    pub(crate) fn load(&self) -> Result<Option<State>, StateFileError> {
        let Some(text) = read(&self.whole)? else { return Ok(None) };
        let log = read(&self.log)?.unwrap_or_default();
        let foreign = |path: &Path| {
            let path = path.to_path_buf();
            move |source| StateFileError::NotAState { path, source }
        };
        if log.is_empty() {
            return serde_json::from_slice(&text).map(Some).map_err(foreign(&self.whole));
        }
        let mut whole: Value = serde_json::from_slice(&text).map_err(foreign(&self.whole))?;
        // A line without its end was being written when the process died: nobody has been told of it.
        let lines = log.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
        for line in lines {
            let changes: Value = serde_json::from_slice(line).map_err(foreign(&self.log))?;
            for (part, change) in changes.as_object().cloned().unwrap_or_default() {
                apply(&mut whole[part], change);
            }
        }
        serde_json::from_value(whole).map(Some).map_err(foreign(&self.whole))
    }

    /// Writes all of it, in one step, so that a reader sees the old state or the new one and never half of it; then
    /// empties the log.
    pub(crate) fn save_whole(&self, state: &State) -> Result<(), StateFileError> {
        self.save_whole_as(state, &mut self.written())
    }

    /// Appends what has changed since the last save. Nothing is written when nothing has.
    pub(crate) fn save_changes(&self, state: &State) -> Result<(), StateFileError> {
        let mut written = self.written();
        let mut line = Vec::new();
        for ((name, part), idle) in PARTS.iter().zip(&mut written.idle) {
            let text = self.serialised(*part, state)?;
            if text == *idle {
                continue;
            }
            line.push(if line.is_empty() { b'{' } else { b',' });
            line.extend_from_slice(format!("\"{name}\":").as_bytes());
            line.extend_from_slice(&text);
            // Its tracked maps have been written now, so that this is what it looks like until something changes.
            *idle = self.serialised(*part, state)?;
        }
        if line.is_empty() {
            return Ok(());
        }
        line.extend_from_slice(b"}\n");
        append(&self.log, &line).map_err(|source| StateFileError::File { path: self.log.clone(), source })?;
        written.log_bytes += line.len() as u64;
        if written.log_bytes > LONGEST_LOG_BYTES.max(written.whole_bytes) {
            return self.save_whole_as(state, &mut written);
        }
        Ok(())
    }

    fn save_whole_as(&self, state: &State, written: &mut Written) -> Result<(), StateFileError> {
        let text = serde_json::to_vec(state).map_err(|error| self.failed(error.into()))?;
        let beside = self.whole.with_extension("json.new");
        write_private_file(&beside, &text).map_err(|error| self.failed(error))?;
        fs::rename(&beside, &self.whole).map_err(|error| self.failed(error))?;
        write_private_file(&self.log, b"").map_err(|error| self.failed(error))?;
        let idle = PARTS.iter().map(|(_, part)| self.serialised(*part, state)).collect::<Result<_, _>>()?;
        *written = Written { whole_bytes: text.len() as u64, log_bytes: 0, idle };
        Ok(())
    }

    fn serialised(&self, part: Part, state: &State) -> Result<Vec<u8>, StateFileError> {
        changes_only(|| part(state)).map_err(|error| self.failed(error.into()))
    }

    fn failed(&self, source: io::Error) -> StateFileError {
        StateFileError::File { path: self.whole.clone(), source }
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Brings what is known up to date: a map that says what has changed in it is changed so, what holds such maps is looked
/// into, and everything else is replaced.
fn apply(known: &mut Value, change: Value) {
    match (known, change) {
        (Value::Object(known), mut change) if is_delta(&change) => {
            let changed = std::mem::take(&mut change[CHANGED]);
            for (name, change) in changed.as_object().cloned().unwrap_or_default() {
                apply(known.entry(name).or_insert_with(|| Value::Object(Map::new())), change);
            }
            let gone = change[REMOVED].as_array().into_iter().flatten().filter_map(Value::as_str);
            gone.for_each(|gone| drop(known.remove(gone)));
        }
        (Value::Object(known), Value::Object(change)) if change.values().any(holds_delta) => {
            known.retain(|name, _| change.contains_key(name));
            for (name, change) in change {
                apply(known.entry(name).or_insert_with(|| Value::Object(Map::new())), change);
            }
        }
        (known, change) => *known = change,
    }
}

fn is_delta(value: &Value) -> bool {
    value.get(CHANGED).is_some_and(Value::is_object) && value.get(REMOVED).is_some_and(Value::is_array)
}

fn holds_delta(value: &Value) -> bool {
    is_delta(value) || value.as_object().is_some_and(|inner| inner.values().any(holds_delta))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, StateFileError> {
    match fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StateFileError::File { path: path.to_path_buf(), source }),
    }
}

/// Makes a folder that only its owner may enter, or closes an existing one to everybody else.
pub(crate) fn make_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn write_private_file(path: &Path, content: &[u8]) -> io::Result<()> {
    private(fs::OpenOptions::new().write(true).create(true).truncate(true)).open(path)?.write_all(content)
}

/// One write a line: the operating system keeps it, also when this process is killed right afterwards.
fn append(path: &Path, line: &[u8]) -> io::Result<()> {
    private(fs::OpenOptions::new().append(true)).open(path)?.write_all(line)
}

fn private(options: &mut fs::OpenOptions) -> &mut fs::OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changes_are_applied_where_they_belong() {
        let mut known =
            json!({ "plain": 1, "map": { "a": 1, "b": 2 }, "inner": { "map": { "x": 1 } }, "old": true });
        let delta = |changed: Value, removed: Value| json!({ CHANGED: changed, REMOVED: removed });
        apply(
            &mut known,
            json!({
                "plain": 2,
                "map": delta(json!({ "c": 3, "a": 9 }), json!(["b"])),
                "inner": { "map": delta(json!({}), json!(["x"])) },
                "new": delta(json!({ "y": 1 }), json!([])),
            }),
        );
        assert_eq!(
            known,
            json!({ "plain": 2, "map": { "a": 9, "c": 3 }, "inner": { "map": {} }, "new": { "y": 1 } })
        );
        let mut nested = json!({ "v": { "keys": { "a": 1, "b": 2 } } });
        let inner = json!({ "keys": delta(json!({ "a": 9 }), json!(["b"])) });
        apply(&mut nested, delta(json!({ "v": inner, "w": { "keys": { "c": 3 } } }), json!([])));
        assert_eq!(nested, json!({ "v": { "keys": { "a": 9 } }, "w": { "keys": { "c": 3 } } }));
        apply(&mut known, json!({ "map": { "only": 1 } }));
        assert_eq!(known, json!({ "map": { "only": 1 } }), "a part without changes of its own is replaced");
    }
}
