//! Faults, by script.

use crate::faults::{FaultScript, FaultSummary};

use super::Sandbox;

impl Sandbox {
    /// Lets a script of faults begin, in the place of whatever script ran before.
    pub fn set_faults(&self, script: FaultScript) {
        self.cloud.faults.set(script);
    }

    /// How often each fault of the script has matched a call and how often it has struck.
    pub fn fault_summary(&self) -> FaultSummary {
        self.cloud.faults.summary()
    }
}
