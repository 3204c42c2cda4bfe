//! The role that customers assign.

/// The role that Microsoft's article, and we, ask for: get, wrap and unwrap, nothing else.
pub(crate) const ROLE: &str = "Key Vault Crypto Service Encryption User";
