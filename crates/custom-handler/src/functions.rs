//! The functions of an app, and the router that serves them.

use std::{fmt::Display, sync::Arc};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::StatusCode,
    middleware::{self, Next},
    routing::post,
};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use crate::{
    answer,
    dead_letter::DeadLetter,
    dispatch::{Function, Runtime, invoke},
    http_function::{forwarded, ready_at_once},
    invocation::{Handler, INVOCATION_ID, OnUndecodable},
    message::{Message, Outcome, Undecodable},
    queue::{on_message, on_undecodable},
    settings::{Settings, SettingsError},
    span::Trigger,
    timer::{Timer, on_timer},
};

/// The functions of an app.
///
/// A function's name is that of the folder its `function.json` lies in, to the letter. `S` is what they share; every
/// run gets a clone.
#[must_use = "functions do nothing until they are served"]
pub struct Functions<S> {
    state: S,
    settings: Option<Settings>,
    http: Vec<(&'static str, Router<S>)>,
    invoked: Vec<Function<S>>,
    dead_letters: Option<Arc<dyn DeadLetter>>,
    on_undecodable: Option<OnUndecodable<S>>,
}

/// A function that the code registers, to be compared with the `function.json` files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Registered {
    /// The function's name.
    pub name: &'static str,
    /// The `type` of its trigger in `function.json`, for instance `serviceBusTrigger`.
    pub trigger: &'static str,
}

