//! The function app in this process, and what the host does for it: runs of a function, one at a time, each with its
//! trouble.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{Response, StatusCode, request::Parts},
    response::IntoResponse as _,
};
use azure_clients::{ProxyChoice, Transport, TransportOptions};
use azure_ids::KeyUrl;
use broker::{Control, Failure, Operation};
use bytes::Bytes;
use custom_handler::testing::{Answer, Invocation, TestFunctions};
use latchkey_functions::{
    App, Clock, Ground, Observer, Settings, Unobserved, table,
    table::{Trigger, registered},
};
use object_store::{ObjectStore, memory::InMemory};
use onboarding::{claim::Claims, journal::Journal};
use sandbox::{FaultScript, Sandbox};
use serde_json::json;
use service_bus::ClientOptions;

use crate::{
    clock::AppClock,
    fault::{Fault, Place, TOO_SLOW},
    identity::EndpointIdentity,
    stage::Stage,
    store::FailingStore,
    trouble::{DEADLINE_SECONDS, Trouble},
};

/// What Azure does not answer is given up after this time.
const DEADLINE: &str = "LATCHKEY_RETRY_DEADLINE_SECONDS";
/// More than a run sends.
const ALL: usize = 1_000;

/// The app of one story.
pub(crate) struct Playing {
    pub(crate) trouble: Arc<Trouble>,
    settings: Settings,
    transport: Transport,
    identity: Arc<EndpointIdentity>,
    control: Control,
    clock: Arc<dyn Clock>,
    sandbox: Arc<Sandbox>,
    store: Arc<dyn ObjectStore>,
    functions: Mutex<TestFunctions>,
    /// The same app without trouble: it looks at the page.
    onlooker: TestFunctions,
    requests: Mutex<Vec<(&'static str, Parts, Bytes)>>,
}

impl Playing {
    pub(crate) fn new(stage: &Stage, trouble: Trouble) -> Arc<Self> {
        let gives_up = trouble.gives_up();
        let deadline = |name: &str| (name == DEADLINE && gives_up).then(|| DEADLINE_SECONDS.to_string());
        let settings =
            Settings::read(|name| deadline(name).or_else(|| stage.settings.get(name).cloned())).unwrap();
        let patience = trouble.patience();
        let transport = Transport::new(TransportOptions {
            proxy: ProxyChoice::Through(stage.sandbox.proxy_url().parse().unwrap()),
            extra_root_certificates: Some(std::fs::read_to_string(stage.sandbox.ca_file()).unwrap()),
            time_limit: patience,
            ..TransportOptions::default()
        })
        .unwrap();
        let trouble = Arc::new(trouble);
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let failing: Arc<dyn ObjectStore> =
            Arc::new(FailingStore { inner: store.clone(), trouble: trouble.clone() });
        let client_id = settings.managed_identity_client_id.to_string();
        let identity = Arc::new(EndpointIdentity::new(&stage.sandbox, &client_id, patience));
        let clock: Arc<dyn Clock> = Arc::new(AppClock(stage.clock.clone()));
        let ground =
            |store: Arc<dyn ObjectStore>| (&settings, &transport, &identity, store, &clock, patience);
        let playing = functions(ground(failing), trouble.clone());
        let onlooker = functions(ground(store.clone()), Arc::new(Unobserved));
        Arc::new(Self {
            clock: clock.clone(),
            trouble,
            settings,
            transport,
            identity,
            control: stage.broker.control(),
            sandbox: stage.sandbox.clone(),
            store,
            functions: Mutex::new(playing),
            onlooker,
            requests: Mutex::default(),
        })
    }

    /// Runs a function by its invocation.
    pub(crate) async fn invoke(&self, function: &'static str, about: &str, invocation: Invocation) -> Answer {
        self.run(function, about, |functions| {
            let invocation = invocation.clone();
            async move { functions.invoke(invocation).await }
        })
        .await
    }

    /// Gives a request to the function whose route it has, as the host does.
    pub(crate) async fn forward(&self, request: Request) -> Response<Body> {
        let Some(function) = function_at(request.uri().path()) else {
            return StatusCode::NOT_FOUND.into_response();
        };
        let (parts, body) = request.into_parts();
        let Ok(body) = to_bytes(body, usize::MAX).await else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        lock(&self.requests).push((function, parts.clone(), body.clone()));
        self.request(function, &parts, &body).await.map(Body::from)
    }

    /// Everything that was requested so far.
    pub(crate) fn requests(&self) -> Vec<(&'static str, Parts, Bytes)> {
        lock(&self.requests).clone()
    }

    pub(crate) async fn request(
        &self,
        function: &'static str,
        parts: &Parts,
        body: &Bytes,
    ) -> Response<Bytes> {
        // Not the query: whoever tries again may come with another state of a consent.
        let about = format!("{} {} {body:?}", parts.method, parts.uri.path());
        self.run(function, &about, |functions| {
            let request = Request::from_parts(parts.clone(), Body::from(body.clone()));
            async move { functions.request(request).await }
        })
        .await
    }

