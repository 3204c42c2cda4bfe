//! The part of the decision that is about the machines that are stopped and started again: by the ladder, or in a window.

use std::time::Duration;

use azure_ids::ArmId;

use crate::{
    About, Cause, Decision, Fact, Onboarding, Subject,
    event::MachineSwitchRequested,
    grace::{
        HeldBy,
        MachineState::{Chosen, Starting, Stopped, Stopping},
        MachineStep, Power,
    },
};

impl Onboarding {
    pub(super) fn machine(
        &self,
        cause: Cause,
        fact: Fact,
        machine: ArmId,
        step: MachineStep,
    ) -> Option<Decision> {
        let held = self.grace.machines.get(&machine)?;
        let wanted = self.power_wanted(&machine);
        let fits = match &step {
            MachineStep::Stopping => held.state == Chosen && wanted == Some(Power::Off),
            MachineStep::Starting => matches!(held.state, Stopping | Stopped) && wanted == Some(Power::On),
            MachineStep::Accepted { .. } => matches!(held.state, Stopping | Starting),
            MachineStep::Stopped => held.state == Stopping,
            MachineStep::Started => held.state == Starting,
            MachineStep::LeftAlone | MachineStep::Failed { .. } => true,
        };
        if !fits {
            return None;
        }
        let in_window = held.by == HeldBy::Window;
        let mut decision = self.next(cause, fact, &About::Machine(machine.clone()));
        if in_window && decision.failed_to_stop(&machine, held.state, &step) {
            return Some(decision);
        }
        let state = match step {
            MachineStep::Started | MachineStep::LeftAlone => {
                if in_window {
                    decision.ends_in_window(&machine, &step);
                }
                decision.onboarding.grace.machines.remove(&machine);
                decision.unblock(&machine);
                return Some(decision);
            }
            MachineStep::Stopping => Stopping,
            MachineStep::Starting => Starting,
            MachineStep::Stopped => Stopped,
            MachineStep::Accepted { .. } | MachineStep::Failed { .. } => held.state,
        };
        let now = decision.cause.now;
        let after = decision.onboarding.grace.machines.get_mut(&machine)?;
        (after.state, after.operation, after.since) = (state, None, now);
        let mut look_after = None;
        match step {
            MachineStep::Accepted { operation, look_after_ms } => {
                after.operation = operation;
                look_after = Some(Duration::from_millis(look_after_ms));
            }
            // It is asked for anew when it is looked at again.
            MachineStep::Failed { finding } => {
                decision.block(Subject::Machine { machine }, finding, 0);
                return Some(decision);
            }
            MachineStep::Stopped => {
                decision.unblock(&machine);
                decision.send_disks_of(&machine);
            }
            _ => {}
        }
        if decision.onboarding.power_wanted(&machine).is_some() {
            let target = format!("{machine} again");
            decision.send(&target, look_after, MachineSwitchRequested { machine });
        }
        Some(decision)
    }
}
