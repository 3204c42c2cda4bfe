//! Log lines on stdout, where the host takes them as information; on stderr it takes every line for an error.

use tracing_subscriber::{EnvFilter, fmt};

/// Begins to write log lines to stdout.
///
/// `LOG_FORMAT=json` writes one JSON object a line, anything else lines for people. `RUST_LOG` chooses what is written
/// (`info` without it). Calling it again changes nothing.
pub fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stdout);
    let json = std::env::var("LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    // Already set: somebody, a test for instance, has chosen otherwise.
    let _ = if json { lines.json().try_init() } else { lines.try_init() };
}
