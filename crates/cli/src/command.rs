//! The operator's commands.

use clap::Subcommand;

use crate::{
    dead_letters::{
        self,
        args::{DeadLettersCommand, EXIT_CODES},
    },
    drill::{self, DrillCommand},
    end::End,
    onboardings::{self, OnboardingsCommand},
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

    /// Onboardings: what each waits for, its history, its key, its links, its freeze
    ///
    /// Asks the function app for its onboardings: what each waits for and on whom, its whole history,
    /// whether that history holds together, and whether the customer's key works now. Continues one
    /// where it stands, issues and withdraws links to its page, replaces its key, and freezes it.
    ///
    ///   . .latchkey/env
    ///   latchkey onboardings list
    ///   latchkey onboardings verify 5d4c9a0e-72f3-4c1d-8b6a-0e3f51c29d87
    #[command(verbatim_doc_comment, after_help = onboardings::EXIT_CODES)]
    Onboardings {
        /// What to ask.
        #[command(subcommand)]
        command: OnboardingsCommand,
    },

    /// Drills: rehearse a revocation
    ///
    ///   latchkey onboardings mark-test 5d4c9a0e-72f3-4c1d-8b6a-0e3f51c29d87
    ///   latchkey drill revoke --onboarding 5d4c9a0e-72f3-4c1d-8b6a-0e3f51c29d87
    #[command(verbatim_doc_comment, after_help = drill::EXIT_CODES)]
    Drill {
        /// What to rehearse.
        #[command(subcommand)]
        command: DrillCommand,
    },
}

/// Runs a command.
///
/// # Errors
///
/// Something failed; the text says what, and what to do about it.
pub async fn run(command: Command) -> anyhow::Result<End> {
    match command {
        Command::DeadLetters { command } => Box::pin(dead_letters::run(*command)).await,
        Command::Onboardings { command } => Box::pin(onboardings::run(command)).await,
        Command::Drill { command } => Box::pin(drill::run(command)).await,
    }
}
