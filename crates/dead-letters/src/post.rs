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
    run::RunError,
    run_log::{Progress, Record, RunLog},
};

/// How often a transfer is tried before its letters are left for later.
const MOST_ATTEMPTS: u32 = 4;
/// The pause after the first attempt; it grows by as much with each further one.
const PAUSE: Duration = Duration::from_millis(200);

/// What goes out for a letter, and how far that has come.
pub(crate) struct Parcel {
    pub(crate) id: LetterId,
    pub(crate) message: Message,
    pub(crate) progress: Progress,
}

impl Parcel {
    /// The messages of one transfer have this in common.
    fn key(&self) -> (Option<&str>, Option<&str>) {
        (self.message.session_id.as_deref(), self.message.partition_key.as_deref())
    }
}

/// Sends to one entity.
pub(crate) struct Post<'a> {
    sender: ServiceBusSender,
    log: &'a RunLog,
    /// The entity has refused a transfer of several messages: they go one by one.
    takes_no_batches: AtomicBool,
}

impl<'a> Post<'a> {
    pub(crate) fn new(sender: ServiceBusSender, log: &'a RunLog) -> Self {
        Self { sender, log, takes_no_batches: AtomicBool::new(false) }
    }

    /// Sends these as far as that goes: each is sent afterwards, or skipped because the service does not take it. An
    /// error is about all of them.
    pub(crate) async fn send(&self, parcels: &mut [Parcel]) -> Result<(), RunError> {
        let mut parcels: Vec<&mut Parcel> = parcels.iter_mut().collect();
        // Within a session and a partition the order stays.
        parcels.sort_by(|one, other| one.key().cmp(&other.key()));
        let alone = self.send_together(parcels).await?;
        join_all(alone.into_iter().map(|parcel| self.send_alone(parcel))).await.into_iter().collect()
    }

    /// Sends in as few transfers as possible. Answers what has to go alone: what the service does not take together,
    /// and what may hold something that it does not take at all.
    async fn send_together<'p>(&self, parcels: Vec<&'p mut Parcel>) -> Result<Vec<&'p mut Parcel>, RunError> {
        if parcels.len() < 2 || self.takes_no_batches.load(Ordering::Relaxed) {
            return Ok(parcels);
        }
        let messages = parcels.iter().map(|parcel| parcel.message.clone()).collect();
        let batches = match self.sender.pack(messages).await {
            Ok(batches) => batches,
            Err(error) if is_of_this_message(&error) => return Ok(parcels),
            Err(error) => return Err(error.into()),
        };
        let mut parcels = parcels.into_iter();
        let sending = batches.into_iter().map(|batch| {
            let mut parcels: Vec<&mut Parcel> = parcels.by_ref().take(batch.len()).collect();
            async move {
                match self.transfer(&batch, &mut parcels).await? {
                    Ok(()) => Ok(Vec::new()),
                    Err(error) => {
                        tracing::debug!(%error, letters = parcels.len(), "refused together, sending one by one");
                        self.takes_no_batches.fetch_or(parcels.len() > 1, Ordering::Relaxed);
                        Ok(parcels)
                    }
                }
            }
        });
        let alone: Result<Vec<_>, RunError> = join_all(sending).await.into_iter().collect();
        Ok(alone?.into_iter().flatten().collect())
    }

    async fn send_alone(&self, parcel: &mut Parcel) -> Result<(), RunError> {
        let sent = match self.sender.pack(vec![parcel.message.clone()]).await {
            Ok(batches) => match batches.first() {
                Some(batch) => self.transfer(batch, &mut [&mut *parcel]).await?,
                None => Ok(()),
            },
            Err(error) => Err(error),
        };
        match sent {
            Ok(()) => Ok(()),
            Err(error) if is_of_this_message(&error) => {
                let why = error.to_string();
                self.log.write(&Record::Skipped { id: parcel.id.clone(), why: why.clone() }).await?;
                parcel.progress = Progress::Skipped(why);
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
        parcels: &mut [&mut Parcel],
    ) -> Result<Result<(), ServiceBusError>, RunError> {
        let mut attempt = 1;
        loop {
            self.note(parcels, |id| Record::Sending { id }, Progress::InDoubt).await?;
            match self.sender.send_packed_at_most_once(batch).await {
                Ok(()) => {
                    self.note(parcels, |id| Record::Sent { id }, Progress::Sent).await?;
                    return Ok(Ok(()));
                }
                Err(error) if error.is_transient() && attempt < MOST_ATTEMPTS => {
                    tracing::debug!(letters = parcels.len(), attempt, %error, "in doubt, sending again");
                    sleep(PAUSE * attempt).await;
                    attempt += 1;
                }
                Err(error) if error.is_transient() => return Err(error.into()),
                Err(error) => {
                    // To the log it is in doubt no longer; here it is until it is sent or skipped.
                    self.note(parcels, |id| Record::Refused { id }, Progress::InDoubt).await?;
                    return Ok(Err(error));
                }
            }
        }
    }

    async fn note(
        &self,
        parcels: &mut [&mut Parcel],
        record: fn(LetterId) -> Record,
        progress: Progress,
    ) -> Result<(), RunError> {
        self.log.write_all(parcels.iter().map(|parcel| record(parcel.id.clone()))).await?;
        parcels.iter_mut().for_each(|parcel| parcel.progress = progress.clone());
        Ok(())
    }
}

/// Whether the service refuses this message, and not everything: the others can go on.
fn is_of_this_message(error: &ServiceBusError) -> bool {
    matches!(error, ServiceBusError::TooLarge { .. } | ServiceBusError::InvalidArgument { .. })
}
