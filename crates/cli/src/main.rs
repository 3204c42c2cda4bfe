//! `latchkey`: reads the command line and runs one command.

use std::process::ExitCode;

use clap::Parser;
use latchkey_cli::Command;

/// Looks after Latchkey where it runs: on Azure, or on this machine.
///
/// Latchkey takes a customer from a marketplace sign-up to managed disks that are encrypted under a key
/// that only the customer holds. It is an Azure Functions app; this is the tool of whoever operates it.
#[derive(Debug, Parser)]
#[command(name = "latchkey", version, after_help = EXIT_CODES, verbatim_doc_comment)]
struct Cli {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    success
  1    something failed; stderr says what, and what to do
  2    the command line is wrong
  130  interrupted by Ctrl-C
Each command's --help lists its own.";

#[tokio::main]
async fn main() -> ExitCode {
    match latchkey_cli::run(Cli::parse().command).await {
        Ok(end) => end.into(),
        Err(error) => {
            eprintln!("latchkey: {error:#}");
            ExitCode::FAILURE
        }
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
}
