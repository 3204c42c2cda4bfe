//! What is answered of a machine that is not there.

use crate::arm::error::ArmError;
use crate::arm::request::Target;
use crate::resources::Resource as _;
use crate::state::resources::virtual_machine::VirtualMachine;

pub(super) fn not_found(target: &Target) -> ArmError {
    ArmError::resource_not_found(VirtualMachine::TYPE, &target.name, &target.group)
}
