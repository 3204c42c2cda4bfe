//! The handler's stdout and stderr, line by line, with the levels that the real host gives them.
//!
//! azure-functions-host, `WorkerProcess.cs`, `WorkerProcessUtilities.cs`, `WorkerConsoleLogService.cs`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use crate::event::{CONSOLE, Observer, OutputLevel};

/// The last lines of stderr: they become part of the error when the process dies.
#[derive(Clone, Default)]
pub(super) struct LastErrors(Arc<Mutex<VecDeque<String>>>);

impl LastErrors {
    const KEPT: usize = 3;

    fn push(&self, line: &str) {
        let mut lines = self.0.lock().expect("nobody panics while holding these lines");
        if lines.len() == Self::KEPT {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    pub(super) fn joined(&self) -> String {
        let lines = self.0.lock().expect("nobody panics while holding these lines");
        lines.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// Reports every line of stdout at level Information until the stream ends.
pub(super) async fn report_stdout(stream: impl AsyncRead + Unpin, observer: Observer) {
    each_line(stream, |line| {
        observer.line_of(CONSOLE, OutputLevel::Information, without_system_prefix(line))
    })
    .await;
}

/// Reports every line of stderr until the stream ends, and remembers the last ones.
pub(super) async fn report_stderr(
    stream: impl AsyncRead + Unpin,
    observer: Observer,
    errors_only: bool,
    last: LastErrors,
) {
    each_line(stream, |line| {
        let level = stderr_level(line, errors_only);
        if level == OutputLevel::Error {
            last.push(line);
        }
        observer.line_of(CONSOLE, level, shown(line));
    })
    .await;
}

async fn each_line(stream: impl AsyncRead + Unpin, mut report: impl FnMut(&str)) {
    let mut reader = BufReader::new(stream);
    let mut bytes = Vec::new();
    // A stream that cannot be read any more has ended; the exit of the process is seen elsewhere.
    while let Ok(1..) = reader.read_until(b'\n', &mut bytes).await {
        let line = String::from_utf8_lossy(&bytes);
        report(line.trim_end_matches(['\n', '\r']));
        bytes.clear();
    }
}

/// `useStdErrorStreamForErrorsOnly` is true for custom handlers unless host.json says otherwise.
fn stderr_level(line: &str, errors_only: bool) -> OutputLevel {
    let line = line.to_ascii_lowercase();
    let any = |words: &[&str]| words.iter().any(|word| line.contains(word));
    if any(&["warn"]) {
        OutputLevel::Warning
    } else if errors_only || any(&["error", "fail", "severe", "unhandled exception"]) {
        OutputLevel::Error
    } else {
        OutputLevel::Information
    }
}

/// What newer hosts put in the place of a runtime's own words for a port that is taken (`HttpWorkerProcess.cs`).
fn shown(line: &str) -> &str {
    let lower = line.to_ascii_lowercase();
    if lower.contains("address already in use") || lower.contains("eaddrinuse") {
        return "Port is already in use. Process cannot start.";
    }
    without_system_prefix(line)
}

/// Lines that start so go to the platform's own log, without this word.
fn without_system_prefix(line: &str) -> &str {
    const PREFIX: &str = "LanguageWorkerConsoleLog";
    match line.get(..PREFIX.len()) {
        Some(start) if start.eq_ignore_ascii_case(PREFIX) => &line[PREFIX.len()..],
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::log_levels::LogLevels;
    use crate::event::HostEvent;

    #[test]
    fn lines_of_stderr_have_the_real_levels() {
        use OutputLevel::{Error, Information, Warning};
        let check =
            |line, errors_only, expected| assert_eq!(stderr_level(line, errors_only), expected, "{line}");
        check("started", true, Error);
        check("a WARNing", true, Warning);
        check("started", false, Information);
        check("it Failed", false, Error);
        check("Unhandled Exception: x", false, Error);
        check("an error and a warning", false, Warning);
    }

    #[tokio::test]
    async fn every_line_is_reported_and_the_last_three_errors_are_kept() {
        let (sender, mut events) = tokio::sync::mpsc::unbounded_channel();
        let last = LastErrors::default();
        let text =
            b"Error: listen EADDRINUSE\none\r\ntwo\nlanguageworkerconsolelogthree\nwarn\n\xffour" as &[u8];
        report_stderr(text, Observer::new(Some(sender), LogLevels::default()), true, last.clone()).await;
        let mut lines = Vec::new();
        while let Ok(HostEvent::Output { line, .. }) = events.try_recv() {
            lines.push(line);
        }
        assert_eq!(lines.remove(0), "Port is already in use. Process cannot start.");
        assert_eq!(lines, ["one", "two", "three", "warn", "\u{fffd}our"]);
        assert_eq!(last.joined(), "two, languageworkerconsolelogthree, \u{fffd}our");
    }
}
