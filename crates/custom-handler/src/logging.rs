//! Log lines on stdout: the host takes stdout for information, and every line on stderr for an error.
//! (azure-functions-host, `WorkerProcess.cs`, `useStdErrorStreamForErrorsOnly`.)
//!
//! | variable | meaning |
//! |---|---|
//! | `LOG_FORMAT` | `json` for one JSON object a line; anything else, or none, for text to be read by people |
//! | `RUST_LOG` | which lines, in the syntax of `tracing_subscriber::EnvFilter`; `info` unless set |
//! | `OTEL_…` | whether and where spans and metrics are exported, see [`telemetry`](crate::telemetry) |

use tracing_subscriber::{
    EnvFilter, Layer as _, Registry, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{lines::BriefFields, otlp, otlp_metrics, panics};

/// One listener to spans and events.
type BoxLayer = Box<dyn tracing_subscriber::Layer<Registry> + Send + Sync>;

/// Writes log lines to stdout from now on, those of panics included, and exports spans if the environment says so. Does
/// nothing if the process has a subscriber already. [`Functions::serve`](crate::Functions::serve) calls it; call it first to see what happens before.
pub fn init() {
    panics::install_hook();
    if tracing::dispatcher::has_been_set() {
        return;
    }
    let mut layers = vec![lines(std::env::var("LOG_FORMAT").as_deref() == Ok("json"))];
    let exported = otlp::layer().map(|layer| layers.extend(layer.map(|layer| layer.boxed())));
    // Another thread may have been first in between: then its subscriber is as good.
    drop(Registry::default().with(layers).try_init());
    if let Err(problem) = exported {
        tracing::error!("spans are not exported: {problem}");
    }
    if let Err(problem) = otlp_metrics::start() {
        tracing::error!("metrics are not exported: {problem}");
    }
}

fn lines(as_json: bool) -> BoxLayer {
    let filter = EnvFilter::builder()
        .with_default_directive(tracing::level_filters::LevelFilter::INFO.into())
        .from_env_lossy();
    let lines = tracing_subscriber::fmt::layer().with_ansi(false);
    if as_json {
        lines.json().with_span_list(false).with_filter(filter).boxed()
    } else {
        lines.with_target(false).fmt_fields(BriefFields).with_filter(filter).boxed()
    }
}
