//! How a command ends.

use std::process::ExitCode;

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As it should.
    Well,
    /// Somebody pressed Ctrl-C.
    Interrupted,
    /// In a way of the command's own; its `--help` says what the code means.
    Status(u8),
}

impl From<End> for ExitCode {
    fn from(end: End) -> Self {
        match end {
            End::Well => Self::SUCCESS,
            // 128 and the number of SIGINT, as shells have it.
            End::Interrupted => Self::from(130),
            End::Status(code) => Self::from(code),
        }
    }
}
