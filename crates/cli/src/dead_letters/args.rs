//! The command line of `latchkey dead-letters`.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, Subcommand, ValueEnum};
use dead_letters::{Filter, LetterId};
use time::OffsetDateTime;

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

/// Which Service Bus, and which of its entities.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Service Bus")]
pub struct Connection {
    /// A namespace, such as contoso.servicebus.windows.net; signs in with Entra
    ///
    /// As the managed identity if there is one, otherwise with the sign-in of `az` or `azd`.
    /// Needs the role "Azure Service Bus Data Owner", or Sender and Receiver.
    #[arg(long, value_name = "HOST", conflicts_with = "connection_string", verbatim_doc_comment)]
    pub namespace: Option<String>,

    /// A connection string, for the local world and for Microsoft's emulator
    #[arg(
        long,
        value_name = "STRING",
        env = "LATCHKEY_SERVICE_BUS_CONNECTION_STRING",
        hide_env_values = true
    )]
    pub connection_string: Option<String>,

    /// An entity: a queue, or TOPIC/Subscriptions/NAME; by default all queues of the app
    #[arg(long, value_name = "ENTITY", action = ArgAction::Append)]
    pub entity: Vec<String>,
}

/// Where the function app is.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Function app")]
pub struct App {
    /// The function app's URL, to read onboardings and to have keys tested
    ///
    /// In Azure its operations API needs a function key: set it in LATCHKEY_FUNCTION_KEY.
    #[arg(long, value_name = "URL", env = "LATCHKEY_URL", verbatim_doc_comment)]
    pub app_url: Option<String>,
}

/// Which dead letters.
#[derive(Debug, Clone, Args, Default)]
#[command(
    next_help_heading = "Which dead letters (all of these must match; with several values for one, any of them)"
)]
pub struct FilterArgs {
    /// From this function
    #[arg(long, value_name = "NAME", action = ArgAction::Append)]
    pub function: Vec<String>,
    /// With this reason
    #[arg(long = "reason", value_name = "REASON", action = ArgAction::Append)]
    pub reason: Vec<String>,
    /// With this fingerprint, or one that begins with it
    #[arg(long, value_name = "HEX", action = ArgAction::Append)]
    pub fingerprint: Vec<String>,
    /// Of this onboarding
    #[arg(long, value_name = "ID", action = ArgAction::Append)]
    pub onboarding: Vec<String>,
    /// Of this tenant: named in the message, or the tenant of its onboarding
    #[arg(long, value_name = "ID", action = ArgAction::Append)]
    pub tenant: Vec<String>,
    /// Of this trace
    #[arg(long, value_name = "HEX", action = ArgAction::Append)]
    pub trace_id: Vec<String>,
    /// With this text in the body, the description or the message id
    #[arg(long, value_name = "TEXT", action = ArgAction::Append)]
    pub text: Vec<String>,
    /// Enqueued longer ago than this: 90s, 15m, 2h, 7d
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub older_than: Option<Duration>,
    /// Enqueued more recently than this
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub newer_than: Option<Duration>,
    /// With this sequence number or a higher one
    #[arg(long, value_name = "N")]
    pub from: Option<i64>,
    /// With this sequence number or a lower one
    #[arg(long, value_name = "N")]
    pub to: Option<i64>,
}

impl FilterArgs {
    /// As the engine takes it, with ages made into times.
    pub fn filter(&self, now: OffsetDateTime) -> Filter {
        Filter {
            functions: self.function.clone(),
            reasons: self.reason.clone(),
            fingerprints: self.fingerprint.clone(),
            onboardings: self.onboarding.clone(),
            tenants: self.tenant.clone(),
            trace_ids: self.trace_id.clone(),
            texts: self.text.clone(),
            enqueued_before: self.older_than.map(|age| now - age),
            enqueued_after: self.newer_than.map(|age| now - age),
            from_sequence: self.from,
            to_sequence: self.to,
        }
    }

    /// Whether nothing is given: then everything is meant.
    pub fn is_empty(&self) -> bool {
        self.filter(OffsetDateTime::UNIX_EPOCH) == Filter::default()
    }
}

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

/// What goes into a plan.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The plan")]
pub struct Planning {
    /// At most N, the oldest first
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Send to this queue or topic instead of the entity that they came from; needs one --entity
    ///
    /// Dead letters of a subscription have no queue to go back to, and what is sent to the topic
    /// reaches all its subscriptions: name the topic only if you mean that.
    #[arg(long, value_name = "ENTITY", verbatim_doc_comment)]
    pub target: Option<String>,
    /// Whether the target has duplicate detection; known for the app's own queues
    #[arg(long, value_name = "ON|OFF", value_enum)]
    pub duplicate_detection: Option<OnOff>,
    /// At most N messages per second
    #[arg(long, value_name = "N", value_parser = rate)]
    pub rate: Option<f64>,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnOff {
    /// It has it.
    On,
    /// It has none.
    Off,
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

/// How a run goes about it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The run")]
pub struct Running {
    /// Messages in flight at a time: at most so many are in doubt after a kill
    ///
    /// With 1 they are sent one by one, in their order.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=2000))]
    pub concurrency: u16,
    /// Replay N first, and the others only if all of these succeed
    #[arg(long, value_name = "N")]
    pub canary: Option<usize>,
    /// Stop if more than this share of what was sent died again, such as 0.1
    #[arg(long, value_name = "RATIO", value_parser = ratio)]
    pub stop_on_failure: Option<f64>,
    /// How long to wait for outcomes at the end, and after the canary; 0s: not at all
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = age)]
    pub outcome_wait: Duration,
    /// Continue although some of the plan's messages are gone
    #[arg(long)]
    pub accept_gone: bool,
    /// The log of the run; by default in the state folder, named after the plan
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Print the report as JSON, with every message
    #[arg(long)]
    pub json: bool,
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

fn age(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a number with a unit: 90s, 15m, 2h, 7d".to_owned();
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    // A hundred years is as good as for ever, and no time on this side of it overflows.
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let total = number.checked_mul(seconds).filter(|total| *total <= 3_153_600_000).ok_or_else(wrong)?;
    Ok(Duration::from_secs(total))
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && (0.001..=1_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("expected messages per second, from 0.001 to 1000000".to_owned()),
    }
}

fn ratio(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err("expected a ratio from 0 to 1, such as 0.1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_rates_and_ratios_are_checked_at_the_door() {
        assert_eq!(age("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(age("7d"), Ok(Duration::from_secs(604_800)));
        for text in ["", "7", "d", "-1d", "1w", "1.5h", "99999999999999999999d", "999999999d"] {
            assert!(age(text).is_err(), "{text}");
        }
        assert_eq!((rate("20"), ratio("0.1")), (Ok(20.0), Ok(0.1)));
        for text in ["0", "-1", "NaN", "inf", "fast"] {
            assert!(rate(text).is_err(), "{text}");
        }
        assert!(ratio("1.1").is_err() && ratio("NaN").is_err());
    }
}
