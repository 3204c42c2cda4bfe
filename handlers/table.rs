//! Every function of the app, in one table.
//!
//! A line says what sets the function off, what runs then, and which systems it calls. Everything else follows from it:
//! what the runtime registers, the `function.json` files and the queues ([`package`](crate::package)), and what tests
//! and tools go through.

use std::{fmt::Display, sync::LazyLock};

use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
};
use custom_handler::{Functions, Message, Timer};
use onboarding::event::{Event, EventData};

use crate::{
    App, functions, metrics,
    step::{self, Step, StepError, observer::observed},
};
use Access::{Anonymous, FunctionKey};
use Method::{Get, Options, Post};
use System::{Entra, KeyVault, Marketplace, ResourceManager};

static TABLE: LazyLock<Vec<Function>> = LazyLock::new(|| {
    vec![
        http("signup", "signup", &[Get], Anonymous, functions::signup::routes, &[Marketplace]),
        http(
            "consent_callback",
            "consent/callback",
            &[Get],
            Anonymous,
            functions::consent_callback::routes,
            &[],
        ),
        http(
            "onboarding_page",
            "onboarding/{id}/{action?}",
            &[Get, Post],
            Anonymous,
            functions::onboarding_page::routes,
            &[],
        ),
        http("share_key", "share-key/{id}", &[Post], Anonymous, functions::share_key::routes, &[]),
        http(
            "marketplace_webhook",
            "marketplace/webhook",
            &[Post],
            Anonymous,
            functions::marketplace_webhook::routes,
            &[Entra],
        ),
        http(
            "key_event_webhook",
            "key-events/{id}",
            &[Post, Options],
            Anonymous,
            functions::key_event_webhook::routes,
            &[],
        ),
        http(
            "operations",
            "operations/{*rest}",
            &[Get, Post],
            FunctionKey,
            functions::operations::routes,
            &[Entra, KeyVault, ResourceManager],
        ),
        queue(functions::signup_requested::handle, &[Marketplace]),
        queue(functions::customer_consented::handle, &[Entra]),
        queue(functions::key_shared::handle, &[Entra, KeyVault, ResourceManager]),
        queue(functions::provision_requested::handle, &[ResourceManager, Entra]),
        queue(functions::provision_started::handle, &[ResourceManager, Entra]),
        queue(functions::disk_encryption_requested::handle, &[ResourceManager, Entra]),
        queue(functions::activation_requested::handle, &[ResourceManager, Marketplace]),
        queue(functions::check_due::handle, &[]),
        queue(functions::marketplace_changed::handle, &[Marketplace]),
        queue(functions::subscription_check_due::handle, &[Marketplace]),
        queue(functions::key_events::handle, &[Entra, KeyVault, ResourceManager]),
        queue(functions::watch_due::handle, &[Entra, KeyVault, ResourceManager]),
        queue(functions::key_replacement_requested::handle, &[Entra, KeyVault, ResourceManager]),
        queue(functions::rung_due::handle, &[Entra, KeyVault, ResourceManager]),
        queue(functions::machine_switch_requested::handle, &[ResourceManager]),
        queue(functions::leaving_due::handle, &[ResourceManager]),
        queue(functions::disk_return_requested::handle, &[ResourceManager]),
        queue(functions::set_removal_requested::handle, &[ResourceManager]),
        queue(functions::access_check_requested::handle, &[Entra, KeyVault]),
        queue(functions::window_due::handle, &[]),
        queue(functions::replay_due::handle, &[]),
        timer("watch", "%LATCHKEY_WATCH_SCHEDULE%", &[], functions::watch::handle),
        timer("sweep", "%LATCHKEY_SWEEP_SCHEDULE%", &[], functions::sweep::handle),
        timer("find_disks", "0 20 * * * *", &[ResourceManager], functions::find_disks::handle),
        timer("check_subscriptions", "0 45 2 * * *", &[], functions::check_subscriptions::handle),
        timer("anchor_journal", "0 15 3 * * *", &[], functions::anchor_journal::handle),
    ]
});

/// Every function of the app: those that answer requests, those of the queues in the order of the chain, the timers.
#[must_use]
pub fn table() -> &'static [Function] {
    &TABLE
}

/// The names of the functions that messages set off, in the order of the chain.
pub fn queue_functions() -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter_map(Function::queue)
}

