//! Stops a machine that uses a revoked customer's disks, or whose disks are to be encrypted in a window, or starts one
//! again that the grace ladder or a window had stopped.
//!
//! Which of the two is read from the journal, never from the message. That Azure is about to be asked is recorded first,
//! in a step of its own, so that after a kill it is known whose doing it was. Whatever somebody else stopped or started
//! since is left alone. What counts is the power that Azure says when the machine is read back. Publishes itself again.

use azure_clients::{
    ArmError, ArmRefusal,
    compute::{Accepted, Machine, OperationState, OperationUrl, PowerState},
};
use azure_ids::ArmId;
use onboarding::{
    Fact,
    event::MachineSwitchRequested,
    finding::Finding,
    grace::{HeldBy, HeldMachine, MachineState, MachineStep, Power},
};

use crate::{
    App,
    step::{Next, Step, StepError},
    systems::{
        disk_encryption_set::LOOK_AFTER,
        machines::{self, Disks},
    },
};

/// One machine, and what Azure says of it now.
struct Held<'a> {
    step: &'a Step<MachineSwitchRequested>,
    app: &'a App,
    id: ArmId,
    known: &'a HeldMachine,
    read: Machine,
    wanted: Power,
}

pub(crate) async fn handle(step: Step<MachineSwitchRequested>, app: App) -> Result<Next, StepError> {
    let onboarding = step.onboarding()?;
    let id = step.event.data.machine.clone();
    let Some(known) = onboarding.grace().machines.get(&id) else {
        return Ok(Next::NoNews("neither the ladder nor a window holds this machine"));
    };
    let Some(wanted) = onboarding.power_wanted(&id) else {
        return Ok(Next::NoNews("nothing is to be done with the machine"));
    };
    let read = match app.compute.machine(&id).await {
        Ok(read) => read,
        Err(ArmError::Refused(ArmRefusal::NotFound { code })) if code != "SubscriptionNotFound" => {
            return step.decide(Fact::Machine { machine: id, step: MachineStep::LeftAlone });
        }
        Err(error) => return not_done(&step, id, wanted, refused_with(error)?),
    };
    let held = Held { step: &step, app: &app, id, known, read, wanted };
    match wanted {
        Power::Off => held.off().await,
        Power::On => held.on().await,
    }
}

