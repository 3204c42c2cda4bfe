//! Opens or closes a window in which machines may be stopped, and looks after its machines.
//!
//! What is due is read from the journal, never from the message. Reads and changes nothing else. Publishes
//! [`MachineSwitchRequested`](onboarding::event::MachineSwitchRequested) for machines whose turn it is, and for those that
//! are to run again; and what may have been lost once more, also
//! [`DiskEncryptionRequested`](onboarding::event::DiskEncryptionRequested).

use onboarding::{Fact, event::WindowDue};

use crate::{
    App,
    step::{Next, Step, StepError},
};

pub(crate) async fn handle(step: Step<WindowDue>, _app: App) -> Result<Next, StepError> {
    step.decide(Fact::WindowDue)
}
