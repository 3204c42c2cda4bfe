//! The record of the traffic: what was asked and answered, without its secrets.

pub(crate) mod recorder;
pub(crate) mod redaction;
