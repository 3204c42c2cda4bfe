//! The deployed executable: the function app and nothing else.

use std::{process::ExitCode, sync::Arc};

use latchkey_functions::{SystemClock, Unobserved};

#[tokio::main]
async fn main() -> ExitCode {
    custom_handler::logging::init();
    match latchkey_functions::run(Arc::new(Unobserved), Arc::new(SystemClock)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The host takes lines on stderr for errors.
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