impl Held<'_> {
    async fn off(mut self) -> Result<Next, StepError> {
        match (self.known.state, &self.read.power) {
            (MachineState::Chosen, PowerState::Running | PowerState::Starting) => match self.whose().await? {
                Ok(Disks::Ours) => self.learns(MachineStep::Stopping),
                Ok(disks) => self.leave_to_the_vendor(disks),
                Err(next) => Ok(next),
            },
            // It was shut down before: by somebody, or by Azure, and is theirs to start.
            (MachineState::Chosen, _) => self.learns(MachineStep::LeftAlone),
            (_, PowerState::Deallocated) => self.learns(MachineStep::Stopped),
            (_, PowerState::Deallocating) => Err(look_again()),
            _ => match self.operation().await? {
                Operation::Runs => Err(look_again()),
                Operation::Failed(code) => not_done(self.step, self.id, self.wanted, code),
                Operation::Done if self.read.power == PowerState::Deallocated => {
                    self.learns(MachineStep::Stopped)
                }
                // It was stopped, and started again by somebody.
                Operation::Done => self.learns(MachineStep::LeftAlone),
                Operation::Unknown => match self.whose().await? {
                    Ok(Disks::Ours) => {
                        let called = self.app.compute.deallocate(&self.id).await;
                        self.called(called)
                    }
                    Ok(disks) => self.leave_to_the_vendor(disks),
                    Err(next) => Ok(next),
                },
            },
        }
    }

    async fn on(mut self) -> Result<Next, StepError> {
        match (self.known.state, &self.read.power) {
            (MachineState::Chosen, _) => self.learns(MachineStep::LeftAlone),
            (MachineState::Stopping, PowerState::Deallocating) => Err(look_again()),
            // It may be that Azure was asked and has not begun: only a start says that it is to run.
            (MachineState::Stopping, _) | (MachineState::Stopped, PowerState::Deallocated) => {
                self.learns(MachineStep::Starting)
            }
            // Somebody started it since, and perhaps shut it down again.
            (MachineState::Stopped, _) => self.learns(MachineStep::LeftAlone),
            (MachineState::Starting, _) => match self.operation().await? {
                Operation::Runs => Err(look_again()),
                Operation::Failed(code) => not_done(self.step, self.id, self.wanted, code),
                Operation::Done | Operation::Unknown if self.read.power == PowerState::Starting => {
                    Err(look_again())
                }
                Operation::Done if self.read.power == PowerState::Running => {
                    self.learns(MachineStep::Started)
                }
                // It was started, and stopped again by somebody.
                Operation::Done => self.learns(MachineStep::LeftAlone),
                // A disk that was asked for before the window closed: a machine does not start meanwhile.
                Operation::Unknown if self.waits_for_disks().await? => Err(look_again()),
                Operation::Unknown => {
                    let called = self.app.compute.start(&self.id).await;
                    self.called(called)
                }
            },
        }
    }

    /// Whose the disks are: read in the same breath as the power, and before every call that stops.
    async fn whose(&self) -> Result<Result<Disks, Next>, StepError> {
        match machines::whose(self.app, self.step.onboarding()?, self.known.by, &self.read.disks).await {
            Ok(disks) => Ok(Ok(disks)),
            Err(error) => not_done(self.step, self.id.clone(), self.wanted, refused_with(error)?).map(Err),
        }
    }

    async fn waits_for_disks(&self) -> Result<bool, StepError> {
        let in_window = self.known.by == HeldBy::Window;
        Ok(in_window && machines::are_changing(self.app, &self.read.disks).await?)
    }

    fn leave_to_the_vendor(self, disks: Disks) -> Result<Next, StepError> {
        match disks {
            Disks::Shared(disk) => {
                let finding = Finding::MachineShared { machine: self.id.clone(), disk };
                self.learns(MachineStep::Failed { finding })
            }
            Disks::Ours | Disks::NotOurs => self.learns(MachineStep::LeftAlone),
        }
    }

    /// How the operation goes. Once it is done the machine is read again: what was read before may be older than its end.
    async fn operation(&mut self) -> Result<Operation, StepError> {
        let Some(url) = self.known.operation.as_deref().and_then(|url| url.parse::<OperationUrl>().ok())
        else {
            return Ok(Operation::Unknown);
        };
        match self.app.compute.operation(&url).await {
            Ok(OperationState::InProgress { .. }) => Ok(Operation::Runs),
            Ok(OperationState::Succeeded) => {
                self.read = self.app.compute.machine(&self.id).await?;
                Ok(Operation::Done)
            }
            // It is over, whatever its error would mean for a request: to ask again how it goes is no use.
            Ok(OperationState::Failed(error)) => Ok(Operation::Failed(
                refused_with(error).unwrap_or_else(|_| "the operation failed".to_owned()),
            )),
            // Operations are forgotten after a while, and another may take the place of a canceled one.
            Ok(OperationState::Canceled) | Err(ArmError::Refused(ArmRefusal::NotFound { .. })) => {
                Ok(Operation::Unknown)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn called(self, called: Result<Accepted<()>, ArmError>) -> Result<Next, StepError> {
        match called {
            Ok(accepted) => {
                let after = accepted.retry_after.unwrap_or(LOOK_AFTER);
                let look_after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                let operation = accepted.operation.map(String::from);
                self.learns(MachineStep::Accepted { operation, look_after_ms })
            }
            Err(error) => not_done(self.step, self.id, self.wanted, refused_with(error)?),
        }
    }

    fn learns(self, step: MachineStep) -> Result<Next, StepError> {
        self.step.decide(Fact::Machine { machine: self.id, step })
    }
}

/// How the operation goes that was recorded.
enum Operation {
    Runs,
    Done,
    Failed(String),
    Unknown,
}

fn look_again() -> StepError {
    StepError::retry_after(Some(LOOK_AFTER), "ARM is still working on the machine")
}

/// ARM's code, when it refused: somebody has to look at it. What got no answer is tried again.
fn refused_with(error: ArmError) -> Result<String, StepError> {
    match error {
        ArmError::Refused(
            ArmRefusal::Forbidden { code, .. }
            | ArmRefusal::BadRequest { code, .. }
            | ArmRefusal::Conflict { code, .. }
            | ArmRefusal::KeyUnusable { code, .. }
            | ArmRefusal::NotFound { code },
        ) => Ok(code),
        ArmError::Refused(ArmRefusal::KeyVaultAccessForbidden { .. }) => {
            Ok("KeyVaultAccessForbidden".to_owned())
        }
        // A disk of a scale set's instance names the instance, which has a type of its own.
        ArmError::Refused(ArmRefusal::BadId { .. }) => Ok("not a single virtual machine".to_owned()),
        error => Err(error.into()),
    }
}

fn not_done(
    step: &Step<MachineSwitchRequested>,
    machine: ArmId,
    wanted: Power,
    error: String,
) -> Result<Next, StepError> {
    let finding = match wanted {
        Power::Off => Finding::MachineNotStopped { machine: machine.clone(), error },
        Power::On => Finding::MachineNotStarted { machine: machine.clone(), error },
    };
    step.decide(Fact::Machine { machine, step: MachineStep::Failed { finding } })
}
