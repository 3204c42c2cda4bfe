//! The command line of `latchkey dead-letters`.

mod options;
mod values;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use dead_letters::LetterId;

use crate::function_app::App;

pub use crate::change::Change;
pub use options::{Connection, FilterArgs, OnOff, Planning, Running};

/// How each of these commands ends.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    success
  1    something failed; stderr says what, and what to do
  2    the command line is wrong
  3    completed in part: a message died again, was skipped, was gone, or its outcome is not
       known yet
  4    rejected, nothing changed: the plan is out of date, damaged, or for another namespace; the
       file is not valid
  5    rejected by Service Bus, nothing changed: no such entity, no permission
  6    not confirmed, nothing changed: the answer was no, or there is no terminal to ask on and
       --yes was not given
  130  interrupted by Ctrl-C; the log has what was done, and the same command continues";

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    /// Show dead letters, grouped by function, reason and fault
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    List(ListArgs),

    /// Show everything about one dead letter
    ///
    /// Its reason, body, properties and trace; with --app-url also its onboarding's current state and
    /// blocker.
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Show(ShowArgs),

    /// Write a plan: exactly what a replay would do. Changes nothing
    ///
    /// The plan lists each message, where it would be sent and with which message id, and a hash of each:
    /// a replay rejects the plan if they have changed since. A replay has another message id than its
    /// dead letter, because duplicate detection in the target may still remember that id and would
    /// silently drop the replay. It is always the same id for the same dead letter, so that duplicate
    /// detection drops what an interrupted run sends twice.
    ///
    ///   latchkey dead-letters plan --reason DeadlineExceeded --older-than 1h > plan.json
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Plan(PlanArgs),

    /// Send dead letters to their functions again
    ///
    /// Each message is sent first and then removed from the dead letters, never the other way round:
    /// nothing can be lost, and what may be sent twice has the same message id. Dead letters that are
    /// not in the plan stay exactly as they were, in their order and with their delivery counts.
    ///
    /// Dead letters of a subscription are sent to --target. Each action is written to the log before it
    /// is taken. If a run is interrupted, by Ctrl-C or by SIGKILL at any moment, replay the same plan
    /// again and it continues. The report covers every message of the plan.
    ///
    /// "succeeded" means that the replay was received and completed: it is neither in the queue nor among
    /// its dead letters, and neither is a retry of the same event.
    ///
    ///   latchkey dead-letters replay --plan plan.json --canary 5 --rate 20 --stop-on-failure 0.2
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Replay(ReplayArgs),

    /// Remove dead letters for good, after archiving them
    ///
    /// Body and properties are written to a file, and flushed to disk, before a message is removed.
    /// `import` can restore them.
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Discard(DiscardArgs),

    /// Write dead letters to stdout as NDJSON, with all their properties; changes nothing
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Export(ExportArgs),

    /// Send the messages of an export or an archive to their functions
    ///
    /// Each is sent to the entity that it came from, with a message id derived from its own: a target with
    /// duplicate detection drops what it receives twice. If an import is interrupted, import the same
    /// file again and it continues; the report lists what may have been sent twice.
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    Import(ImportArgs),
}

/// `dead-letters list`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Which Service Bus.
    #[command(flatten)]
    pub connection: Connection,
    /// Which function app.
    #[command(flatten)]
    pub app: App,
    /// Which dead letters.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Test every key that a replay depends on; this calls the customers' vaults
    #[arg(long)]
    pub check: bool,
    /// One line per dead letter instead of one per group
    #[arg(long)]
    pub each: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `dead-letters show`
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// ENTITY/SEQUENCE, as `list --each` shows it, or a message id
    #[arg(value_name = "ID")]
    pub id: String,
    /// Which Service Bus.
    #[command(flatten)]
    pub connection: Connection,
    /// Which function app.
    #[command(flatten)]
    pub app: App,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `dead-letters plan`
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Which Service Bus.
    #[command(flatten)]
    pub connection: Connection,
    /// Which function app.
    #[command(flatten)]
    pub app: App,
    /// Which dead letters.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// How the plan is made.
    #[command(flatten)]
    pub planning: Planning,
}

/// `dead-letters replay`
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// A plan from `plan`; without it the filters select the messages, and a plan is made first
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Show what would be done, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Also replay what is not expected to succeed; the audit records it
    #[arg(long)]
    pub force: bool,
    /// Which Service Bus.
    #[command(flatten)]
    pub connection: Connection,
    /// Which function app.
    #[command(flatten)]
    pub app: App,
    /// Which dead letters.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// How the plan is made.
    #[command(flatten)]
    pub planning: Planning,
    /// How it is carried out.
    #[command(flatten)]
    pub running: Running,
    /// Who changes something, and why.
    #[command(flatten)]
    pub change: Change,
}

/// `dead-letters discard`
#[derive(Debug, Args)]
pub struct DiscardArgs {
    /// ENTITY/SEQUENCE of those to discard; without any, the filters select them
    #[arg(value_name = "ID")]
    pub ids: Vec<LetterId>,
    /// The file to archive them in; by default in the state folder
    #[arg(long, value_name = "FILE")]
    pub archive: Option<PathBuf>,
    /// Show what would be discarded, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Which Service Bus.
    #[command(flatten)]
    pub connection: Connection,
    /// Which function app.
    #[command(flatten)]
    pub app: App,
    /// Which dead letters.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// The log of the run; by default in the state folder
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Print the report as JSON, with every message
    #[arg(long)]
    pub json: bool,
    /// Who changes something, and why.
    #[command(flatten)]
    pub change: Change,
}

/// `dead-letters export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Without tokens, keys, signatures, passwords, mail addresses; cannot be imported
    #[arg(long)]
    pub redact: bool,
    /// Which Service Bus.
    #[command(flatten)]
    pub connection: Connection,
    /// Which function app.
    #[command(flatten)]
    pub app: App,
    /// Which dead letters.
    #[command(flatten)]
    pub filter: FilterArgs,
}

/// `dead-letters import`
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// A file that `export` or `discard` wrote; - for stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Send all of them to this queue or topic; needed for dead letters of subscriptions
    #[arg(long, value_name = "ENTITY")]
    pub target: Option<String>,
    /// The log of what was sent; by default in the state folder, named after the file's content
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Print the report as JSON, with every message
    #[arg(long)]
    pub json: bool,
    /// Show what would be sent, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Which Service Bus.
    #[command(flatten)]
    pub connection: Connection,
    /// Who changes something, and why.
    #[command(flatten)]
    pub change: Change,
}