    /// How many of these keys somebody holds.
    pub(crate) async fn held(&self, keys: &[KeyUrl]) -> usize {
        let (claims, journal) = (Claims::new(self.store.clone()), Journal::new(self.store.clone()));
        let mut held = 0;
        for key in keys {
            held += usize::from(claims.holder(&journal, key).await.unwrap().is_some());
        }
        held
    }

    /// Requests something of the app without its trouble.
    pub(crate) async fn look(&self, request: Request) -> Response<Bytes> {
        self.onlooker.request(request).await
    }

    async fn run<F: Future>(
        &self,
        function: &'static str,
        about: &str,
        once: impl Fn(TestFunctions) -> F,
    ) -> F::Output {
        let trouble = &self.trouble;
        if !trouble.has_begun() {
            return once(self.functions()).await;
        }
        trouble.begins(function, about, self.clock.now());
        if matches!(trouble.fault(), Fault::None | Fault::Call(_) | Fault::Killed) {
            // Another process each time: what it knows it asked itself.
            self.start_again();
        }
        let before = self.sandbox.azure_calls();
        self.sandbox.set_faults(self.script());
        let ordered = self.order_bus_faults();
        let ended = once(self.functions()).await;
        if self.control.faults_left() < ordered {
            trouble.struck(function);
        }
        self.control.forget_faults();
        let calls = self.sandbox.fault_summary().faults;
        self.sandbox.set_faults(no_faults());
        for call in calls {
            trouble.count(Place::Call, usize::try_from(call.matched).unwrap());
            if call.fired > 0 {
                trouble.struck(function);
            }
        }
        let after = self.sandbox.azure_calls().into_iter();
        trouble.called(function, after.filter(|(host, n)| before.get(host) != Some(n)).map(|(host, _)| host));
        let comes_twice = trouble.fault() == Fault::Twice && trouble.strikes();
        trouble.ends();
        if comes_twice {
            trouble.struck(function);
            once(self.functions()).await;
        }
        ended
    }

    fn functions(&self) -> TestFunctions {
        lock(&self.functions).clone()
    }

    /// Another process takes the place of this one.
    fn start_again(&self) {
        let failing: Arc<dyn ObjectStore> =
            Arc::new(FailingStore { inner: self.store.clone(), trouble: self.trouble.clone() });
        let patience = self.trouble.patience();
        let ground = (&self.settings, &self.transport, &self.identity, failing, &self.clock, patience);
        let again = functions(ground, self.trouble.clone());
        *lock(&self.functions) = again;
    }

    /// Counts the calls of this run, and strikes the one whose turn it is.
    fn script(&self) -> FaultScript {
        let trouble = &self.trouble;
        let rule = match trouble.fault() {
            Fault::Call(call) if trouble.strikes() => {
                json!({ "call": {}, "nth": [trouble.nth], "fault": call.script() })
            }
            // Whoever makes a request is told to come again, and no message dies of it.
            Fault::Outage if trouble.strikes() && trouble.is_queue_function() => {
                json!({ "call": {}, "fault": { "kind": "status", "status": 503 } })
            }
            _ => json!({ "call": {}, "nth": [u32::MAX], "fault": { "kind": "unseen" } }),
        };
        FaultScript::parse(&json!({ "faults": [rule] }).to_string()).unwrap()
    }

    /// Answers how many faults of the bus were ordered.
    fn order_bus_faults(&self) -> usize {
        if !self.trouble.strikes() {
            return 0;
        }
        // A message that is sent at once is a send, one for later a request.
        let both = [Operation::Send, Operation::Request];
        match self.trouble.fault() {
            Fault::BusRefuses => {
                both.into_iter()
                    .for_each(|operation| self.control.fail_next(operation, ALL, Failure::QuotaExceeded));
                2 * ALL
            }
            Fault::BusAnswerLost => {
                both.into_iter().for_each(|operation| self.control.delay_next(operation, 1, TOO_SLOW));
                2
            }
            _ => 0,
        }
    }
}

/// What an app is made of.
type Made<'a> = (
    &'a Settings,
    &'a Transport,
    &'a Arc<EndpointIdentity>,
    Arc<dyn ObjectStore>,
    &'a Arc<dyn Clock>,
    Duration,
);

fn functions(
    (settings, transport, identity, store, clock, patience): Made<'_>,
    observer: Arc<dyn Observer>,
) -> TestFunctions {
    let ground = Ground {
        transport: transport.clone(),
        managed_identity: Some(identity.clone()),
        bus: ClientOptions { attempt_time_limit: patience, ..ClientOptions::default() },
        anchors: store.clone(),
        store,
    };
    TestFunctions::new(registered(
        App::standing_on(ground, settings.clone(), observer, clock.clone()).unwrap(),
    ))
}

fn no_faults() -> FaultScript {
    FaultScript::parse(r#"{"faults":[]}"#).unwrap()
}

/// The function whose route begins like this path: the longest one.
fn function_at(path: &str) -> Option<&'static str> {
    let fits = table().iter().filter_map(|function| match function.trigger {
        Trigger::Http { route, .. } => {
            let fixed = format!("/api/{}", route.split('{').next().unwrap_or_default());
            path.starts_with(&fixed).then_some((fixed.len(), function.name))
        }
        _ => None,
    });
    fits.max().map(|(_, name)| name)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