/// One function: a line of the table.
pub struct Function {
    /// Its name: the folder that its code is in, and the one that the host finds its `function.json` in.
    pub name: &'static str,
    /// What sets it off.
    pub trigger: Trigger,
    /// The systems outside the app that it asks. That a call to any of them needs a token of Entra's is not listed.
    pub calls: &'static [System],
    register: Box<Register>,
}

/// Adds a function to those of an app.
type Register = dyn Fn(Functions<App>, &App) -> Functions<App> + Send + Sync;

/// What sets a function off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// A request that the host forwards.
    Http {
        /// The route, as `function.json` has it.
        route: &'static str,
        /// The methods that are forwarded.
        methods: &'static [Method],
        /// Who may call it.
        access: Access,
    },
    /// A message. The queue has the function's name: refused messages are found by it.
    Queue {
        /// The queue.
        queue: &'static str,
        /// The CloudEvents type of its messages.
        event_type: &'static str,
    },
    /// The time.
    Timer {
        /// When: six fields, or the setting between `%` that holds them.
        schedule: &'static str,
    },
}

/// A method of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `OPTIONS`
    Options,
    /// `POST`
    Post,
}

/// Whom the host lets call a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody. The function checks a link, a state or a token itself.
    Anonymous,
    /// Whoever has a function key.
    FunctionKey,
}

/// A system that functions call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    /// Microsoft Entra: whether a tenant consents, and with which keys it signs its tokens.
    Entra,
    /// The customer's key vault.
    KeyVault,
    /// Azure Resource Manager.
    ResourceManager,
    /// The commercial marketplace.
    Marketplace,
}

impl Function {
    /// Its queue, if messages set it off.
    #[must_use]
    pub fn queue(&self) -> Option<&'static str> {
        match self.trigger {
            Trigger::Queue { queue, .. } => Some(queue),
            Trigger::Http { .. } | Trigger::Timer { .. } => None,
        }
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function")
            .field("name", &self.name)
            .field("trigger", &self.trigger)
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

/// The functions of the table, ready to be served.
pub fn registered(app: App) -> Functions<App> {
    let none = Functions::new(app.clone()).dead_letter_with(app.bus.clone());
    TABLE.iter().fold(none, |functions, function| (function.register)(functions, &app))
}

/// A function that answers requests.
fn http(
    name: &'static str,
    route: &'static str,
    methods: &'static [Method],
    access: Access,
    routes: fn() -> Router<App>,
    calls: &'static [System],
) -> Function {
    let register = Box::new(move |functions: Functions<App>, app: &App| {
        let observer = app.observer.clone();
        let watched = middleware::from_fn(move |request: Request, next: Next| {
            let observer = observer.clone();
            async move { observed(name, observer.as_ref(), next.run(request)).await }
        });
        functions.http(name, routes().route_layer(watched))
    });
    Function { name, trigger: Trigger::Http { route, methods, access }, calls, register }
}

/// A function whose messages are steps of an onboarding. Queue, name and type come from the event that its handler
/// takes.
fn queue<D, F>(
    handler: impl Fn(Step<D>, App) -> F + Copy + Send + Sync + 'static,
    calls: &'static [System],
) -> Function
where
    D: EventData + Sync,
    F: Future<Output = Result<step::Next, StepError>> + Send + 'static,
{
    let register = Box::new(move |functions: Functions<App>, _: &App| {
        functions.queue(D::QUEUE, move |message: Message<Event<D>>, app: App| {
            step::run(D::QUEUE, message, app, handler)
        })
    });
    let trigger = Trigger::Queue { queue: D::QUEUE, event_type: D::KIND };
    Function { name: D::QUEUE, trigger, calls, register }
}

/// A function that the time sets off.
fn timer<F, E>(
    name: &'static str,
    schedule: &'static str,
    calls: &'static [System],
    handler: fn(App) -> F,
) -> Function
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Display + 'static,
{
    let register = Box::new(move |functions: Functions<App>, _: &App| {
        functions.timer(name, move |_: Timer, app: App| {
            let observer = app.observer.clone();
            async move {
                let clock = app.clock.clone();
                let ended = observed(name, observer.as_ref(), handler(app)).await;
                if ended.is_ok() {
                    metrics::timer(name, clock.now());
                }
                ended
            }
        })
    });
    Function { name, trigger: Trigger::Timer { schedule }, calls, register }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
