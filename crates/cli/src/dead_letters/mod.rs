//! `latchkey dead-letters`: what ops people do with what died.
//!
//! Thin: the engine is the crate `dead-letters`; here are the words, the questions, and the function app.

mod answer;
pub mod args;
mod connect;
mod discard;
mod failure;
mod files;
mod list;
mod operations;
mod plan;
mod progress;
mod replay;
mod show;

use args::DeadLettersCommand;

use crate::End;

/// Runs one of the commands. An error is told here, because its exit code says more than that something broke.
pub(crate) async fn run(command: DeadLettersCommand) -> anyhow::Result<End> {
    let ended = match command {
        DeadLettersCommand::List(args) => Box::pin(list::run(args)).await,
        DeadLettersCommand::Show(args) => Box::pin(show::run(args)).await,
        DeadLettersCommand::Plan(args) => Box::pin(plan::run(args)).await,
        DeadLettersCommand::Replay(args) => Box::pin(replay::run(args)).await,
        DeadLettersCommand::Discard(args) => Box::pin(discard::run(args)).await,
        DeadLettersCommand::Export(args) => Box::pin(files::export(args)).await,
        DeadLettersCommand::Import(args) => Box::pin(files::import(args)).await,
    };
    Ok(ended.unwrap_or_else(|error| {
        eprintln!("latchkey: {}", answer::one_line(&error));
        End::Status(failure::code(&error))
    }))
}
