//! The command line. `--help` is the manual: it has to teach.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::sandbox_args::SANDBOX_AFTER_HELP;
pub use crate::sandbox_args::{EvidenceArgs, ExecArgs, PrepareArgs, Profile, SandboxArgs, SandboxCommand};
use crate::scenarios::{self, Scenario};

const EXIT_CODES: &str = "\
Exit codes:
  0    success
  1    something failed; stderr says what, and what to do
  2    the command line is wrong
  3    the demo did not reach its end, or not in time
  130  interrupted by Ctrl-C";

/// Takes a customer from a marketplace sign-up to managed disks encrypted under a key that only
/// the customer holds.
///
/// Latchkey is an Azure Functions app. Everything it talks to in Azure also runs on this machine,
/// simulated, over the real wires and under the real names: Entra, Graph, Resource Manager, Key
/// Vault, the marketplace, Service Bus, and the Functions host. Nothing else has to be installed,
/// and everything listens on 127.0.0.1 only.
///
/// Begin with `cargo latchkey demo`. Then play the customer yourself with `cargo latchkey up`.
#[derive(Debug, Parser)]
#[command(name = "latchkey-local", bin_name = "cargo latchkey", version, after_help = EXIT_CODES, verbatim_doc_comment)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take one vendor and one customer through the whole onboarding, live
    ///
    /// Brings up a local world on free ports, and in it:
    ///
    ///   1. the vendor sets up once: application, managed identity, roles, a disk;
    ///   2. the customer buys in the marketplace and lands on an onboarding page;
    ///   3. an administrator of the customer consents in Entra; Latchkey proves it by getting a token
    ///      of its own in that tenant;
    ///   4. the customer creates a vault and a key, grants access to it and submits its URL; Latchkey
    ///      tests the key;
    ///   5. Latchkey creates a disk encryption set, encrypts the disk with it and reads it back;
    ///   6. only then does it activate the subscription.
    ///
    /// Consents and role assignments take a second or two to take effect, as they take minutes in
    /// Azure. `retry` and `waiting` are not failures: nothing runs while Latchkey waits.
    ///
    /// Succeeds only if the disk, read back from Azure Resource Manager, is
    /// `EncryptionAtRestWithCustomerKey` under that set, and the marketplace says that the
    /// subscription is `Subscribed`.
    #[command(verbatim_doc_comment, next_line_help = true, after_help = EXIT_CODES)]
    Demo(DemoArgs),

    /// Start the local world and keep it running, to play the customer yourself
    ///
    /// The vendor is set up, has a disk, and a customer has bought: open the landing page that is
    /// printed, and play the customer in a browser or with curl. Type `key` and press Enter to create
    /// a key as the customer's administrator and grant access to it; type `buy` to buy again; type
    /// `clock +1d` to let a day pass in seconds, with everything that comes due in it.
    ///
    /// DIR/env points another shell at the simulated Azure, where `az` and Azure's SDKs then work under
    /// the real names:
    ///
    ///   . .latchkey/env
    ///   curl https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration
    ///
    /// Never sign in to it with a real account. The state in DIR survives a restart; the same ports are
    /// used again if they are free.
    #[command(verbatim_doc_comment, next_line_help = true, after_help = EXIT_CODES)]
    Up(UpArgs),

    /// Run only the Service Bus, for anyone who needs one without Docker
    ///
    /// Microsoft's SDKs work against it with the connection string that is printed, as they do against
    /// Microsoft's Service Bus emulator. FILE has the format of that emulator's Config.json, so that
    /// one file serves both:
    ///
    ///   {"UserConfig": {"Namespaces": [{"Name": "local",
    ///     "Queues": [{"Name": "orders", "Properties": {"MaxDeliveryCount": 3, "LockDuration": "PT30S"}}],
    ///     "Topics": [{"Name": "events", "Subscriptions": [{"Name": "all"}]}]}]}}
    ///
    /// Queues may set LockDuration, MaxDeliveryCount, DefaultMessageTimeToLive,
    /// DeadLetteringOnMessageExpiration, RequiresSession, RequiresDuplicateDetection,
    /// DuplicateDetectionHistoryTimeWindow, ForwardTo, ForwardDeadLetteredMessagesTo; subscriptions the
    /// same but duplicate detection, which is their topic's, and Rules with correlation filters, 1=1
    /// or 1=0. What is left out has Azure's defaults. What is unknown or invalid is rejected with its
    /// path.
    ///
    /// With --state everything acknowledged survives if this process is killed at any moment. If FILE no
    /// longer has an entity that still holds messages there, the broker does not start and names it;
    /// nothing is deleted. If the state cannot be written, the broker ends.
    ///
    /// It listens on 127.0.0.1 only, without TLS unless --tls-certificate names a certificate; a sandbox
    /// (`latchkey sandbox --dir DIR`) leaves one in DIR. What it does not have: SQL filters but 1=1 and
    /// 1=0, actions of rules, transactions, batch deletion, sessions that receivers share, AMQP over web
    /// sockets, and the administration client: FILE is read once.
    #[command(verbatim_doc_comment, next_line_help = true, after_help = EXIT_CODES)]
    Broker(BrokerArgs),

    /// Run any Functions app whose handler speaks HTTP: your own, in any language
    ///
    /// Acts as the Azure Functions host for the app in DIR: reads its host.json, a function.json for
    /// each function, and local.settings.json; starts the custom handler that host.json names, and feeds it
    /// HTTP, Service Bus, timer and Event Grid invocations in the wire format of Microsoft's host. It
    /// restarts, times out and kills the handler as that host does, so that what works here works there.
    ///
    ///   cargo latchkey host --script-root my-app
    ///   curl http://127.0.0.1:7071/api/hello
    ///
    /// A function without an HTTP trigger can be run by hand, with a text as its message:
    ///
    ///   curl -d '{"input": "hello"}' http://127.0.0.1:7071/admin/functions/NAME
    ///
    /// Invocations are sent in chunks, as Azure sends them; where FUNCTIONS_CORETOOLS_ENVIRONMENT is set
    /// they have a Content-Length, as with Core Tools. A handler has to accept both.
    ///
    /// Variables of this shell override local.settings.json, as with Core Tools. The handler's output is
    /// shown as it comes, with its level: stdout is info; stderr is an error, or a warning if it says
    /// "warn". Ctrl-C stops: what runs has ten seconds, then the handler is killed. As in Azure, the
    /// message of a call that ends meanwhile goes back to its queue even if the call succeeded, and a
    /// longer call leaves its message locked. Where Azure does what a handler's author may not expect, a
    /// line warns.
    #[command(verbatim_doc_comment, next_line_help = true, after_help = EXIT_CODES)]
    Host(HostArgs),

    /// Run only the simulated Azure, for az, Azure's SDKs and your own tests
    ///
    /// Starts Entra, Graph, Resource Manager, Key Vault, the marketplace, Event Grid and the managed
    /// identity endpoint of a simulated Azure, with two organisations in it, and runs them until
    /// Ctrl-C. Clients keep Azure's real names; they get here through a proxy and trust a certificate
    /// that is created for this run, is valid for seven days and is installed nowhere. Everything
    /// listens on 127.0.0.1, and nothing leaves this machine.
    ///
    ///   cargo latchkey sandbox --dir .sandbox
    ///   cargo latchkey sandbox exec --dir .sandbox -- az login --service-principal ...
    ///   . .sandbox/env                       # or for a whole shell
    ///
    /// USE NO REAL ACCOUNT, SECRET OR KEY IN IT. Whoever can reach 127.0.0.1 can read and change
    /// everything in it, and people sign in as any of its users without a password.
    ///
    /// Its own address, printed at the start, shows all of it as a page, and has a control API for
    /// programs: tenants, clock, faults, events, purchases. GET /control lists the calls.
    #[command(verbatim_doc_comment, next_line_help = true, after_help = SANDBOX_AFTER_HELP)]
    Sandbox(SandboxArgs),

    /// Run as the function app's handler process (the functions host starts it)
    ///
    /// Serves the functions on FUNCTIONS_CUSTOMHANDLER_PORT until it is stopped. The functions host
    /// starts it with the app's settings in its environment; if you start it by hand it says which of
    /// them are missing. The deployed app is another executable, `latchkey-functions`, which does the same
    /// and nothing else.
    #[command(verbatim_doc_comment, next_line_help = true, after_help = EXIT_CODES)]
    Functions(FunctionsArgs),

    /// What an operator can do, here as on Azure.
    #[command(flatten)]
    Operations(latchkey_cli::Command),
}

