//! `latchkey`: reads the command line and runs one command.

use std::process::ExitCode;

use clap::Parser;
use latchkey_cli::args::Cli;
use latchkey_cli::commands;

#[tokio::main]
async fn main() -> ExitCode {
    match commands::run(Cli::parse().command).await {
        Ok(end) => end.into(),
        Err(error) => {
            eprintln!("latchkey: {error:#}");
            ExitCode::FAILURE
        }
    }
}
