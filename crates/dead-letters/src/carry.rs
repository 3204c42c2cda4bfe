//! What is done with one wanted letter: first it is sent on (or archived), then it is completed, never the other way
//! round; and each step is in the log before the next begins.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use service_bus::{Message, ServiceBusError, ServiceBusSender};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    archive::Archive,
    completer::Completer,
    letter::{Letter, LetterId},
    plan::Planned,
    resend::resend,
    run::RunError,
    run_log::{Progress, Record, RunLog},
};

/// How often a letter is sent within one walk; after that the walk begins again, and gives up in the end.
const MOST_ATTEMPTS: u32 = 4;
/// The pause after the first attempt; it grows by as much with each further one.
const PAUSE: Duration = Duration::from_millis(200);

/// What is done with letters before they are completed.
pub(crate) enum Action {
    /// They are sent, each to the target of its entity.
    Replay { senders: HashMap<String, ServiceBusSender> },
    /// They are put into a file.
    Discard { archive: Mutex<Archive> },
}

/// Carries out one action on letters of one entity.
pub(crate) struct Carrier<'a> {
    pub(crate) run: &'a str,
    pub(crate) action: &'a Action,
    pub(crate) log: &'a RunLog,
    pub(crate) completer: Completer,
}

/// How far a letter has come.
pub(crate) struct Carried {
    pub(crate) progress: Progress,
    /// It is not ours any more, and may come again.
    pub(crate) lock_lost: bool,
    /// Why the whole run has to end.
    pub(crate) error: Option<RunError>,
}

impl Carried {
    fn to(progress: Progress) -> Self {
        Self { progress, lock_lost: false, error: None }
    }

    fn broke(progress: Progress, error: impl Into<RunError>) -> Self {
        Self { progress, lock_lost: false, error: Some(error.into()) }
    }
}

impl Carrier<'_> {
    pub(crate) async fn carry_out(
        &self,
        planned: &Planned,
        mut progress: Progress,
        letter: &Letter,
        lock_token: Uuid,
    ) -> Carried {
        let id = planned.id.clone();
        if progress != Progress::Sent {
            if letter.digest() != planned.digest {
                return self.skip(id, progress, "it is not what the plan saw under this number").await;
            }
            match self.act(planned, &mut progress, letter).await {
                Ok(None) => {}
                Ok(Some(why)) => return self.skip(id, progress, &why).await,
                Err(error) => return Carried::broke(progress, error),
            }
        }
        match self.completer.complete(lock_token).await {
            Ok(()) => match self.log.write(&Record::Completed { id }).await {
                Ok(()) => Carried::to(Progress::Completed),
                Err(error) => Carried::broke(progress, error),
            },
            // Completed by a request whose answer was lost, or still there: the sweep finds out.
            Err(ServiceBusError::LockLost { .. }) => Carried { progress, lock_lost: true, error: None },
            Err(error) => Carried::broke(progress, error),
        }
    }

    /// Sends or archives. Answers why the letter is to be left alone, when the service or the file does not take it.
    async fn act(
        &self,
        planned: &Planned,
        progress: &mut Progress,
        letter: &Letter,
    ) -> Result<Option<String>, RunError> {
        let id = planned.id.clone();
        match self.action {
            Action::Replay { senders } => {
                let Some(message) = resend(letter, planned, self.run) else {
                    return Ok(Some(
                        "its body is an AMQP list or map, which cannot be sent again".to_owned(),
                    ));
                };
                let Some(sender) = senders.get(&id.entity) else {
                    return Ok(Some("the plan has no target for its entity".to_owned()));
                };
                match self.send(&id, sender, &message, progress).await? {
                    Ok(()) => {}
                    Err(error) if is_of_this_message(&error) => return Ok(Some(error.to_string())),
                    Err(error) => return Err(error.into()),
                }
            }
            Action::Discard { archive } => {
                let mut archive = archive.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                match archive.keep(letter) {
                    Ok(()) => {}
                    Err(error @ crate::archive::ArchiveError::Unsupported { .. }) => {
                        return Ok(Some(error.to_string()));
                    }
                    Err(error) => return Err(RunError::Archive(error)),
                }
            }
        }
        self.log.write(&Record::Sent { id }).await?;
        *progress = Progress::Sent;
        Ok(None)
    }

    /// Every attempt that may store the message is in the log before it is made: the report names what went out in doubt
    /// and then again, and the client must not do that unseen.
    async fn send(
        &self,
        id: &LetterId,
        sender: &ServiceBusSender,
        message: &Message,
        progress: &mut Progress,
    ) -> Result<Result<(), ServiceBusError>, RunError> {
        let mut attempt = 1;
        loop {
            self.log.write(&Record::Sending { id: id.clone() }).await?;
            *progress = Progress::InDoubt;
            match sender.send_at_most_once(message.clone()).await {
                Err(error) if error.is_transient() && attempt < MOST_ATTEMPTS => {
                    tracing::debug!(%id, attempt, %error, "in doubt, sending again");
                    sleep(PAUSE * attempt).await;
                    attempt += 1;
                }
                sent => return Ok(sent),
            }
        }
    }

    async fn skip(&self, id: LetterId, progress: Progress, why: &str) -> Carried {
        match self.log.write(&Record::Skipped { id, why: why.to_owned() }).await {
            Ok(()) => Carried::to(Progress::Skipped(why.to_owned())),
            Err(error) => Carried::broke(progress, error),
        }
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

/// Whether the service refuses this message, and not everything: the others can go on.
fn is_of_this_message(error: &ServiceBusError) -> bool {
    matches!(error, ServiceBusError::TooLarge { .. } | ServiceBusError::InvalidArgument { .. })
}
