//! What the disk service does with a customer's key: read it, wrap with it, unwrap again.
//!
//! It goes through the same checks as everybody, only that a firewall may let it past as a trusted service.

use time::OffsetDateTime;

use crate::resources::vault;
use crate::state::State;
use crate::state::key_vault::key_version::KeyVersion;
use crate::state::resources::vault::Vault;
use crate::tokens::Caller;

use super::access::{self, KeyAction, Origin};
use super::crypto;

/// Why the disk service cannot use a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyFault {
    /// No way in, or nothing there, or not a key for this.
    Forbidden,
    Disabled,
    OutOfItsTime,
}

/// Reads the key, wraps a data key with it and unwraps it again, as `caller`.
pub(crate) fn use_key(
    state: &State,
    caller: &Caller,
    (vault, key, version): (&str, &str, &str),
    now: OffsetDateTime,
) -> Result<(), KeyFault> {
    let vault = vault::named(&state.arm, vault).ok_or(KeyFault::Forbidden)?;
    if caller.tenant != vault.tenant_id {
        return Err(KeyFault::Forbidden);
    }
    may(state, vault, caller, (KeyAction::Get, key), now)?;
    let held = held_version(state, vault, key, version)?;
    if !held.enabled {
        return Err(KeyFault::Disabled);
    }
    if !held.in_its_time(now.unix_timestamp()) {
        return Err(KeyFault::OutOfItsTime);
    }
    may(state, vault, caller, (KeyAction::Wrap, key), now)?;
    may(state, vault, caller, (KeyAction::Unwrap, key), now)?;
    let data_key = uuid::Uuid::new_v4();
    let algorithm = "RSA-OAEP-256";
    let wrapped = crypto::apply(held, KeyAction::Wrap, algorithm, data_key.as_bytes(), now);
    let unwrapped =
        wrapped.and_then(|wrapped| crypto::apply(held, KeyAction::Unwrap, algorithm, &wrapped, now));
    match unwrapped {
        Ok(unwrapped) if unwrapped == data_key.as_bytes() => Ok(()),
        _ => Err(KeyFault::Forbidden),
    }
}

/// The newest enabled version made at or before a moment (seconds since 1970).
pub(crate) fn newest_version(state: &State, vault: &str, key: &str, made_until: i64) -> Option<String> {
    let vault = vault::named(&state.arm, vault)?;
    let key = state.key_vault.keys_of(&vault.holder())?.live(key).ok()?;
    let seen = key.versions.iter().rev().find(|version| version.enabled && version.created <= made_until);
    seen.map(|version| version.version.clone())
}

fn may(
    state: &State,
    vault: &Vault,
    caller: &Caller,
    (action, key): (KeyAction, &str),
    now: OffsetDateTime,
) -> Result<(), KeyFault> {
    access::check(state, vault, caller, Origin::TrustedService, (action, Some(key)), now)
        .map_err(|_| KeyFault::Forbidden)
}

fn held_version<'a>(
    state: &'a State,
    vault: &Vault,
    key: &str,
    version: &str,
) -> Result<&'a KeyVersion, KeyFault> {
    let keys = state.key_vault.keys_of(&vault.holder()).ok_or(KeyFault::Forbidden)?;
    keys.live(key).and_then(|key| key.version(Some(version))).map_err(|_| KeyFault::Forbidden)
}
