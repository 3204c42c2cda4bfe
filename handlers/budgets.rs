//! How often people may set something off: each has a budget for one onboarding and one for all onboardings of a tenant.
//!
//! They hold over all instances of the app, because they are kept in the object store. What a stranger may cost is bounded
//! elsewhere, without the store ([`pages::strangers`](crate::pages::strangers)). `docs/budgets.md` has the whole table.

use std::time::Duration;

use azure_ids::TenantId;
use onboarding::{
    OnboardingId,
    budget::{Admission, Budget},
};

use crate::App;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Looks that the customer asks for: one for an onboarding in each [`look_again`](crate::Settings::look_again).
pub(crate) const CHECKS_OF_TENANT: Budget = Budget { name: "checks-of-tenant", times: 200, within: HOUR };

/// Answers of Entra's consent page. Each is tried for as long as a consent may be spreading.
pub(crate) const CONSENTS: Budget =
    Budget { name: "consents", times: 5, within: Duration::from_secs(10 * MINUTE.as_secs()) };
/// The same for a tenant.
pub(crate) const CONSENTS_OF_TENANT: Budget = Budget { name: "consents-of-tenant", times: 100, within: HOUR };

/// Keys that are submitted. Each is tried for as long as a grant may be spreading.
pub(crate) const KEYS: Budget =
    Budget { name: "keys", times: 20, within: Duration::from_secs(10 * MINUTE.as_secs()) };
/// The same for a tenant.
pub(crate) const KEYS_OF_TENANT: Budget = Budget { name: "keys-of-tenant", times: 200, within: HOUR };

/// The operator's checks of a key, each with a new token, and what the operator resumes: for one onboarding.
pub(crate) const OPERATOR: Budget = Budget { name: "operator", times: 60, within: MINUTE };

/// The looks of one onboarding that its customer asks for.
pub(crate) fn checks(app: &App) -> Budget {
    Budget { name: "checks", times: 1, within: app.settings.look_again }
}

/// Takes one from the budget of the onboarding, and one from its tenant's. When one of them is used up, how long until
/// there is a new one.
pub(crate) async fn take(
    app: &App,
    (of_onboarding, onboarding): (&Budget, OnboardingId),
    (of_tenant, tenant): (&Budget, TenantId),
) -> Result<Option<Duration>, object_store::Error> {
    match take_one(app, of_onboarding, onboarding).await? {
        None => take_one(app, of_tenant, tenant).await,
        wait => Ok(wait),
    }
}

/// Takes one from one budget. When it is used up, how long until there is a new one.
pub(crate) async fn take_one(
    app: &App,
    budget: &Budget,
    whose: impl ToString,
) -> Result<Option<Duration>, object_store::Error> {
    let now = app.clock.now();
    let until = match app.budgets.take(budget, &whose.to_string(), now).await? {
        Admission::Admitted => return Ok(None),
        Admission::UsedUp { until } => until,
    };
    tracing::warn!(budget = budget.name, whose = whose.to_string(), "a budget is used up");
    Ok(Some(Duration::try_from(until - now).unwrap_or_default()))
}

#[cfg(test)]
#[path = "budgets_tests.rs"]
mod tests;
