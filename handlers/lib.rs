//! Latchkey's function app: from a marketplace sign-up to disks encrypted under a key that only the customer holds.
//!
//! [`functions`] is the table of contents, one line a function. Each function lives in a folder of its own name with
//! the `function.json` that the Functions host reads. No handler calls another: they only send messages.
//! What every queue function shares is [`step`]; what the HTTP functions share is `http`.

mod app;
pub mod clock;
mod functions;
pub mod moments;
pub mod package;
mod pages;
pub mod settings;
pub mod step;
mod systems;
#[cfg(test)]
mod test_support;
pub mod trace_context;

use std::sync::Arc;

use anyhow::Context as _;
pub use app::App;
use custom_handler::{Functions, Message, Timer};
pub use moments::{Moment, Moments, Unobserved};
use onboarding::event::{Event, EventData};
pub use pages::signing;
pub use settings::Settings;
use step::{Next, Step, StepError};

/// Every function of the app.
pub fn functions(app: App) -> Functions<App> {
    let bus = app.bus.clone();
    let registered = Functions::new(app)
        .dead_letter_with(bus)
        .http("signup", functions::signup::routes())
        .http("consent_callback", functions::consent_callback::routes())
        .http("onboarding_page", functions::onboarding_page::routes())
        .http("share_key", functions::share_key::routes())
        .http("marketplace_webhook", functions::marketplace_webhook::routes())
        .http("operations", functions::operations::routes())
        .timer("sweep", |_: Timer, app| functions::sweep::handle(app));
    let registered = queue(registered, "signup_requested", functions::signup_requested::handle);
    let registered = queue(registered, "customer_consented", functions::customer_consented::handle);
    let registered = queue(registered, "key_shared", functions::key_shared::handle);
    let registered = queue(registered, "provision_requested", functions::provision_requested::handle);
    let registered = queue(registered, "provision_started", functions::provision_started::handle);
    let registered =
        queue(registered, "disk_encryption_requested", functions::disk_encryption_requested::handle);
    let registered = queue(registered, "activation_requested", functions::activation_requested::handle);
    let registered = queue(registered, "key_check_due", functions::key_check_due::handle);
    queue(registered, "marketplace_changed", functions::marketplace_changed::handle)
}

/// A function whose messages are steps of an onboarding.
fn queue<D, F>(
    functions: Functions<App>,
    name: &'static str,
    handler: impl Fn(Step<D>, App) -> F + Clone + Send + Sync + 'static,
) -> Functions<App>
where
    D: EventData + Sync,
    F: Future<Output = Result<Next, StepError>> + Send + 'static,
{
    functions.queue(name, move |message: Message<Event<D>>, app: App| {
        step::run(name, message, app, handler.clone())
    })
}

/// Serves the app until the host stops it. Settings come from the environment.
///
/// # Errors
/// When the settings cannot be used, or the port cannot be listened on.
pub async fn run(moments: Arc<dyn Moments>) -> anyhow::Result<()> {
    let app = App::new(Settings::from_environment()?, moments)?;
    functions(app).serve().await.context("serving the functions")
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;

    /// An app whose journal is in memory, and which reaches nobody.
    pub(crate) fn app() -> App {
        App::new(settings(), Arc::new(Unobserved)).unwrap()
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

    /// What the code registers, and what the files declare.
    #[tokio::test]
    async fn code_and_function_json_name_the_same_functions_with_the_same_triggers() {
        let app = app();
        let code: BTreeMap<&str, String> = functions(app)
            .registered()
            .iter()
            .map(|function| (function.name, function.trigger.to_owned()))
            .collect();
        let files: BTreeMap<&str, String> = package::FUNCTIONS
            .iter()
            .map(|function| {
                let bindings = package::bindings(function);
                let trigger = bindings.iter().find(|b| b["direction"] == "in").unwrap();
                if trigger["type"] == "serviceBusTrigger" {
                    assert_eq!(
                        trigger["dataType"], "binary",
                        "{}: without it bodies could write metadata",
                        function.name
                    );
                }
                (function.name, trigger["type"].as_str().unwrap().to_owned())
            })
            .collect();
        assert_eq!(code, files);
        let folders: Vec<String> =
            std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/handlers/functions"))
                .unwrap()
                .map(|entry| entry.unwrap())
                .filter(|entry| entry.path().join("function.json").exists())
                .map(|entry| entry.file_name().into_string().unwrap())
                .collect();
        assert_eq!(
            folders.len(),
            package::FUNCTIONS.len(),
            "a folder is missing from the package: {folders:?}"
        );
    }

    #[test]
    fn every_kind_of_event_has_its_queue() {
        let mut of_events: Vec<String> =
            onboarding::event::KINDS.iter().map(|(_, queue)| (*queue).to_owned()).collect();
        let mut of_functions = package::queue_names();
        of_events.sort();
        of_functions.sort();
        assert_eq!(of_events, of_functions);
    }

    /// The path that a route in code answers is the one that `function.json` has the host forward.
    #[test]
    fn every_http_function_declares_a_route() {
        for function in package::FUNCTIONS {
            for binding in package::bindings(function) {
                if binding["type"] == "httpTrigger" {
                    assert!(
                        binding["route"].as_str().is_some_and(|route| !route.starts_with('/')),
                        "{}",
                        function.name
                    );
                    assert!(matches!(binding["methods"], Value::Array(_)), "{}", function.name);
                }
            }
        }
    }
}
