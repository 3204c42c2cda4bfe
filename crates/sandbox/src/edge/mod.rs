//! The outer wires: the proxy that is the only way in, TLS, the choice of a service by host name, the recording.

/// The vault that a request is for: the first label of its host name, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VaultName(pub(crate) String);
