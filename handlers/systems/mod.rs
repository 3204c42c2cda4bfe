//! What the functions share, in modules named for the system that they speak to.

pub(crate) mod bus;
pub(crate) mod checks;
pub(crate) mod claims;
pub(crate) mod dead_letters;
pub(crate) mod disk_encryption_set;
pub(crate) mod disk_plan;
pub(crate) mod disks;
pub(crate) mod estate;
pub(crate) mod health;
pub(crate) mod key;
pub(crate) mod letters_sent;
pub(crate) mod looks;
pub(crate) mod machines;
pub(crate) mod our_side;
pub(crate) mod preflight;
pub(crate) mod refusals;
pub(crate) mod replacements;
pub(crate) mod rotation;
pub(crate) mod signups;
pub(crate) mod subscription;
pub(crate) mod watch;