/// What `latchkey demo` takes.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Print one JSON document at the end, and nothing else on stdout
    #[arg(long)]
    pub json: bool,

    /// Play this story from the life of a key instead; --list names them
    ///
    /// Hours pass in seconds, by a clock that is moved for the whole local world at once. It
    /// succeeds only if its end was read back from the simulated Azure.
    #[arg(long, value_name = "NAME", value_parser = scenario, verbatim_doc_comment)]
    pub scenario: Option<Scenario>,

    /// Play every scenario, each in a fresh world
    #[arg(long, conflicts_with_all = ["scenario", "har", "keep"])]
    pub all: bool,

    /// Print the names of the scenarios and what happens in them
    #[arg(long, conflicts_with_all = ["scenario", "all", "har", "keep"])]
    pub list: bool,

    /// Write every exchange with the simulated Azure to FILE as HAR 1.2, without its secrets
    #[arg(long, value_name = "FILE")]
    pub har: Option<PathBuf>,

    /// Keep the state in DIR, empty or new; `cargo latchkey up --dir DIR` continues from there
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,

    /// Give up after this many seconds, for each scenario, and say what was missing
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = seconds)]
    pub timeout: Duration,
}

/// What `latchkey up` takes.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Where the state is kept
    #[arg(long, value_name = "DIR", default_value = ".latchkey")]
    pub dir: PathBuf,

    /// Run everything in the shape that infra/ deploys
    ///
    /// Service Bus listens by TLS and takes no keys; the journal is in a blob store,
    /// Microsoft's Azurite; all of it by the managed identity and its roles, with the app
    /// settings of a deployment. Needs Node.js and `npm install azurite@3.35`.
    /// The clock cannot be moved then.
    #[arg(long, requires = "azurite", verbatim_doc_comment)]
    pub as_deployed: bool,

    /// For --as-deployed: the node_modules folder that azurite is installed in
    #[arg(long, value_name = "FOLDER", env = "LATCHKEY_AZURITE")]
    pub azurite: Option<PathBuf>,

    /// For --as-deployed: Node.js
    #[arg(long, value_name = "FILE", env = "LATCHKEY_NODE", default_value = "node")]
    pub node: PathBuf,
}

