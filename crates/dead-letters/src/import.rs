//! Sends the messages of an archive, from wherever an earlier attempt has come to.

use std::collections::BTreeMap;

use futures::{StreamExt as _, stream};
use service_bus::ServiceBusClient;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::{
    letter::{Letter, LetterId},
    letter_sender::{LetterSender, OutgoingLetter},
    plan::Plan,
    report::{Outcome, Report},
    resend::resend,
    run_error::RunError,
    run_log::{Progress, Record, Replayed, RunLog},
};

/// Messages that are sent together, as far as they fit into one transfer.
const GROUP: usize = 64;
/// Groups under way at a time.
const GROUPS: usize = 4;

/// The word for the log and the audit.
pub const IMPORT: &str = "import";

/// Sends a message for each letter of `plan`, to its target, unless the log says that it was sent. What a killed attempt
/// may have sent goes out again under the same id, and is named in the report.
///
/// # Errors
/// See [`RunError`]. What was sent is in the log; it can go on.
pub async fn import(
    client: &ServiceBusClient,
    plan: &Plan,
    letters: &[Letter],
    log: &RunLog,
    replayed: Replayed,
    now: OffsetDateTime,
) -> Result<Report, RunError> {
    let run = plan.hash().get(..12).unwrap_or(plan.hash());
    let mut progress = replayed.progress;
    if !replayed.finished {
        let (hash, action) = (plan.hash().to_owned(), IMPORT.to_owned());
        log.write(&Record::Started { plan: hash, action, at: now }).await?;
        let mut by_target: BTreeMap<&str, Vec<OutgoingLetter>> = BTreeMap::new();
        for (letter, planned) in letters.iter().zip(&plan.messages) {
            let progress = progress.get(&planned.id).cloned().unwrap_or_default();
            if matches!(progress, Progress::Untouched | Progress::InDoubt) {
                let letter = OutgoingLetter {
                    id: planned.id.clone(),
                    message: resend(letter, planned, run),
                    progress,
                };
                by_target.entry(plan.target_of(&planned.id.entity)).or_default().push(letter);
            }
        }
        for (target, letters) in by_target {
            let sent = send(LetterSender::new(client.sender(target), log), letters).await;
            progress.extend(sent?);
        }
        log.write(&Record::Finished { at: now }).await?;
    }
    let outcome = |id: &LetterId| match progress.get(id) {
        Some(Progress::Skipped(why)) => Outcome::Skipped { why: why.clone() },
        _ => Outcome::Replayed,
    };
    let messages = plan.messages.iter().map(|planned| (planned.id.clone(), outcome(&planned.id))).collect();
    Ok(Report::new(run, plan.hash(), messages, log.doubtful(), true))
}

async fn send(
    sender: LetterSender<'_>,
    letters: Vec<OutgoingLetter>,
) -> Result<Vec<(LetterId, Progress)>, RunError> {
    let mut groups = Vec::new();
    let mut letters = letters.into_iter().peekable();
    while letters.peek().is_some() {
        groups.push(letters.by_ref().take(GROUP).collect::<Vec<_>>());
    }
    // What is under way when one of them fails is brought to its end: cut off, it would be in doubt.
    let failed = CancellationToken::new();
    let sending = stream::iter(groups).take_until(failed.cancelled()).map(|mut group| {
        let (sender, failed) = (&sender, &failed);
        async move {
            let sent = sender.send(&mut group).await;
            if sent.is_err() {
                failed.cancel();
            }
            sent.map(|()| group)
        }
    });
    let results: Vec<Result<Vec<OutgoingLetter>, RunError>> = sending.buffered(GROUPS).collect().await;
    let mut sent = Vec::new();
    for result in results {
        sent.extend(result?.into_iter().map(|letter| (letter.id, letter.progress)));
    }
    Ok(sent)
}
