//! `latchkey functions`: plays the function app's handler process.

use std::sync::Arc;
use std::time::Duration;

use latchkey_cli::End;
use latchkey_functions::{Moments, Unobserved};

use crate::args::FunctionsArgs;
use crate::crash::KillOnce;

pub(super) async fn run(args: FunctionsArgs) -> anyhow::Result<End> {
    custom_handler::logging::init();
    let moments: Arc<dyn Moments> = match (args.crash_at, args.crash_marker) {
        (Some(at), Some(marker)) => Arc::new(KillOnce { at, marker }),
        _ => Arc::new(Unobserved),
    };
    tokio::select! {
        served = latchkey_functions::run(moments) => served.map(|()| End::Well),
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
