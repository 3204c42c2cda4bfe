//! The operator's commands, and how one ends.

use std::process::ExitCode;

use clap::Subcommand;

use crate::dead_letters::{
    self,
    args::{DeadLettersCommand, EXIT_CODES},
};

/// What an operator can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Dead letters: list, show, plan, replay, discard, export, import
    ///
    /// A message that a function refused, or could not complete in time, is kept among the dead letters
    /// of its queue. These commands work with the local world, with Microsoft's emulator, and with a
    /// namespace in Azure. Commands that change something ask first, or need --yes, and record who did
    /// what, when and why.
    ///
    ///   . .latchkey/env
    ///   latchkey dead-letters list
    ///   latchkey dead-letters plan --reason DeadlineExceeded > plan.json
    ///   latchkey dead-letters replay --plan plan.json --canary 1
    #[command(verbatim_doc_comment, after_help = EXIT_CODES)]
    DeadLetters {
        /// What to do with them.
        #[command(subcommand)]
        command: Box<DeadLettersCommand>,
    },
}

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As it should.
    Well,
    /// Somebody pressed Ctrl-C.
    Interrupted,
    /// In a way of the command's own; its `--help` says what the code means.
    Status(u8),
}

impl From<End> for ExitCode {
    fn from(end: End) -> Self {
        match end {
            End::Well => Self::SUCCESS,
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
/// Something failed; the text says what, and what to do about it.
pub async fn run(command: Command) -> anyhow::Result<End> {
    match command {
        Command::DeadLetters { command } => Box::pin(dead_letters::run(*command)).await,
    }
}
