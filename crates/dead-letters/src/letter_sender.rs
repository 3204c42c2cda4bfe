//! Sends messages for dead letters, many in one transfer, with every attempt in the log before it is made.
//!
//! A transfer is stored as a whole or not at all, so its letters are in doubt together.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures::future::join_all;
use service_bus::{Message, MessageBatch, ServiceBusError, ServiceBusSender};
use tokio::time::sleep;

use crate::{
    letter::LetterId,
    run_error::RunError,
    run_log::{Progress, Record, RunLog},
};

/// How often a transfer is tried before its letters are left for later.
const MOST_ATTEMPTS: u32 = 4;
/// The pause after the first attempt; it grows by as much with each further one.
const PAUSE: Duration = Duration::from_millis(200);

/// What goes out for a letter, and how far that has come.
pub(crate) struct OutgoingLetter {
    pub(crate) id: LetterId,
    pub(crate) message: Message,
    pub(crate) progress: Progress,
}

impl OutgoingLetter {
    /// The messages of one transfer have this in common.
    fn key(&self) -> (Option<&str>, Option<&str>) {
        (self.message.session_id.as_deref(), self.message.partition_key.as_deref())
    }
}

/// Sends to one entity.
pub(crate) struct LetterSender<'a> {
    sender: ServiceBusSender,
    log: &'a RunLog,
    /// The entity has refused a transfer of several messages: they go one by one.
    takes_no_batches: AtomicBool,
}

impl<'a> LetterSender<'a> {
    pub(crate) fn new(sender: ServiceBusSender, log: &'a RunLog) -> Self {
        Self { sender, log, takes_no_batches: AtomicBool::new(false) }
    }

    /// Sends these as far as that goes: each is sent afterwards, or skipped because the service does not take it. An
    /// error is about all of them.
    pub(crate) async fn send(&self, letters: &mut [OutgoingLetter]) -> Result<(), RunError> {
        let mut letters: Vec<&mut OutgoingLetter> = letters.iter_mut().collect();
        // Within a session and a partition the order stays.
        letters.sort_by(|one, other| one.key().cmp(&other.key()));
        let alone = self.send_together(letters).await?;
        join_all(alone.into_iter().map(|letter| self.send_alone(letter))).await.into_iter().collect()
    }

    /// Sends in as few transfers as possible. Answers what has to go alone: what the service does not take together,
    /// and what may hold something that it does not take at all.
    async fn send_together<'p>(
        &self,
        letters: Vec<&'p mut OutgoingLetter>,
    ) -> Result<Vec<&'p mut OutgoingLetter>, RunError> {
        if letters.len() < 2 || self.takes_no_batches.load(Ordering::Relaxed) {
            return Ok(letters);
        }
        let messages = letters.iter().map(|letter| letter.message.clone()).collect();
        let batches = match self.sender.pack(messages).await {
            Ok(batches) => batches,
            Err(error) if is_of_this_message(&error) => return Ok(letters),
            Err(error) => return Err(error.into()),
        };
        let mut letters = letters.into_iter();
        let sending = batches.into_iter().map(|batch| {
            let mut letters: Vec<&mut OutgoingLetter> = letters.by_ref().take(batch.len()).collect();
            async move {
                match self.transfer(&batch, &mut letters).await? {
                    Ok(()) => Ok(Vec::new()),
                    Err(error) => {
                        tracing::debug!(%error, letters = letters.len(), "refused together, sending one by one");
                        self.takes_no_batches.fetch_or(letters.len() > 1, Ordering::Relaxed);
                        Ok(letters)
                    }
                }
            }
        });
        let alone: Result<Vec<_>, RunError> = join_all(sending).await.into_iter().collect();
        Ok(alone?.into_iter().flatten().collect())
    }

    async fn send_alone(&self, letter: &mut OutgoingLetter) -> Result<(), RunError> {
        let sent = match self.sender.pack(vec![letter.message.clone()]).await {
            Ok(batches) => match batches.first() {
                Some(batch) => self.transfer(batch, &mut [&mut *letter]).await?,
                None => Ok(()),
            },
            Err(error) => Err(error),
        };
        match sent {
            Ok(()) => Ok(()),
            Err(error) if is_of_this_message(&error) => {
                let why = error.to_string();
                self.log.write(&Record::Skipped { id: letter.id.clone(), why: why.clone() }).await?;
                letter.progress = Progress::Skipped(why);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Every attempt that may store the messages is in the log before it is made: the report names what went out in
    /// doubt and then again, and the client must not do that unseen. Answers why the service refuses them for good;
    /// nothing is stored then.
    async fn transfer(
        &self,
        batch: &MessageBatch,
        letters: &mut [&mut OutgoingLetter],
    ) -> Result<Result<(), ServiceBusError>, RunError> {
        let mut attempt = 1;
        loop {
            self.note(letters, |id| Record::Sending { id }, Progress::InDoubt).await?;
            match self.sender.send_packed_at_most_once(batch).await {
                Ok(()) => {
                    self.note(letters, |id| Record::Sent { id }, Progress::Sent).await?;
                    return Ok(Ok(()));
                }
                Err(error) if error.is_transient() && attempt < MOST_ATTEMPTS => {
                    tracing::debug!(letters = letters.len(), attempt, %error, "in doubt, sending again");
                    sleep(PAUSE * attempt).await;
                    attempt += 1;
                }
                Err(error) if error.is_transient() => return Err(error.into()),
                Err(error) => {
                    // To the log it is in doubt no longer; here it is until it is sent or skipped.
                    self.note(letters, |id| Record::Refused { id }, Progress::InDoubt).await?;
                    return Ok(Err(error));
                }
            }
        }
    }

    async fn note(
        &self,
        letters: &mut [&mut OutgoingLetter],
        record: fn(LetterId) -> Record,
        progress: Progress,
    ) -> Result<(), RunError> {
        self.log.write_all(letters.iter().map(|letter| record(letter.id.clone()))).await?;
        letters.iter_mut().for_each(|letter| letter.progress = progress.clone());
        Ok(())
    }
}

/// Whether the service refuses this message, and not everything: the others can go on.
fn is_of_this_message(error: &ServiceBusError) -> bool {
    matches!(error, ServiceBusError::TooLarge { .. } | ServiceBusError::InvalidArgument { .. })
}
