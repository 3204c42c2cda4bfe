//! Latchkey's function app: from a marketplace sign-up to disks encrypted under a key that only the customer holds.
//!
//! [`table`](table()) is the table of contents, one line a function. Each function lives in a folder of its own name in
//! `functions/`. No function calls another: they only send messages. What they share is named for what it is:
//! [`step`] is what happens around every queue function, `systems` speaks to the systems outside, `pages` answers
//! browsers.

mod app;
mod budgets;
pub mod clock;
mod deployment;
mod functions;
mod metrics;
pub mod package;
mod pages;
pub mod settings;
pub mod step;
pub mod store;
mod systems;
pub mod table;
#[cfg(test)]
mod test_support;
pub mod trace_context;

use std::sync::Arc;

use anyhow::Context as _;
pub use app::{App, Ground};
pub use clock::{Clock, SystemClock};
pub use pages::signing;
pub use settings::Settings;
pub use step::observer::{Observer, Unobserved};
pub use table::{queue_functions, table};

/// Serves the app until the host stops it. Settings come from the environment.
///
/// # Errors
/// When the settings cannot be used or contradict the store, or the port cannot be listened on.
pub async fn run(observer: Arc<dyn Observer>, clock: Arc<dyn Clock>) -> anyhow::Result<()> {
    let app = App::new(Settings::from_environment()?, observer, clock)?;
    deployment::check(&app.store, &app.settings).await?;
    table::registered(app).serve().await.context("serving the functions")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An app whose journal is in memory, and which reaches nobody.
    pub(crate) fn app() -> App {
        App::new(settings(), Arc::new(Unobserved), Arc::new(SystemClock)).unwrap()
    }

    fn settings() -> Settings {
        let id = "0a1b2c3d-1111-2222-3333-444455556666";
        Settings::read(|name| {
            Some(match name {
                "ServiceBus__fullyQualifiedNamespace" => "contoso.servicebus.windows.net".to_owned(),
                "LATCHKEY_JOURNAL_URL" => "memory:///".to_owned(),
                "LATCHKEY_PUBLIC_URL" => "http://127.0.0.1:7071".to_owned(),
                "LATCHKEY_MANAGED_IDENTITY_ID" => {
                    format!("/subscriptions/{id}/resourceGroups/g/providers/M.I/u/n")
                }
                "LATCHKEY_RESOURCE_GROUP" => "g".to_owned(),
                "LATCHKEY_REGION" => "westeurope".to_owned(),
                "LATCHKEY_SIGNING_KEY" => {
                    use base64::{Engine as _, engine::general_purpose::STANDARD};
                    STANDARD.encode([7; 32])
                }
                name if name.ends_with("_ID") => id.to_owned(),
                _ => return None,
            })
        })
        .unwrap()
    }
}
