//! Whether everything that the app stands on works, tried as the app: the only place where its identity, its roles, its
//! network and the firewalls are real.
//!
//! Each check tries what it speaks of, and changes nothing that stays: an object is put into the journal's store and taken
//! away again, links are attached to the queues, and everything else is read.

mod azure;
mod bus;
mod identity;
mod store;

use std::{future::Future, time::Duration};

use futures::future::join4;
use serde::Serialize;
use time::OffsetDateTime;

use crate::App;

/// Longer than any of the clients waits for one answer is no answer.
const TIME_LIMIT: Duration = Duration::from_secs(25);

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
    fn good(saw: impl Into<String>) -> Self {
        Self::Good { saw: saw.into() }
    }

    fn wrong(saw: impl Into<String>, owner: Owner, mend: impl Into<String>) -> Self {
        Self::Wrong { saw: saw.into(), owner, mend: mend.into() }
    }

    fn not_checked(saw: impl Into<String>) -> Self {
        Self::NotChecked { saw: saw.into() }
    }
}

/// All checks of one moment.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Health {
    /// When, in seconds since 1970.
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

/// Tries everything, all at once.
pub(crate) async fn look(app: &App) -> Health {
    let (identity, store, bus, azure) =
        Box::pin(join4(identity::checks(app), store::checks(app), bus::checks(app), azure::checks(app)))
            .await;
    let checks = [identity, store, bus, azure].concat();
    Health {
        at: app.clock.now(),
        version: env!("CARGO_PKG_VERSION"),
        public_url: app.settings.public_url.to_string(),
        checks,
    }
}

/// One check, within its time.
async fn tried(check: &'static str, outcome: impl Future<Output = Outcome>) -> Check {
    let outcome = tokio::time::timeout(TIME_LIMIT, outcome).await.unwrap_or_else(|_| {
        Outcome::not_checked(format!("there was no answer within {} seconds", TIME_LIMIT.as_secs()))
    });
    Check { check, outcome }
}
