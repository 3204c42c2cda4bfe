//! Writes down, once a day, which journal entry of each onboarding is the newest, so that a removed one shows.
//!
//! Reads the journal of what changed since the last time; writes one anchor. Another instance that writes it at the same
//! time is as good. Publishes nothing.

use onboarding::journal::anchor::AnchorError;

use crate::App;

pub(crate) async fn handle(app: App) -> Result<(), AnchorError> {
    let anchor = app.anchors.write(&app.journal, app.clock.now()).await?;
    if let Some(anchor) = anchor {
        tracing::info!(number = anchor.number, onboardings = anchor.heads.len(), "the journal is anchored");
    }
    Ok(())
}
