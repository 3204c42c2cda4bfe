//! Resource Manager, as whoever holds the sandbox sets it up.

use crate::names::arm_id;
use crate::state::limits::Limits;
use crate::state::resources::disk::DiskState;

use super::Sandbox;

impl Sandbox {
    /// Sets what is too much. It is kept with the state.
    pub fn set_limits(&self, limits: Limits) {
        self.cloud.change(|state| state.arm.limits = limits);
    }

    /// Decides how a disk encryption set whose key cannot be used fails: by default its PUT answers 400; set to
    /// `true`, the PUT is accepted and its operation ends as `Failed`. Both have been reported of the real service.
    pub fn let_key_refusals_come_late(&self, late: bool) {
        self.cloud.change(|state| state.arm.key_refusals_come_late = late);
    }

    /// Makes the addresses of operations as long as Azure's are since 2025: about 4 KB each, two of them in one answer.
    pub fn let_operation_urls_be_long(&self, long: bool) {
        self.cloud.change(|state| state.arm.long_operation_urls = long);
    }

    /// Lets Ultra and Premium SSD v2 disks refuse sets with a user-assigned identity, as they did before 2025 and as some
    /// regions still do.
    pub fn let_direct_drive_be_refused(&self, refused: bool) {
        self.cloud.change(|state| state.arm.direct_drive_is_refused = refused);
    }

    /// Says of a disk that it is attached to a virtual machine, or not, without there being one. False when there is no
    /// such disk.
    pub fn set_disk_state(&self, disk_id: &str, disk_state: DiskState) -> bool {
        self.cloud.change(|state| {
            let disk = state.arm.disks.get_mut(&arm_id::key(disk_id));
            disk.map(|disk| disk.state = disk_state).is_some()
        })
    }
}
