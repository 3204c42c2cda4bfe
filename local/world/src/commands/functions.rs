//! `latchkey functions`: plays the function app's handler process.

use std::sync::Arc;
use std::time::Duration;

use latchkey_cli::End;
use latchkey_functions::{Clock, Observer, SystemClock, Unobserved};

use crate::args::FunctionsArgs;
use crate::clock::ClockInFile;
use crate::kill::KillOnOrder;

pub(super) async fn run(args: FunctionsArgs) -> anyhow::Result<End> {
    custom_handler::logging::init();
    let observer: Arc<dyn Observer> = match args.kill_orders {
        Some(orders) => Arc::new(KillOnOrder { orders }),
        None => Arc::new(Unobserved),
    };
    let clock: Arc<dyn Clock> = match args.clock {
        Some(file) => Arc::new(ClockInFile::open(file, args.clock_off_seconds)?),
        None => Arc::new(SystemClock),
    };
    tokio::select! {
        served = latchkey_functions::run(observer, clock) => served.map(|()| End::Well),
        () = orphaned() => anyhow::bail!("the functions host has stopped"),
    }
}

/// Waits until whoever started this process has died: a local world that was killed leaves no handler behind.
///
/// The deployed executable does without this: there the platform ends whole instances.
async fn orphaned() {
    #[cfg(unix)]
    {
        let parent = rustix::process::getppid();
        while rustix::process::getppid() == parent {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
    #[cfg(not(unix))]
    std::future::pending::<()>().await;
}
