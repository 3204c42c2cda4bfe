//! What a look at everything that the app stands on came to.

use serde::Serialize;
use time::OffsetDateTime;

/// What came of one check.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Check {
    /// What was tried.
    pub(crate) check: &'static str,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// It works.
    Good {
        /// What was seen.
        saw: String,
    },
    /// It does not.
    Wrong {
        /// What was seen.
        saw: String,
        /// Who can mend it.
        owner: Owner,
        /// How.
        mend: String,
    },
    /// It could not be tried, or nobody answered.
    NotChecked {
        /// Why.
        saw: String,
    },
}

/// Who can mend something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Owner {
    /// Whoever may assign roles in the vendor's subscription.
    AzureAdministrator,
    /// Whoever may change applications in the vendor's tenant.
    EntraAdministrator,
    /// Whoever deploys the function app.
    Deployer,
    /// Whoever keeps the offer in Partner Center.
    PublisherOfOffer,
}

impl Outcome {
    pub(crate) fn good(saw: impl Into<String>) -> Self {
        Self::Good { saw: saw.into() }
    }

    pub(crate) fn wrong(saw: impl Into<String>, owner: Owner, mend: impl Into<String>) -> Self {
        Self::Wrong { saw: saw.into(), owner, mend: mend.into() }
    }

    pub(crate) fn not_checked(saw: impl Into<String>) -> Self {
        Self::NotChecked { saw: saw.into() }
    }
}

/// All checks of one moment.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Health {
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) at: OffsetDateTime,
    /// The version of the app that answered.
    pub(crate) version: &'static str,
    /// Where customers reach the app.
    pub(crate) public_url: String,
    /// One for each thing that was tried.
    pub(crate) checks: Vec<Check>,
}

impl Health {
    /// Whether nothing was found wrong.
    pub(crate) fn is_good(&self) -> bool {
        !self.checks.iter().any(|check| matches!(check.outcome, Outcome::Wrong { .. }))
    }
}
