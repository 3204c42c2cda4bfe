//! Lets the handler process kill itself at chosen awaits of steps: what the platform may do at any time.
//!
//! An order is a file with the name of a function, which holds a number. Before each await of a step, and before its
//! answer, the handler process reads it; when it names that one, the process takes the order away and dies. So one local
//! world can be killed at every await of every function, one after the other.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use latchkey_functions::Observer;
use rustix::process::{Signal, getpid, kill_process};

/// Kills this process with SIGKILL when a step reaches what an order names.
#[derive(Debug)]
pub struct KillOnOrder {
    /// The folder that the orders are in.
    pub orders: PathBuf,
}

impl Observer for KillOnOrder {
    fn reached(&self, function: &'static str, nth: u32) {
        let order = self.orders.join(function);
        let named = fs::read_to_string(&order).is_ok_and(|order| order == nth.to_string());
        if !named {
            return;
        }
        // Of two steps that reach it at once only one can take the order away.
        match fs::rename(&order, order.with_extension("done")) {
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
pub fn order(orders: &Path, function: &str, nth: u32) -> io::Result<()> {
    fs::create_dir_all(orders)?;
    let order = orders.join(function);
    // Written beside it first: a handler must never read half an order.
    let beside = order.with_extension("new");
    fs::write(&beside, nth.to_string())?;
    fs::rename(beside, order)
}

/// Takes an order back. Answers whether it had not been carried out yet.
///
/// # Errors
/// When the file cannot be removed.
pub fn take_back(orders: &Path, function: &str) -> io::Result<bool> {
    match fs::remove_file(orders.join(function)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_function_another_await_and_no_order_kill_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let orders = folder.path().join("kills");
        let kill = KillOnOrder { orders: orders.clone() };
        kill.reached("key_shared", 1);
        order(&orders, "key_shared", 2).unwrap();
        kill.reached("sweep", 2);
        kill.reached("key_shared", 1);
        assert!(take_back(&orders, "key_shared").unwrap(), "it was not carried out");
        assert!(!take_back(&orders, "key_shared").unwrap());
    }
}
