//! What is printed: on stdout what was asked for, on stderr what is said about it.

use std::io::{self, Write as _};

use dead_letters::{Outcome, Report, printable};
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Prints text. Whoever closed our stdout does not want to hear more.
pub(super) fn print(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Prints a value as JSON.
pub(super) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&printable::json(value)?);
    Ok(())
}

/// An error with what led to it, each thing once: an error that is shown as its source is would be said twice.
pub(super) fn one_line(error: &anyhow::Error) -> String {
    let mut said: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        if !said.last().is_some_and(|last| last.contains(&cause)) {
            said.push(cause);
        }
    }
    said.join(": ")
}

/// A time to the second.
pub(super) fn moment(at: Option<OffsetDateTime>) -> String {
    let to_the_second = |at: OffsetDateTime| at.replace_nanosecond(0).unwrap_or(at).format(&Rfc3339).ok();
    at.and_then(to_the_second).unwrap_or_else(|| "-".to_owned())
}

/// Text of a message, made harmless for a terminal.
pub(super) fn harmless(text: &str) -> String {
    printable::text(text)
}

/// Text cut to a width.
pub(super) fn cut(text: &str, most: usize) -> String {
    let text = harmless(text);
    if text.chars().count() <= most {
        return text;
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// Columns as wide as what is in them.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let width = |column: usize| {
        let cells = std::iter::once(&head).chain(rows).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    std::iter::once(&head).chain(rows).map(line).collect::<Vec<_>>().join("\n")
}

/// The account of a run, for people.
pub(super) fn account(report: &Report) -> String {
    let counts = report.counts;
    let mut lines = vec![format!("run {}: {} messages planned", report.run, report.planned)];
    let numbers = [
        (counts.succeeded, "succeeded: received and completed, seen neither in the queue nor dead since"),
        (counts.replayed, "replayed; nobody looked what became of them"),
        (counts.waiting, "replayed and still in the queue, or retried there, when we stopped looking"),
        (counts.dead_again, "replayed and dead again"),
        (counts.discarded, "archived and removed"),
        (counts.skipped, "skipped: left where they are"),
        (counts.gone, "gone: removed by somebody else"),
        (counts.unfinished, "begun and not finished; run it again"),
        (counts.left, "not come to; run it again"),
    ];
    lines.extend(
        numbers.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count:>8} {what}")),
    );
    if !report.doubtful.is_empty() {
        lines.push(format!(
            "{:>8} of these may have been sent twice, under the same message id: a run was interrupted between \
             sending and knowing. Duplicate detection drops the second.",
            report.doubtful.len()
        ));
    }
    let telling = report.messages.iter().filter_map(|(id, fate)| match fate {
        Outcome::DeadAgain { again, reason } => {
            Some(format!("  {id}: dead again as {again} ({})", harmless(reason)))
        }
        Outcome::Skipped { why } => Some(format!("  {id}: skipped, {}", harmless(why))),
        Outcome::Gone => Some(format!("  {id}: gone")),
        _ => None,
    });
    let told: Vec<String> = telling.collect();
    let most = 20;
    lines.extend(told.iter().take(most).cloned());
    if told.len() > most {
        lines.push(format!("  and {} more; --json tells each", told.len() - most));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = vec![vec!["a".to_owned(), "bbb".to_owned()], vec!["cccc".to_owned(), "d".to_owned()]];
        assert_eq!(table(&["x", "y"], &rows), "x     y\na     bbb\ncccc  d");
    }

    #[test]
    fn a_message_cannot_write_on_the_terminal() {
        assert_eq!(cut("a\u{1b}[31mred\nnext", 40), "a\u{fffd}[31mred\u{fffd}next");
        assert_eq!(cut("abcdef", 4), "abc…");
    }

    #[test]
    fn an_error_that_is_shown_as_its_source_is_said_once() {
        let source = std::io::Error::other("the disk is full");
        let error = anyhow::Error::new(source).context("writing: the disk is full").context("while saving");
        assert_eq!(one_line(&error), "while saving: writing: the disk is full");
    }
}
