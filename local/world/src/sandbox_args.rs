//! The command line of `latchkey sandbox`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use url::Url;

pub(crate) const SANDBOX_AFTER_HELP: &str = "\
Exit codes:
  0    stopped by Ctrl-C
  1    something failed; stderr says what, and what to do
  2    the command line is wrong
  else the exit code of the program (exec)";

/// What `latchkey sandbox` takes.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SandboxArgs {
    /// What to do instead of running it
    #[command(subcommand)]
    pub command: Option<SandboxCommand>,

    /// Where the state is kept; it survives a restart, and a killed process. `cargo latchkey up`
    /// and this command can take turns in one DIR
    #[arg(long, value_name = "DIR", default_value = ".sandbox", verbatim_doc_comment)]
    pub dir: PathBuf,

    /// Write every exchange to FILE as HAR 1.2 when it stops, without its secrets
    #[arg(long, value_name = "FILE")]
    pub har: Option<PathBuf>,

    /// Make calls fail as the script in FILE says (docs/sandbox-faults.md); how often each fault
    /// was used is printed at the end
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    pub faults: Option<PathBuf>,

    /// Its own address: the page, the control API, the managed identity endpoint. Loopback only;
    /// port 0 uses the previous port, or any free one
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:0",
        value_parser = loopback,
        verbatim_doc_comment
    )]
    pub listen: SocketAddr,

    /// How long consents, credentials and role assignments take to take effect
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    pub spreading: Duration,

    /// How env and exec point programs at it. With local, az has to be set up once:
    ///   az cloud register -n sandbox --skip-endpoint-discovery \
    ///     --cloud-config @$SANDBOX_CLOUD
    ///   az cloud set -n sandbox
    /// and Azure's SDKs take SANDBOX_LOGIN_URL, SANDBOX_MANAGEMENT_URL and so on from env, with
    /// instance discovery off. The same data is behind both
    #[arg(long, value_enum, default_value_t = Profile::Public, verbatim_doc_comment)]
    pub profile: Profile,

    /// One JSON line when it is up and one when it has stopped, and nothing else on stdout
    #[arg(long)]
    pub json: bool,
}

/// Under which names programs reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// Under Azure's real names, through the proxy
    Public,
    /// Under names below localhost at one port, without the proxy
    Local,
}

/// What can be done besides running it.
#[derive(Debug, Subcommand)]
pub enum SandboxCommand {
    /// Run a program in the environment of a running sandbox, and exit with its exit code
    ///
    /// The program reaches Azure's real names, and nothing else, through the sandbox's proxy, and has
    /// an AZURE_CONFIG_DIR of its own: your real az login is neither seen nor touched.
    ///
    ///   cargo latchkey sandbox exec -- az group list
    #[command(verbatim_doc_comment, next_line_help = true)]
    Exec(ExecArgs),

    /// Print where each behaviour of the simulation comes from, and which test shows it
    ///
    /// recorded: seen in traffic of the real Azure; specified: in Microsoft's API descriptions;
    /// documented: in Microsoft's documentation; reported: by users; our guess: none of these.
    #[command(verbatim_doc_comment, next_line_help = true)]
    Evidence(EvidenceArgs),

    /// Make in a running sandbox what Latchkey stands on, as infra/ and `latchkey setup` make it
    ///
    /// For Latchkey as it is deployed, each part a process of its own: application, managed
    /// identity, roles, the Service Bus namespace, the offer in the marketplace, and the
    /// containers of the blob store, which has to run by then. DIR then holds
    ///
    ///   app.env      the app settings of a deployment, for `latchkey host`
    ///   broker.env   for `latchkey broker`, which asks Entra and Resource Manager
    ///   Config.json  the queues and topics
    ///
    /// and the command lines are printed. A second run changes nothing that is right, and keeps the
    /// key that signs links. docs/operate/try-a-package.md shows
    /// all of it.
    #[command(verbatim_doc_comment, next_line_help = true)]
    Prepare(Box<PrepareArgs>),
}

/// What `latchkey sandbox exec` takes.
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// Where the sandbox runs
    #[arg(long, value_name = "DIR", default_value = ".sandbox")]
    pub dir: PathBuf,

    /// The program and its arguments
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<std::ffi::OsString>,
}

/// What `latchkey sandbox prepare` takes.
#[derive(Debug, Args)]
pub struct PrepareArgs {
    /// Where the sandbox runs
    #[arg(long, value_name = "DIR", default_value = ".sandbox")]
    pub dir: PathBuf,

    /// Where customers will reach the function app
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7071")]
    pub url: Url,

    /// Where the broker will listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5671", value_parser = loopback)]
    pub service_bus: SocketAddr,

    /// The storage account in the blob store
    #[arg(long, value_name = "URL", default_value = "https://127.0.0.1:10000/latchkeystore")]
    pub blobs: Url,

    /// Take what `az` deployed from infra/ to this resource group, instead of making it
    #[arg(long, value_name = "RESOURCE-GROUP")]
    pub deployed: Option<String>,

    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// What `latchkey sandbox evidence` takes.
#[derive(Debug, Args)]
pub struct EvidenceArgs {
    /// Print one JSON document
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,

    /// Print the page that is kept as docs/sandbox-evidence.md
    #[arg(long)]
    pub markdown: bool,
}

/// The sandbox has no passwords: it must not be reachable from another machine.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "expected an address and a port, such as 127.0.0.1:8080".to_owned())?;
    if address.ip() == std::net::Ipv4Addr::LOCALHOST {
        return Ok(address);
    }
    Err("everything listens on 127.0.0.1 only: the sandbox has no passwords".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 0..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err("expected a whole number of seconds from 0 to 86400".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_loopback_is_listened_on() {
        assert!(loopback("127.0.0.1:8080").is_ok());
        for refused in ["0.0.0.0:80", "192.168.0.1:80", "[::]:80", "localhost:80", "127.0.0.1", ""] {
            assert!(loopback(refused).is_err(), "{refused}");
        }
    }
}
