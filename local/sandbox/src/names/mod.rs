//! Azure's own names, and the rules for comparing them: ARM ids, regions, hosts, vaults.

pub(crate) mod arm_id;
pub(crate) mod hosts;
pub(crate) mod regions;
pub(crate) mod vaults;
