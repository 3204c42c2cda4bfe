//! Carries out a run on the letters of its plan: they are sent (or archived) first and completed then, never the other
//! way round, and each step is in the log before the next begins.
//!
//! Letters are carried out in groups. A group shares the writing to the disk and, as far as its letters fit into one
//! transfer, the sending.

use std::sync::{Mutex, PoisonError};

use service_bus::{ServiceBusError, ServiceBusReceiver};
use uuid::Uuid;

use crate::{
    archive::{Archive, ArchiveError, Archived},
    letter::{Letter, LetterId},
    letter_sender::{LetterSender, OutgoingLetter},
    plan::Planned,
    resend::resend,
    run_error::RunError,
    run_log::{Progress, Record, RunLog},
};

/// The most lock tokens of one request.
const COMPLETED_AT_ONCE: usize = 200;

/// Where the letters of one entity go before they are completed.
pub(crate) enum Destination<'a> {
    /// To an entity: they are sent.
    Entity(LetterSender<'a>),
    /// Into a file.
    Archive(&'a Mutex<Archive>),
}

/// Carries out one action on letters of one entity.
pub(crate) struct Carrier<'a> {
    pub(crate) run: &'a str,
    pub(crate) destination: Destination<'a>,
    pub(crate) log: &'a RunLog,
    /// Where the letters were received.
    pub(crate) dead: ServiceBusReceiver,
}

/// A letter that was received, and how far it has come.
pub(crate) struct LockedLetter<'a> {
    pub(crate) planned: &'a Planned,
    pub(crate) letter: Letter,
    pub(crate) lock_token: Uuid,
    pub(crate) progress: Progress,
    /// It is not ours any more, and may come again.
    pub(crate) lock_lost: bool,
}

impl LockedLetter<'_> {
    fn id(&self) -> LetterId {
        self.planned.id.clone()
    }
}

impl<'a> Carrier<'a> {
    /// Carries out a group as far as it goes. Answers how far each letter has come and why the run has to end, if so.
    pub(crate) async fn carry_out(
        &self,
        mut group: Vec<LockedLetter<'a>>,
    ) -> (Vec<LockedLetter<'a>>, Option<RunError>) {
        let carried = async {
            self.act(&mut group).await?;
            self.complete(&mut group).await
        };
        let error = carried.await.err();
        (group, error)
    }

    /// Sends or archives what was not yet.
    async fn act(&self, group: &mut [LockedLetter<'a>]) -> Result<(), RunError> {
        let mut wanted = Vec::with_capacity(group.len());
        for taken in group.iter_mut().filter(|taken| taken.progress != Progress::Sent) {
            if taken.letter.digest() == taken.planned.digest {
                wanted.push(taken);
            } else {
                self.skip(taken, "its content is not what the plan recorded under this number").await?;
            }
        }
        match &self.destination {
            Destination::Entity(sender) => self.replay(sender, wanted).await,
            Destination::Archive(archive) => self.keep(archive, wanted).await,
        }
    }

    async fn replay(
        &self,
        sender: &LetterSender<'_>,
        wanted: Vec<&mut LockedLetter<'a>>,
    ) -> Result<(), RunError> {
        let (mut sending, mut letters) = (Vec::with_capacity(wanted.len()), Vec::with_capacity(wanted.len()));
        for taken in wanted {
            letters.push(OutgoingLetter {
                id: taken.id(),
                message: resend(&taken.letter, taken.planned, self.run),
                progress: taken.progress.clone(),
            });
            sending.push(taken);
        }
        let sent = sender.send(&mut letters).await;
        for (taken, letter) in sending.into_iter().zip(letters) {
            taken.progress = letter.progress;
        }
        sent
    }

    async fn keep(
        &self,
        archive: &Mutex<Archive>,
        wanted: Vec<&mut LockedLetter<'a>>,
    ) -> Result<(), RunError> {
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
    async fn complete(&self, group: &mut [LockedLetter<'a>]) -> Result<(), RunError> {
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

    async fn skip(&self, taken: &mut LockedLetter<'a>, why: &str) -> Result<(), RunError> {
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
