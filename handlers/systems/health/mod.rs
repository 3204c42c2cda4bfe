//! Whether everything that the app stands on works, tried as the app: the only place where its identity, its roles, its
//! network and the firewalls are real.
//!
//! Each check tries what it speaks of, and changes nothing that stays: an object is put into the journal's store and taken
//! away again, links are attached to the queues, and everything else is read.

mod azure;
mod bus;
pub(crate) mod found;
mod identity;
mod store;
mod telemetry;

use std::{future::Future, time::Duration};

use futures::future::join4;

use self::found::{Check, Health, Outcome, Owner};
use crate::App;

/// Longer than any of the clients waits for one answer is no answer.
const TIME_LIMIT: Duration = Duration::from_secs(25);

/// Tries everything, all at once.
pub(crate) async fn look(app: &App) -> Health {
    let (identity, store, bus, azure) =
        Box::pin(join4(identity::checks(app), store::checks(app), bus::checks(app), azure::checks(app)))
            .await;
    let checks = [identity, store, bus, azure, vec![telemetry::check()]].concat();
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
