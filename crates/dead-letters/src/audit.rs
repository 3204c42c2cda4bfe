//! Who did what to which dead letters, when and why: one line each, in a file that only grows.
//!
//! Each line holds the hash of the one before, so that a line that was changed or taken out shows.

use std::{
    fs::OpenOptions,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use crate::digest::hex;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditLine {
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Who: the account on the machine where the tool ran, without any mail address.
    pub who: String,
    /// What: the command, with `begins` or `ended`.
    pub what: String,
    /// The namespace.
    pub namespace: String,
    /// Why, as whoever did it said; the filter or plan otherwise.
    pub why: String,
    /// The plan's hash, or that of what was done.
    pub hash: String,
    /// Whether a precondition was overridden.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forced: bool,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub result: Json,
    /// The SHA-256 of the line before, without its end; empty in the first.
    #[serde(default)]
    pub previous: String,
}

/// Appends a line, and forces it to the disk.
///
/// # Errors
/// When the file cannot be written; nothing may then be changed.
pub fn append(path: &Path, mut line: AuditLine) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    // Two tools that write at the same time take turns, so that the chain does not fork.
    file.lock()?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    line.previous = text.lines().last().map(|last| hex(&Sha256::digest(last.as_bytes()))).unwrap_or_default();
    let mut bytes = serde_json::to_vec(&line)?;
    bytes.push(b'\n');
    if !text.is_empty() && !text.ends_with('\n') {
        bytes.insert(0, b'\n');
    }
    file.seek(SeekFrom::End(0))?;
    file.write_all(&bytes)?;
    file.sync_data()
}

/// Checks the chain of a file's lines; answers the number of the first line that does not follow from the one before.
pub fn first_break(text: &str) -> Option<usize> {
    let mut previous = String::new();
    for (index, line) in text.lines().enumerate() {
        match serde_json::from_str::<AuditLine>(line) {
            Ok(read) if read.previous == previous => previous = hex(&Sha256::digest(line.as_bytes())),
            _ => return Some(index + 1),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(what: &str) -> AuditLine {
        AuditLine {
            at: OffsetDateTime::UNIX_EPOCH,
            who: "ops@here".to_owned(),
            what: what.to_owned(),
            namespace: "ns".to_owned(),
            why: "because".to_owned(),
            hash: "h".to_owned(),
            forced: false,
            result: Json::Null,
            previous: "overwritten".to_owned(),
        }
    }

    #[test]
    fn a_line_that_was_changed_or_taken_out_shows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.ndjson");
        for what in ["replay begins", "replay ended", "discard begins"] {
            append(&path, line(what)).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!((text.lines().count(), first_break(&text)), (3, None));
        assert_eq!(first_break(&text.replacen("because", "nothing", 1)), Some(2));
        let without: String =
            text.lines().enumerate().filter(|(i, _)| *i != 1).map(|(_, l)| format!("{l}\n")).collect();
        assert_eq!(first_break(&without), Some(2));
    }
}
