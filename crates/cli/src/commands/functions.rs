//! `latchkey functions`: plays the function app's handler process.

use std::sync::Arc;

use latchkey_functions::{Moments, Unobserved};

use super::End;
use crate::args::FunctionsArgs;
use crate::crash::KillOnce;

pub(super) async fn run(args: FunctionsArgs) -> anyhow::Result<End> {
    custom_handler::logging::init();
    let moments: Arc<dyn Moments> = match (args.crash_at, args.crash_marker) {
        (Some(at), Some(marker)) => Arc::new(KillOnce { at, marker }),
        _ => Arc::new(Unobserved),
    };
    latchkey_functions::run(moments).await?;
    Ok(End::Well)
}
