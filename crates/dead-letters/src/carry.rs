//! What is done with wanted letters: first they are sent on (or archived), then completed, never the other way round;
//! and each step is in the log before the next begins.
//!
//! Letters are carried out in groups. A group shares the writing to the disk and, as far as its letters fit into one
//! transfer, the sending: a transfer is stored as a whole or not at all, so its letters are in doubt together.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use service_bus::{Message, MessageBatch, ServiceBusError, ServiceBusReceiver, ServiceBusSender};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    archive::{Archive, ArchiveError, Archived},
    letter::{Letter, LetterId},
    plan::Planned,
    resend::resend,
    run::RunError,
    run_log::{Progress, Record, RunLog},
};

/// How often letters are sent within one walk; after that the walk begins again, and gives up in the end.
const MOST_ATTEMPTS: u32 = 4;
/// The pause after the first attempt; it grows by as much with each further one.
const PAUSE: Duration = Duration::from_millis(200);
/// The most lock tokens of one request.
const COMPLETED_AT_ONCE: usize = 200;

/// What is done with letters before they are completed.
pub(crate) enum Action {
    /// They are sent, each to the target of its entity.
    Replay { senders: HashMap<String, ServiceBusSender> },
    /// They are put into a file.
    Discard { archive: Mutex<Archive> },
}

/// Carries out one action on letters of one entity.
pub(crate) struct Carrier<'a> {
    run: &'a str,
    action: &'a Action,
    log: &'a RunLog,
    dead: ServiceBusReceiver,
    /// The target has refused a transfer of several messages: they go one by one.
    takes_no_batches: AtomicBool,
}

/// A letter that was received, and how far it has come.
pub(crate) struct Taken<'a> {
    pub(crate) planned: &'a Planned,
    pub(crate) letter: Letter,
    pub(crate) lock_token: Uuid,
    pub(crate) progress: Progress,
    /// It is not ours any more, and may come again.
    pub(crate) lock_lost: bool,
}

impl Taken<'_> {
    fn id(&self) -> LetterId {
        self.planned.id.clone()
    }
}

/// A letter and what goes out for it.
type Outgoing<'g, 'a> = (&'g mut Taken<'a>, Message);

impl<'a> Carrier<'a> {
    /// `dead` is where the letters were received.
    pub(crate) fn new(run: &'a str, action: &'a Action, log: &'a RunLog, dead: ServiceBusReceiver) -> Self {
        Self { run, action, log, dead, takes_no_batches: AtomicBool::new(false) }
    }

    /// Carries out a group as far as it goes. Answers how far each letter has come and why the run has to end, if so.
    pub(crate) async fn carry_out(&self, mut group: Vec<Taken<'a>>) -> (Vec<Taken<'a>>, Option<RunError>) {
        let carried = async {
            self.act(&mut group).await?;
            self.complete(&mut group).await
        };
        let error = carried.await.err();
        (group, error)
    }