impl<S: Clone + Send + Sync + 'static> Functions<S> {
    /// No functions yet.
    pub fn new(state: S) -> Self {
        Self {
            state,
            settings: None,
            http: Vec::new(),
            invoked: Vec::new(),
            dead_letters: None,
            on_undecodable: None,
        }
    }

    /// Adds an HTTP function. Its routes carry the whole path that the host forwards: the route prefix (`/api` unless
    /// `host.json` says otherwise) and the `route` of `function.json`, or the function's name if that has none.
    ///
    /// The `function.json` must have one `httpTrigger` and one `http` binding and nothing else, and `host.json` must
    /// say `enableForwardingHttpRequest`; otherwise the host does not forward.
    ///
    /// # Panics
    /// When the name is not a function name or is taken, or when `routes` has no routes. Serving panics when two functions
    /// have the same route, as axum does. A fallback of `routes` is not used.
    pub fn http(mut self, name: &'static str, routes: Router<S>) -> Self {
        self.check_name(name);
        assert!(routes.has_routes(), "the HTTP function {name:?} has no routes");
        self.http.push((name, routes));
        self
    }

    /// Adds a function for the messages of a Service Bus queue or subscription, one a run. The function returns an
    /// [`Outcome`], or `()` if it refuses nothing.
    ///
    /// # Panics
    /// When the name is not a function name or is taken.
    pub fn queue<T, H, Fut, R, E>(self, name: &'static str, handler: H) -> Self
    where
        T: DeserializeOwned + Send + 'static,
        H: Fn(Message<T>, S) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: Into<Outcome>,
        E: Display,
    {
        self.invoked(name, Trigger::Queue, on_message(handler))
    }

    /// Adds a function for a timer. An error fails the run; the host does not try again before the next time.
    ///
    /// # Panics
    /// When the name is not a function name or is taken.
    pub fn timer<H, Fut, E>(self, name: &'static str, handler: H) -> Self
    where
        H: Fn(Timer, S) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Display,
    {
        self.invoked(name, Trigger::Timer, on_timer(handler))
    }

    /// Sets how refused messages are dead-lettered. Without it, a refusal fails the invocation, and the broker
    /// dead-letters the message when its delivery count is used up.
    pub fn dead_letter_with(mut self, dead_letters: impl DeadLetter) -> Self {
        self.dead_letters = Some(Arc::new(dead_letters));
        self
    }

    /// Sets what decides about messages whose body is not what their function takes. Without it they are refused with
    /// the reason `Undecodable`; `Ok(message.body.into())` is that outcome, for an app that only wants to know of it. An
    /// error fails the invocation, and the message returns to its queue.
    ///
    /// ```
    /// # use custom_handler::{Functions, Message, Outcome, Undecodable};
    /// # #[derive(Clone)] struct App;
    /// async fn undecodable(message: Message<Undecodable>, _app: App) -> Result<Outcome, std::io::Error> {
    ///     tracing::warn!(function = message.function, problem = message.body.problem, "undecodable");
    ///     Ok(message.body.into())
    /// }
    /// # let _ =
    /// Functions::new(App).undecodable_with(undecodable);
    /// ```
    pub fn undecodable_with<H, Fut, E>(mut self, decide: H) -> Self
    where
        H: Fn(Message<Undecodable>, S) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Outcome, E>> + Send + 'static,
        E: Display,
    {
        self.on_undecodable = Some(on_undecodable(decide));
        self
    }

    /// Sets the limits, instead of those of the environment.
    pub fn with_settings(mut self, settings: Settings) -> Self {
        self.settings = Some(settings);
        self
    }

    /// The functions so far, in the order of their names.
    #[must_use]
    pub fn registered(&self) -> Vec<Registered> {
        let http = self.http.iter().map(|&(name, _)| (name, Trigger::Http));
        let invoked = self.invoked.iter().map(|function| (function.name, function.trigger));
        let describe =
            |(name, trigger): (&'static str, Trigger)| Registered { name, trigger: trigger.binding_type() };
        let mut registered: Vec<_> = http.chain(invoked).map(describe).collect();
        registered.sort_unstable();
        registered
    }

    /// The router that serves the functions, with [`Settings::default`] unless some were given. For tests, and for
    /// processes that serve on their own: then see to it that only the host can reach the router.
    pub fn into_router(self) -> Router {
        let settings = self.settings.clone().unwrap_or_default();
        self.router(settings, None)
    }

    pub(crate) fn settings_or_environment(&self) -> Result<Settings, SettingsError> {
        self.settings.clone().map_or_else(Settings::from_environment, Ok)
    }

    pub(crate) fn router(self, settings: Settings, port: Option<u16>) -> Router {
        let (deadline, body_limit) = (settings.deadline, settings.body_limit);
        let mut http = Router::new();
        for (name, routes) in self.http {
            let run = move |request: Request, next: Next| forwarded(name, deadline, request, next);
            let around = middleware::from_fn::<_, (Request,)>(run);
            http = http.merge(routes.reset_fallback().route_layer(around));
        }
        let mut router = http
            .layer(DefaultBodyLimit::max(body_limit))
            .fallback(unknown)
            .layer(middleware::from_fn(ready_at_once))
            .with_state(self.state.clone());
        let runtime = Arc::new(Runtime {
            state: self.state,
            slots: settings.concurrency.map(Semaphore::new),
            settings,
            dead_letters: self.dead_letters,
            on_undecodable: self.on_undecodable,
            port,
        });
        for function in self.invoked {
            let (path, runtime, function) =
                (format!("/{}", function.name), Arc::clone(&runtime), Arc::new(function));
            let run = move |request: Request| invoke(Arc::clone(&runtime), Arc::clone(&function), request);
            router = router.route(&path, post(run).fallback(not_invoked));
        }
        router
    }

    fn invoked(mut self, name: &'static str, trigger: Trigger, handler: Handler<S>) -> Self {
        self.check_name(name);
        self.invoked.push(Function { name, trigger, handler });
        self
    }

    /// Names as the Functions host takes them; it ignores case when it compares them.
    fn check_name(&self, name: &'static str) {
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let valid = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(letters)
            && name.len() <= 128;
        assert!(valid, "{name:?} is not a function name: a letter, then letters, digits, _ or -");
        let taken = self.registered().iter().any(|other| other.name.eq_ignore_ascii_case(name));
        assert!(!taken, "two functions are named {name:?}");
    }
}

/// The host invokes by POST alone.
async fn not_invoked() -> axum::response::Response {
    answer::error(StatusCode::METHOD_NOT_ALLOWED, "a function is invoked by POST")
}

/// The host asks for a function that it has a `function.json` for and the code does not know.
async fn unknown(request: Request) -> axum::response::Response {
    let (method, path) = (request.method(), request.uri().path());
    if request.headers().contains_key(INVOCATION_ID) {
        tracing::error!(%method, path, "no function is registered for this request");
    }
    answer::error(StatusCode::NOT_FOUND, "no such function")
}
