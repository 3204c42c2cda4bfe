//! `latchkey`: reads the command line and runs one command.

use std::process::ExitCode;

use clap::Parser;
use local_world::args::Cli;
use local_world::commands;

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
