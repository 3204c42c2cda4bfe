//! How often vaults and tenants are asked by the watch: a vault may hold the keys of many onboardings, and its owner must
//! not be throttled because of us.
//!
//! Looks are spread over the interval already; this bounds what comes together all the same, after an outage or when
//! people ask. What is over the budget waits for the next moment.
//!
//! Kept in the memory of one instance, because a shared count would cost a write for each look, which is more than a healthy
//! day may cost. Over all instances something else bounds it: each onboarding has one look in an interval, at a minute of its
//! own, and a look that is overtaken is void. So a vault with 500 onboardings is asked for at most 50 looks in a minute
//! (`watched_tests.rs`), 250 calls, on however many instances; and after a standstill for one look of each, 2,500 calls,
//! which Azure allows in ten seconds for the usual keys. People are bounded by budgets in the store (`budgets.rs`). A vault
//! that throttles is not believed to have revoked anything.

use std::{collections::HashMap, sync::Mutex};

use azure_ids::{TenantId, VaultHost};
use time::{Duration, OffsetDateTime};

/// Looks at one vault, or in one tenant, in one window. A full look is five calls, so a vault gets at most 100 in ten
/// seconds; Azure allows it 4,000 operations with RSA keys of 2,048 bits in that time, and 250 with the most costly.
const IN_WINDOW: u32 = 20;
const WINDOW: Duration = Duration::seconds(10);

/// The budget.
#[derive(Debug, Default)]
pub(crate) struct Looks(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    since: Option<OffsetDateTime>,
    of: HashMap<String, u32>,
}

impl Looks {
    /// Whether this vault may be looked at now; otherwise how long to wait.
    pub(crate) fn admit(
        &self,
        vault: &VaultHost,
        tenant: TenantId,
        now: OffsetDateTime,
    ) -> Result<(), std::time::Duration> {
        let mut counts = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if counts.since.is_none_or(|since| now - since >= WINDOW || now < since) {
            *counts = Counts { since: Some(now), of: HashMap::new() };
        }
        let asked = [vault.as_str().to_owned(), tenant.to_string()];
        if asked.iter().any(|one| counts.of.get(one).is_some_and(|count| *count >= IN_WINDOW)) {
            return Err(WINDOW.unsigned_abs());
        }
        for one in asked {
            *counts.of.entry(one).or_default() += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{ID, NOW};

    #[test]
    fn a_vault_and_a_tenant_are_asked_no_more_often_than_the_budget_allows() {
        let looks = Looks::default();
        let vault = |name: &str| -> VaultHost {
            let key: azure_ids::KeyUrl = format!("https://{name}.vault.azure.net/keys/k").parse().unwrap();
            key.host().clone()
        };
        let tenants: [TenantId; 2] =
            [ID.parse().unwrap(), "0a1b2c3d-9999-2222-3333-444455556666".parse().unwrap()];
        let admitted = |name: &str, tenant, now| {
            (0..100).filter(|_| looks.admit(&vault(name), tenant, now).is_ok()).count()
        };
        assert_eq!(admitted("contoso", tenants[0], NOW), 20);
        assert_eq!(admitted("other", tenants[0], NOW), 0, "the same tenant");
        assert_eq!(admitted("contoso", tenants[1], NOW), 0, "the same vault");
        assert_eq!(admitted("fabrikam", tenants[1], NOW), 20);
        assert_eq!(admitted("contoso", tenants[0], NOW + WINDOW), 20, "a moment later");
    }
}
