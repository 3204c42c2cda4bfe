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
    batch::{Settlement, on_batch, on_each},
    batch_wire::DataType,
    dispatch::{Function, Handler, Runtime, invoke},
    event_grid::{GridEvent, on_event},
    http_function::{forwarded, ready_at_once},
    http_invocation::{HttpRequest, HttpResponse, on_request},
    message::{Completion, DeadLetter, Message, Outcome, on_message},
    outputs::Outputs,
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
}

/// A function that the code has, to be held against the `function.json` files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Registered {
    /// The function's name.
    pub name: &'static str,
    /// What sets it off.
    pub kind: Kind,
    /// The `type` of its trigger in `function.json`, for instance `serviceBusTrigger`.
    pub trigger: &'static str,
}

/// What sets a function off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// HTTP requests (`httpTrigger` and `http`). axum does not tell the paths of a router;
    /// [`TestFunctions::methods_at`](crate::testing::TestFunctions::methods_at) asks for them.
    Http,
    /// Messages of a queue or subscription (`serviceBusTrigger`) and published events (`eventGridTrigger`), which
    /// [`Registered::trigger`] tells apart: together what OpenTelemetry calls `pubsub`.
    Queue,
    /// A timer (`timerTrigger`).
    Timer,
}

impl<S: Clone + Send + Sync + 'static> Functions<S> {
    /// No functions yet.
    pub fn new(state: S) -> Self {
        Self { state, settings: None, http: Vec::new(), invoked: Vec::new(), dead_letters: None }
    }

    /// Adds an HTTP function. Its routes carry the whole path that the host forwards: the route prefix (`/api` unless
    /// `host.json` says otherwise) and the `route` of `function.json`, or the function's name if that has none.
    ///
    /// The `function.json` must have one `httpTrigger` and one `http` binding and nothing else, and `host.json` must
    /// say `enableForwardingHttpRequest`; otherwise the host does not forward.
    ///
    /// # Panics
    /// When the name is no function name or taken, or when `routes` has no routes. Serving panics when two functions
    /// have the same route, as axum does. A fallback of `routes` is not used.
    pub fn http(mut self, name: &'static str, routes: Router<S>) -> Self {
        self.check_name(name);
        assert!(routes.has_routes(), "the HTTP function {name:?} has no routes");
        self.http.push((name, routes));
        self
    }

    /// Adds an HTTP function that the host does not forward: one with further outputs, or any when `host.json` does
    /// not say `enableForwardingHttpRequest`. Its `http` binding must be named `res`. The function returns a response,
    /// or a response and [`Outputs`]; an error is answered with an empty 500 by the host.
    ///
    /// # Panics
    /// When the name is no function name or taken.
    pub fn http_invoked<H, Fut, R, E>(self, name: &'static str, handler: H) -> Self
    where
        H: Fn(HttpRequest, S) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: Into<(HttpResponse, Outputs)>,
        E: Display,
    {
        self.invoked(name, Trigger::Http, on_request(handler))
    }

    /// Adds a function for the messages of a Service Bus queue or subscription, several a run: the trigger must say
    /// `"cardinality": "many"`, `"autoCompleteMessages": false` and, as it says nothing else of its encoding, the
    /// `dataType` that is given here.
    ///
    /// The function returns one result a message, in their order. `settlement` then settles each by itself, so that one
    /// bad message does not return the others with it: an error abandons its message, a body that cannot be decoded is
    /// dead-lettered and the function does not see it. A panic or a passed deadline fails the invocation, and the host
    /// abandons the batch; with [`queue_each`](Self::queue_each) that is a matter of one message, too.
    ///
    /// The host does not renew the locks of a batch: all of it has to be done within the queue's lock duration.
    ///
    /// # Panics
    /// When the name is no function name or taken.
    pub fn queue_batch<T, H, Fut, E>(
        self,
        name: &'static str,
        data_type: DataType,
        settlement: impl Settlement,
        handler: H,
    ) -> Self
    where
        T: DeserializeOwned + Send + 'static,
        H: Fn(Vec<Message<T>>, S) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<Result<Outcome, E>>> + Send + 'static,
        E: Display + Send + 'static,
    {
        self.invoked(name, Trigger::Queue, on_batch(data_type, Arc::new(settlement), handler))
    }

    /// As [`queue_batch`](Self::queue_batch), for a function that takes the messages one by one, several at once: what
    /// [`queue`](Self::queue) would take. Each message ends on its own, even by a panic, and is settled as soon as it
    /// has ended.
    ///
    /// # Panics
    /// When the name is no function name or taken.
    pub fn queue_each<T, H, Fut, E>(
        self,
        name: &'static str,
        data_type: DataType,
        settlement: impl Settlement,
        handler: H,
    ) -> Self
    where
        T: DeserializeOwned + Send + 'static,
        H: Fn(Message<T>, S) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Outcome, E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        self.invoked(name, Trigger::Queue, on_each(data_type, Arc::new(settlement), handler))
    }

    /// Adds a function for the messages of a Service Bus queue or subscription, one a run. The function returns an
    /// [`Completion`], or what can become one: an [`Outcome`], [`Outputs`], `()`.
    ///
    /// # Panics
    /// When the name is no function name or taken.
    pub fn queue<T, H, Fut, R, E>(self, name: &'static str, handler: H) -> Self
    where
        T: DeserializeOwned + Send + 'static,
        H: Fn(Message<T>, S) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: Into<Completion>,
        E: Display,
    {
        self.invoked(name, Trigger::Queue, on_message(handler))
    }

    /// Adds a function for events of Event Grid, one a run, in either schema. The function returns `()` or [`Outputs`].
    /// An error, and data that are not what the function takes, fail the run: Event Grid then delivers again, later.
    ///
    /// # Panics
    /// When the name is no function name or taken.
    pub fn event_grid<T, H, Fut, R, E>(self, name: &'static str, handler: H) -> Self
    where
        T: DeserializeOwned + Send + 'static,
        H: Fn(GridEvent<T>, S) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: Into<Outputs>,
        E: Display,
    {
        self.invoked(name, Trigger::EventGrid, on_event(handler))
    }

    /// Adds a function for a timer. The function returns `()` or [`Outputs`]. An error fails the run; the host does not try again before the next time.
    ///
    /// # Panics
    /// When the name is no function name or taken.
    pub fn timer<H, Fut, R, E>(self, name: &'static str, handler: H) -> Self
    where
        H: Fn(Timer, S) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: Into<Outputs>,
        E: Display,
    {
        self.invoked(name, Trigger::Timer, on_timer(handler))
    }

    /// Says how refused messages are dead-lettered. Without it, a refusal fails the invocation and the message dies
    /// when its deliveries are used up.
    pub fn dead_letter_with(mut self, settlement: impl DeadLetter) -> Self {
        self.dead_letters = Some(Arc::new(settlement));
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
        let describe = |(name, trigger): (&'static str, Trigger)| Registered {
            name,
            kind: match trigger {
                Trigger::Http => Kind::Http,
                Trigger::Queue | Trigger::EventGrid => Kind::Queue,
                Trigger::Timer => Kind::Timer,
            },
            trigger: trigger.binding_type(),
        };
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
        assert!(valid, "{name:?} is no function name: a letter, then letters, digits, _ or -");
        let taken = self.registered().iter().any(|other| other.name.eq_ignore_ascii_case(name));
        assert!(!taken, "there are two functions of the name {name:?}");
    }
}

/// The host invokes by POST alone.
async fn not_invoked() -> axum::response::Response {
    answer::error(StatusCode::METHOD_NOT_ALLOWED, "a function is invoked by POST")
}

/// The host asks for a function that it has a `function.json` for and the code does not know.
async fn unknown(request: Request) -> axum::response::Response {
    let (method, path) = (request.method(), request.uri().path());
    if request.headers().contains_key(crate::dispatch::INVOCATION_ID) {
        tracing::error!(%method, path, "no function is registered for this request");
    }
    answer::error(StatusCode::NOT_FOUND, "there is no such function")
}
