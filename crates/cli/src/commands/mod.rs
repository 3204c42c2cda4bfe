//! The commands, one file each.

mod broker;
pub mod dead_letters;
mod demo;
mod functions;
mod host;
mod interrupts;
mod sandbox;
mod up;

use std::process::ExitCode;

use crate::args::Command;

/// How a command ended that did not break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As it should.
    Well,
    /// The story did not end as it should, or not in time.
    Badly,
    /// Somebody pressed Ctrl-C.
    Interrupted,
    /// In a way of the command's own; its `--help` says what the code means.
    Status(u8),
}

impl From<End> for ExitCode {
    fn from(end: End) -> Self {
        match end {
            End::Well => Self::SUCCESS,
            End::Badly => Self::from(3),
            // 128 and the number of SIGINT, as shells have it.
            End::Interrupted => Self::from(130),
            End::Status(code) => Self::from(code),
        }
    }
}

/// Runs a command.
///
/// # Errors
///
/// Something broke; the text says what, and what to do about it.
pub async fn run(command: Command) -> anyhow::Result<End> {
    match command {
        Command::Demo(args) => Box::pin(demo::run(args)).await,
        Command::Up(args) => Box::pin(up::run(args)).await,
        Command::Broker(args) => Box::pin(broker::run(args)).await,
        Command::Host(args) => Box::pin(host::run(args)).await,
        Command::DeadLetters { command } => Box::pin(dead_letters::run(*command)).await,
        Command::Sandbox(args) => Box::pin(sandbox::run(args)).await,
        Command::Functions(args) => functions::run(args).await,
    }
}
