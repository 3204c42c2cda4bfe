//! The commands, one file each.

mod broker;
mod demo;
mod functions;
mod host;
mod sandbox;
mod up;

use latchkey_cli::End;

use crate::args::Command;

/// Runs a command.
///
/// # Errors
///
/// Something failed; the text says what, and what to do about it.
pub async fn run(command: Command) -> anyhow::Result<End> {
    match command {
        Command::Demo(args) => Box::pin(demo::run(args)).await,
        Command::Up(args) => Box::pin(up::run(args)).await,
        Command::Broker(args) => Box::pin(broker::run(args)).await,
        Command::Host(args) => Box::pin(host::run(args)).await,
        Command::Sandbox(args) => Box::pin(sandbox::run(args)).await,
        Command::Functions(args) => functions::run(args).await,
        Command::Operations(command) => Box::pin(latchkey_cli::run(command)).await,
    }
}
