//! Asks before something is changed.

use std::io::{BufRead as _, IsTerminal as _, Write as _, stderr, stdin};

/// Asks on the terminal, unless `--yes` was given.
///
/// # Errors
/// Why nothing is to be changed.
pub(crate) fn confirmed(yes: bool, question: &str) -> Result<(), String> {
    if yes {
        return Ok(());
    }
    if !(stdin().is_terminal() && stderr().is_terminal()) {
        return Err(format!("{question} There is no terminal to ask on: use --yes. Nothing was changed."));
    }
    eprint!("{question} [y/N] ");
    let _ = stderr().flush();
    let mut answer = String::new();
    let read = stdin().lock().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err("not confirmed; nothing was changed".to_owned())
}
