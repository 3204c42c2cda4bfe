//! What every changing command does around its change: it asks, and it writes down who did what, when and why.

use std::{
    io::{BufRead as _, IsTerminal as _, Write as _, stderr, stdin},
    path::PathBuf,
};

use anyhow::Context as _;
use clap::Args;
use dead_letters::audit::{self, AuditLine};
use serde_json::Value as Json;
use time::OffsetDateTime;

/// What changing commands need.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Changing something")]
pub struct Change {
    /// Do not ask; needed where there is no terminal
    #[arg(long)]
    pub yes: bool,
    /// The reason, for the audit
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
    /// Where the audit, the logs of runs and the archives are kept
    #[arg(long, value_name = "DIR", env = "LATCHKEY_OPS_DIR", default_value = ".latchkey-ops")]
    pub state: PathBuf,
    /// Your name, for the audit; by default the name of your account on this machine
    #[arg(long, value_name = "NAME", env = "LATCHKEY_WHO")]
    pub who: Option<String>,
}

/// The exit code when nobody agreed.
pub(crate) const NOT_CONFIRMED: u8 = 6;

/// The question was answered with no, or could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotConfirmed(pub(crate) String);

/// Asks on the terminal, unless `--yes` was given.
pub(crate) fn confirm(change: &Change, question: &str) -> Result<(), NotConfirmed> {
    if change.yes {
        return Ok(());
    }
    if !(stdin().is_terminal() && stderr().is_terminal()) {
        return Err(NotConfirmed(format!(
            "{question} There is no terminal to ask on: use --yes. Nothing was changed."
        )));
    }
    eprint!("{question} [y/N] ");
    let _ = stderr().flush();
    let mut answer = String::new();
    let read = stdin().lock().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(NotConfirmed("not confirmed; nothing was changed".to_owned()))
}

/// Who changes what, and where that is written down.
pub(crate) struct Audit<'a> {
    change: &'a Change,
    namespace: String,
    what: &'static str,
    why: String,
    forced: bool,
}

impl<'a> Audit<'a> {
    pub(crate) fn new(change: &'a Change, namespace: &str, what: &'static str, otherwise: String) -> Self {
        let why = change.why.clone().unwrap_or(otherwise);
        Self { change, namespace: namespace.to_owned(), what, why, forced: false }
    }

    pub(crate) fn forced(mut self, forced: bool) -> Self {
        self.forced = forced;
        self
    }

    /// Before the first change. What cannot be written down is not done.
    pub(crate) fn begins(&self, hash: &str) -> anyhow::Result<()> {
        self.write("begins", hash, Json::Null)
    }

    /// After the last one.
    pub(crate) fn ended(&self, hash: &str, result: Json) -> anyhow::Result<()> {
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
pub(crate) fn state(change: &Change, file: &str) -> anyhow::Result<PathBuf> {
    let path = change.state.join(file);
    let folder = path.parent().unwrap_or(&change.state);
    std::fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
    Ok(path)
}

/// The name of whoever acts. Mail addresses stay out of files: what follows the @ is dropped.
pub(crate) fn who(change: &Change) -> String {
    let from_environment =
        || ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    let name = change.who.clone().or_else(from_environment).unwrap_or_default();
    match name.split('@').next().map(str::trim).filter(|name| !name.is_empty()) {
        Some(name) => name.to_owned(),
        None => "unknown".to_owned(),
    }
}
