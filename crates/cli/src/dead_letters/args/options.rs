//! Options that several commands share.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, ValueEnum};
use dead_letters::Filter;
use time::OffsetDateTime;

use super::values::{age, rate, ratio};

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
