//! Every type of resource as the state holds it.

pub(crate) mod custom_role;
pub(crate) mod deployment;
pub(crate) mod described;
pub(crate) mod disk;
pub(crate) mod disk_encryption_set;
pub(crate) mod identity;
pub(crate) mod resource_group;
pub(crate) mod role_assignment;
pub(crate) mod snapshot;
pub(crate) mod store;
pub(crate) mod vault;
pub(crate) mod virtual_machine;