    /// Sends or archives what was not yet.
    async fn act(&self, group: &mut [Taken<'a>]) -> Result<(), RunError> {
        let mut wanted = Vec::with_capacity(group.len());
        for taken in group.iter_mut().filter(|taken| taken.progress != Progress::Sent) {
            if taken.letter.digest() == taken.planned.digest {
                wanted.push(taken);
            } else {
                self.skip(taken, "it is not what the plan saw under this number").await?;
            }
        }
        match self.action {
            Action::Replay { senders } => self.replay(senders, wanted).await,
            Action::Discard { archive } => self.keep(archive, wanted).await,
        }
    }

    async fn replay(
        &self,
        senders: &HashMap<String, ServiceBusSender>,
        wanted: Vec<&mut Taken<'a>>,
    ) -> Result<(), RunError> {
        let Some(sender) = wanted.first().and_then(|taken| senders.get(&taken.planned.id.entity)) else {
            for taken in wanted {
                self.skip(taken, "the plan has no target for its entity").await?;
            }
            return Ok(());
        };
        let mut outgoing = Vec::with_capacity(wanted.len());
        for taken in wanted {
            match resend(&taken.letter, taken.planned, self.run) {
                Some(message) => outgoing.push((taken, message)),
                None => {
                    self.skip(taken, "its body is an AMQP list or map, which cannot be sent again").await?;
                }
            }
        }
        // One transfer is for one session and one partition; within them the order stays.
        outgoing.sort_by(|(_, one), (_, other)| key(one).cmp(&key(other)));
        let alone = self.send_together(sender, outgoing).await?;
        first_error(join_all(alone.into_iter().map(|outgoing| self.send_alone(sender, outgoing))).await)
    }

    /// Sends in as few transfers as possible. Answers what has to go alone: what the service does not take together,
    /// and what may hold something that it does not take at all.
    async fn send_together<'g>(
        &self,
        sender: &ServiceBusSender,
        outgoing: Vec<Outgoing<'g, 'a>>,
    ) -> Result<Vec<Outgoing<'g, 'a>>, RunError> {
        if outgoing.len() < 2 || self.takes_no_batches.load(Ordering::Relaxed) {
            return Ok(outgoing);
        }
        let batches = match sender.pack(outgoing.iter().map(|(_, message)| message.clone()).collect()).await {
            Ok(batches) => batches,
            Err(error) if is_of_this_message(&error) => return Ok(outgoing),
            Err(error) => return Err(error.into()),
        };
        let mut outgoing = outgoing.into_iter();
        let sending = batches.into_iter().map(|batch| {
            let mut letters: Vec<Outgoing<'g, 'a>> = outgoing.by_ref().take(batch.len()).collect();
            async move {
                match self.send(sender, &batch, &mut letters).await? {
                    Ok(()) => Ok(Vec::new()),
                    Err(error) => {
                        tracing::debug!(%error, letters = letters.len(), "refused together, sending one by one");
                        self.takes_no_batches.fetch_or(letters.len() > 1, Ordering::Relaxed);
                        Ok(letters)
                    }
                }
            }
        });
        let results: Result<Vec<_>, RunError> = join_all(sending).await.into_iter().collect();
        Ok(results?.into_iter().flatten().collect())
    }

    async fn send_alone(
        &self,
        sender: &ServiceBusSender,
        (taken, message): Outgoing<'_, 'a>,
    ) -> Result<(), RunError> {
        let sent = match sender.pack(vec![message.clone()]).await {
            Ok(batches) => match batches.first() {
                Some(batch) => {
                    let mut letter = [(taken, message)];
                    let sent = self.send(sender, batch, &mut letter).await?;
                    let [(taken, _)] = letter;
                    sent.map_err(|error| (taken, error))
                }
                None => Ok(()),
            },
            Err(error) => Err((taken, error)),
        };
        match sent {
            Ok(()) => Ok(()),
            Err((taken, error)) if is_of_this_message(&error) => self.skip(taken, &error.to_string()).await,
            Err((_, error)) => Err(error.into()),
        }
    }

    /// Sends one transfer. Every attempt that may store it is in the log before it is made: the report names what went
    /// out in doubt and then again, and the client must not do that unseen. Answers why the service refuses it for
    /// good; nothing of it is stored then.
    async fn send(
        &self,
        sender: &ServiceBusSender,
        batch: &MessageBatch,
        letters: &mut [Outgoing<'_, 'a>],
    ) -> Result<Result<(), ServiceBusError>, RunError> {
        let mut attempt = 1;
        loop {
            self.log.write_all(letters.iter().map(|(taken, _)| Record::Sending { id: taken.id() })).await?;
            letters.iter_mut().for_each(|(taken, _)| taken.progress = Progress::InDoubt);
            match sender.send_packed_at_most_once(batch).await {
                Ok(()) => break,
                Err(error) if error.is_transient() && attempt < MOST_ATTEMPTS => {
                    tracing::debug!(letters = letters.len(), attempt, %error, "in doubt, sending again");
                    sleep(PAUSE * attempt).await;
                    attempt += 1;
                }
                Err(error) if error.is_transient() => return Err(error.into()),
                Err(error) => {
                    let refused = letters.iter().map(|(taken, _)| Record::Refused { id: taken.id() });
                    self.log.write_all(refused).await?;
                    return Ok(Err(error));
                }
            }
        }
        self.log.write_all(letters.iter().map(|(taken, _)| Record::Sent { id: taken.id() })).await?;
        letters.iter_mut().for_each(|(taken, _)| taken.progress = Progress::Sent);
        Ok(Ok(()))
    }

