//! The account of a run, and errors in one line.

use dead_letters::{Outcome, Report};

use crate::output::harmless;

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

/// The account of a run, for people.
pub(super) fn account(report: &Report) -> String {
    let counts = report.counts;
    let mut lines = vec![format!("run {}: {} messages planned", report.run, report.planned)];
    let numbers = [
        (counts.succeeded, "succeeded: received and completed"),
        (counts.replayed, "replayed; the outcome was not checked"),
        (counts.waiting, "replayed; still in the queue, or being retried, when the wait ended"),
        (counts.dead_again, "replayed; dead-lettered again"),
        (counts.discarded, "archived and removed"),
        (counts.skipped, "skipped; not changed"),
        (counts.gone, "gone; removed by someone else"),
        (counts.unfinished, "not finished; run it again"),
        (counts.left, "not started; run it again"),
    ];
    lines.extend(
        numbers.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count:>8} {what}")),
    );
    if !report.doubtful.is_empty() {
        lines.push(format!(
            "{:>8} of these may have been sent twice, with the same message id: a run was interrupted while \
             sending. Duplicate detection drops the second.",
            report.doubtful.len()
        ));
    }
    let telling = report.messages.iter().filter_map(|(id, fate)| match fate {
        Outcome::DeadAgain { again, reason } => {
            Some(format!("  {id}: dead-lettered again as {again} ({})", harmless(reason)))
        }
        Outcome::Skipped { why } => Some(format!("  {id}: skipped, {}", harmless(why))),
        Outcome::Gone => Some(format!("  {id}: gone")),
        _ => None,
    });
    let told: Vec<String> = telling.collect();
    let most = 20;
    lines.extend(told.iter().take(most).cloned());
    if told.len() > most {
        lines.push(format!("  and {} more; --json lists all", told.len() - most));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_is_shown_as_its_source_is_said_once() {
        let source = std::io::Error::other("the disk is full");
        let error = anyhow::Error::new(source).context("writing: the disk is full").context("while saving");
        assert_eq!(one_line(&error), "while saving: writing: the disk is full");
    }
}
