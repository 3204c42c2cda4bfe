//! The types of resource: what each is, what it does to others, and the one list of them.

pub(crate) mod deployment;
pub(crate) mod described;
pub(crate) mod disk;
pub(crate) mod disk_encryption_set;
pub(crate) mod identity;
pub(crate) mod ownership;
pub(crate) mod registry;
pub(crate) mod resource;
pub(crate) mod resource_group;
pub(crate) mod snapshot;
pub(crate) mod store;
pub(crate) mod vault;
pub(crate) mod virtual_machine;

pub(crate) use registry::ResourceType;
pub(crate) use resource::Resource;