    async fn keep(&self, archive: &Mutex<Archive>, wanted: Vec<&mut Taken<'a>>) -> Result<(), RunError> {
        let (mut lines, mut kept) = (Vec::new(), Vec::with_capacity(wanted.len()));
        for taken in wanted {
            match Archived::of(&taken.letter, false).and_then(|archived| archived.to_line()) {
                Ok(line) => {
                    lines.extend(line);
                    kept.push(taken);
                }
                Err(error @ ArchiveError::Unsupported { .. }) => self.skip(taken, &error.to_string()).await?,
                Err(error) => return Err(error.into()),
            }
        }
        if !kept.is_empty() {
            archive.lock().unwrap_or_else(PoisonError::into_inner).keep(&lines)?;
        }
        self.log.write_all(kept.iter().map(|taken| Record::Sent { id: taken.id() })).await?;
        kept.into_iter().for_each(|taken| taken.progress = Progress::Sent);
        Ok(())
    }

    /// Removes what was sent or archived from the dead letters.
    async fn complete(&self, group: &mut [Taken<'a>]) -> Result<(), RunError> {
        let mut sent: Vec<_> = group.iter_mut().filter(|taken| taken.progress == Progress::Sent).collect();
        for several in sent.chunks_mut(COMPLETED_AT_ONCE) {
            let tokens: Vec<Uuid> = several.iter().map(|taken| taken.lock_token).collect();
            if tokens.len() == 1 || self.dead.complete_all(&tokens).await.is_err() {
                // One of them is not as it should be; alone, each gets its own answer. What the request did complete
                // answers "lost lock" now, and turns out to be gone.
                for taken in several.iter_mut() {
                    match self.dead.complete(taken.lock_token).await {
                        Ok(()) => {}
                        // Completed by a request whose answer was lost, or still there: the sweep finds out.
                        Err(ServiceBusError::LockLost { .. }) => taken.lock_lost = true,
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            let mut completed: Vec<_> = several.iter_mut().filter(|taken| !taken.lock_lost).collect();
            self.log.write_all(completed.iter().map(|taken| Record::Completed { id: taken.id() })).await?;
            completed.iter_mut().for_each(|taken| taken.progress = Progress::Completed);
        }
        Ok(())
    }

    async fn skip(&self, taken: &mut Taken<'a>, why: &str) -> Result<(), RunError> {
        self.log.write(&Record::Skipped { id: taken.id(), why: why.to_owned() }).await?;
        taken.progress = Progress::Skipped(why.to_owned());
        Ok(())
    }

    /// Takes note that a letter is not there any more.
    pub(crate) async fn note_gone(&self, id: &LetterId, progress: &Progress) -> Result<Progress, RunError> {
        let id = id.clone();
        if *progress == Progress::Sent {
            self.log.write(&Record::Completed { id }).await?;
            return Ok(Progress::Completed);
        }
        self.log.write(&Record::Gone { id }).await?;
        Ok(Progress::Gone)
    }
}

/// What the messages of one transfer have in common.
fn key(message: &Message) -> (Option<&str>, Option<&str>) {
    (message.session_id.as_deref(), message.partition_key.as_deref())
}

fn first_error(results: Vec<Result<(), RunError>>) -> Result<(), RunError> {
    results.into_iter().collect()
}

/// Whether the service refuses this message, and not everything: the others can go on.
fn is_of_this_message(error: &ServiceBusError) -> bool {
    matches!(error, ServiceBusError::TooLarge { .. } | ServiceBusError::InvalidArgument { .. })
}
