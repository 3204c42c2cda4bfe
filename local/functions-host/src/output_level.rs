//! The levels of log lines.

/// The levels of `Microsoft.Extensions.Logging` that a handler's lines can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputLevel {
    /// Lines on stdout, and the `Logs` of an answer.
    Information,
    /// Lines on stderr that contain "warn".
    Warning,
    /// All other lines on stderr, and the host's own failures.
    Error,
}
