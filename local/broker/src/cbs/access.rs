//! What one connection may reach, and until when.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::Authority;
use crate::address::covers;
use crate::clock::Timestamp;
use crate::entra::Right;

/// Whom a token speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// Whoever has the key, which stands for every right. So does a token that is not verified.
    Key,
    /// Somebody of the tenant, whose roles say what is allowed.
    Principal(Uuid),
}

#[derive(Debug, Clone, Copy)]
struct Claim {
    holder: Holder,
    until: Timestamp,
}

/// The claims that a connection has put.
#[derive(Debug, Default)]
pub(crate) struct Access {
    everything: bool,
    /// Until when a path, and all below it, is open, and for whom.
    open: BTreeMap<String, Claim>,
}

/// Why a node is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// There is no token for it, or it has ended.
    NoToken,
    /// There is one, of somebody who has no role for it.
    NoRole,
}

impl Access {
    pub(crate) fn none_yet() -> Self {
        Self::default()
    }

    pub(crate) fn to_everything() -> Self {
        Self { everything: true, open: BTreeMap::new() }
    }

    pub(crate) fn open(&mut self, path: String, holder: Holder, until: Timestamp) {
        self.open.insert(path, Claim { holder, until });
    }

    /// Whether links to the node at a path may be attached and used, with this right. A claim for a queue covers its
    /// dead letters and its management node; one for the namespace (an empty path) covers everything.
    ///
    /// Our guess: a role that is taken away is missed at once, as the token's end is. In Azure that takes minutes.
    pub(crate) fn allows(
        &self,
        node: &str,
        right: Right,
        authority: &Authority,
        now: Timestamp,
    ) -> Result<(), Closed> {
        if self.everything {
            return Ok(());
        }
        let mut closed = Closed::NoToken;
        for (path, claim) in &self.open {
            if claim.until > now && covers(path, node) {
                closed = Closed::NoRole;
                let allowed = match claim.holder {
                    Holder::Key => true,
                    Holder::Principal(principal) => authority.grants(principal, right, node),
                };
                if allowed {
                    return Ok(());
                }
            }
        }
        Err(closed)
    }

    /// When a claim ends next, of those that still hold.
    pub(crate) fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        self.open.values().map(|claim| claim.until).filter(|until| *until > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::EntraTokens;

    #[test]
    fn a_claim_ends() {
        let at = Timestamp::from_milliseconds;
        let authority = Authority::generate(EntraTokens::Refuse).unwrap();
        let mut access = Access::none_yet();
        let allows = |access: &Access, now| access.allows("orders", Right::Send, &authority, at(now));
        assert_eq!(allows(&access, 0), Err(Closed::NoToken));
        access.open("orders".to_owned(), Holder::Key, at(10));
        assert_eq!(allows(&access, 9), Ok(()));
        assert_eq!(allows(&access, 10), Err(Closed::NoToken));
        assert_eq!(allows(&Access::to_everything(), 99), Ok(()));
    }

    #[test]
    fn whom_no_role_lets_in_is_told_so_and_not_that_the_token_ended() {
        let at = Timestamp::from_milliseconds;
        let authority = Authority::generate(EntraTokens::Refuse).unwrap();
        let mut access = Access::none_yet();
        access.open("orders".to_owned(), Holder::Principal(Uuid::from_u128(1)), at(10));
        let allows = |now| access.allows("orders", Right::Send, &authority, at(now));
        assert_eq!(allows(9), Err(Closed::NoRole));
        assert_eq!(allows(10), Err(Closed::NoToken));
    }
}