/// What `latchkey broker` takes.
#[derive(Debug, Args)]
pub struct BrokerArgs {
    /// The queues, topics and subscriptions, in the format of Microsoft's emulator's Config.json
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,

    /// The port to listen on; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value = "5672")]
    pub port: u16,

    /// Keep messages and session states in DIR; without it they are lost at the end
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,

    /// The tier whose largest message is the largest here: standard 256 KB, premium 1 MB
    #[arg(long, value_name = "TIER", default_value_t = Tier::Standard)]
    pub tier: Tier,

    /// The shared access key; without it SAS_KEY_VALUE, as Microsoft's emulator documents it
    #[arg(long, value_name = "KEY", env = "LATCHKEY_BROKER_KEY", hide_env_values = true)]
    pub key: Option<String>,

    /// Listen by TLS with the certificate in FILE, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,

    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,

    /// Verify tokens of Entra, and enforce the data roles at the namespace with this ARM ID
    ///
    /// HTTPS_PROXY leads to a sandbox on this machine, and SSL_CERT_FILE says whom to trust:
    /// its file `env` sets both. AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET are
    /// of an application there that may read the namespace and its role assignments.
    #[arg(long, value_name = "ID", verbatim_doc_comment)]
    pub entra_namespace: Option<String>,

    /// Print one JSON document when it is ready, and nothing else on stdout
    #[arg(long)]
    pub json: bool,
}

