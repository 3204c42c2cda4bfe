//! What every changing command does around its change: it asks, and it writes down who did what, when and why.

use std::path::PathBuf;

use anyhow::Context as _;
use dead_letters::audit::{self, AuditLine};
use serde_json::Value as Json;
use time::OffsetDateTime;

use super::{args::Change, failure::NotConfirmed};
use crate::confirm::confirmed;

/// Asks on the terminal, unless `--yes` was given.
pub(super) fn confirm(change: &Change, question: &str) -> Result<(), NotConfirmed> {
    confirmed(change.yes, question).map_err(NotConfirmed)
}

/// Who changes what, and where that is written down.
pub(super) struct Audit<'a> {
    change: &'a Change,
    namespace: String,
    what: &'static str,
    why: String,
    forced: bool,
}

impl<'a> Audit<'a> {
    pub(super) fn new(change: &'a Change, namespace: &str, what: &'static str, otherwise: String) -> Self {
        let why = change.why.clone().unwrap_or(otherwise);
        Self { change, namespace: namespace.to_owned(), what, why, forced: false }
    }

    pub(super) fn forced(mut self, forced: bool) -> Self {
        self.forced = forced;
        self
    }

    /// Before the first change. What cannot be written down is not done.
    pub(super) fn begins(&self, hash: &str) -> anyhow::Result<()> {
        self.write("begins", hash, Json::Null)
    }

    /// After the last one.
    pub(super) fn ended(&self, hash: &str, result: Json) -> anyhow::Result<()> {
        self.write("ended", hash, result)
    }

    fn write(&self, phase: &str, hash: &str, result: Json) -> anyhow::Result<()> {
        let path = state(self.change, "audit.ndjson")?;
        let line = AuditLine {
            at: OffsetDateTime::now_utc(),
            who: who(self.change),
            what: format!("{} {phase}", self.what),
            namespace: self.namespace.clone(),
            why: self.why.clone(),
            hash: hash.to_owned(),
            forced: self.forced,
            result,
            previous: String::new(),
        };
        audit::append(&path, line).with_context(|| format!("the audit {}", path.display()))
    }
}

/// A file in the state folder, which is made if need be.
pub(super) fn state(change: &Change, file: &str) -> anyhow::Result<PathBuf> {
    let path = change.state.join(file);
    let folder = path.parent().unwrap_or(&change.state);
    std::fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
    Ok(path)
}

/// The name of whoever acts. Mail addresses stay out of files: what follows the @ is dropped.
fn who(change: &Change) -> String {
    let from_environment =
        || ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    let name = change.who.clone().or_else(from_environment).unwrap_or_default();
    match name.split('@').next().map(str::trim).filter(|name| !name.is_empty()) {
        Some(name) => name.to_owned(),
        None => "unknown".to_owned(),
    }
}
