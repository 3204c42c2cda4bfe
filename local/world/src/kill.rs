//! Lets the handler process kill itself at a chosen await of a step: what the platform may do at any time.
//!
//! An order is a file that holds `FUNCTION:N`. Before each await of a step, and before its answer, the handler process
//! reads it; when it names that one, the process takes the order away and dies. So one local world can be killed at every
//! await of every function, one after the other.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use latchkey_functions::Observer;
use rustix::process::{Signal, getpid, kill_process};

/// Kills this process with SIGKILL when a step reaches what the order names.
#[derive(Debug)]
pub struct KillOnOrder {
    /// The file that the order is in.
    pub order: PathBuf,
}

impl Observer for KillOnOrder {
    fn reached(&self, function: &'static str, nth: u32) {
        let named = fs::read_to_string(&self.order).is_ok_and(|order| order == text_of(function, nth));
        if !named {
            return;
        }
        // Of two steps that reach it at once only one can take the order away.
        match fs::rename(&self.order, carried_out(&self.order)) {
            Ok(()) => {
                // Whether this succeeds shows by itself: nothing runs after it.
                let _ = kill_process(getpid(), Signal::KILL);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::error!(%error, "the order to die was not carried out"),
        }
    }
}

/// Orders the handler process to die when this function's step is suspended for the n-th time.
///
/// # Errors
/// When the file cannot be written.
pub fn order(file: &Path, function: &str, nth: u32) -> io::Result<()> {
    // Written beside it first: a handler must never read half an order.
    let beside = file.with_extension("new");
    fs::write(&beside, text_of(function, nth))?;
    fs::rename(beside, file)
}

/// Whether an order has not been carried out yet.
#[must_use]
pub fn is_pending(file: &Path) -> bool {
    file.exists()
}

/// Takes an order back. Answers whether it had not been carried out yet.
///
/// # Errors
/// When the file cannot be removed.
pub fn take_back(file: &Path) -> io::Result<bool> {
    match fs::remove_file(file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn text_of(function: &str, nth: u32) -> String {
    format!("{function}:{nth}")
}

fn carried_out(order: &Path) -> PathBuf {
    order.with_extension("done")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_function_another_await_and_no_order_kill_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kill");
        let kill = KillOnOrder { order: file.clone() };
        kill.reached("key_shared", 1);
        assert!(!is_pending(&file));
        order(&file, "key_shared", 2).unwrap();
        assert!(is_pending(&file));
        kill.reached("sweep", 2);
        kill.reached("key_shared", 1);
        assert!(take_back(&file).unwrap(), "it was not carried out");
        assert!(!take_back(&file).unwrap());
    }
}