/// A tier of Service Bus.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Tier {
    /// Messages of up to 256 KB
    Standard,
    /// Messages of up to 1 MB
    Premium,
}

impl Tier {
    /// The largest message, in bytes (Microsoft Learn, "Service Bus quotas").
    pub fn max_message_size(self) -> usize {
        match self {
            Self::Standard => 256 * 1024,
            Self::Premium => 1024 * 1024,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Standard => "standard",
            Self::Premium => "premium",
        })
    }
}

/// What `latchkey host` takes.
#[derive(Debug, Args)]
pub struct HostArgs {
    /// The app: the folder of host.json, with one folder a function in it
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub script_root: PathBuf,

    /// Where to listen on 127.0.0.1; 0 takes a free port
    ///
    /// Without it LocalHttpPort of local.settings.json counts, or else 7071.
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,

    /// Keep the timers' status in FILE: a run that was missed is made up for at the next start
    #[arg(long, value_name = "FILE")]
    pub timer_status: Option<PathBuf>,

    /// A Service Bus connection string for every `connection` of the app
    ///
    /// Overrides the settings: an app whose settings point at Azure stays on this machine.
    #[arg(long, value_name = "CONNECTION", env = "LATCHKEY_HOST_SERVICE_BUS", hide_env_values = true)]
    pub service_bus: Option<String>,

    /// Print everything that happens as one JSON object per line, and nothing else on stdout
    #[arg(long)]
    pub json: bool,
}

/// What `latchkey functions` takes.
#[derive(Debug, Args)]
pub struct FunctionsArgs {
    /// For tests: die by SIGKILL when a step reaches the await whose number is in FOLDER/FUNCTION
    #[arg(long, value_name = "FOLDER")]
    pub kill_orders: Option<PathBuf>,

    /// The clock of the local world that this is part of, instead of the machine's
    #[arg(long, value_name = "FILE")]
    pub clock: Option<PathBuf>,

    /// For tests: by how much that clock is wrong in this process; negative when it is behind
    #[arg(long, value_name = "SECONDS", requires = "clock", allow_hyphen_values = true, default_value_t = 0)]
    pub clock_off_seconds: i64,
}

fn scenario(name: &str) -> Result<Scenario, String> {
    Scenario::named(name).ok_or_else(|| {
        let names: Vec<_> = scenarios::ALL.iter().map(|scenario| scenario.name).collect();
        format!("expected one of {}", names.join(", "))
    })
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err("expected a whole number of seconds from 1 to 86400".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn demo_and_up_have_their_defaults() {
        let Command::Demo(demo) = Cli::parse_from(["latchkey", "demo"]).command else { panic!("not demo") };
        assert_eq!(
            (demo.json, demo.timeout, demo.har, demo.keep),
            (false, Duration::from_secs(120), None, None)
        );
        let Command::Up(up) = Cli::parse_from(["latchkey", "up"]).command else { panic!("not up") };
        assert_eq!((up.dir, up.as_deployed), (PathBuf::from(".latchkey"), false));
    }

    #[test]
    fn the_shape_that_is_deployed_needs_a_blob_store() {
        let parsed = |arguments: &[&str]| Cli::try_parse_from([&["latchkey", "up"], arguments].concat());
        assert!(parsed(&["--as-deployed", "--azurite", "node_modules"]).is_ok());
        assert!(std::env::var_os("LATCHKEY_AZURITE").is_some() || parsed(&["--as-deployed"]).is_err());
    }

    #[test]
    fn the_host_runs_the_app_in_this_folder_on_the_usual_port() {
        let Command::Host(host) = Cli::parse_from(["latchkey", "host"]).command else { panic!("not host") };
        assert_eq!((host.script_root, host.port, host.json), (PathBuf::from("."), None, false));
    }

    #[test]
    fn a_time_limit_is_a_whole_number_of_seconds_within_a_day() {
        for text in ["0", "-1", "1.5", "soon", "86401"] {
            assert!(seconds(text).is_err(), "{text}");
        }
        assert_eq!(seconds("86400"), Ok(Duration::from_secs(86_400)));
    }
}
