//! The functions of an app, by name, and the routes that the host reaches them by.

use std::{fmt::Display, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::de::DeserializeOwned;

use crate::{
    DeadLetter, Message, MessageMetadata, Outcome, Timer,
    envelope::{BodyEncoding, Envelope},
    invocation::{Failed, answer, invocation_id, is_invocation},
    semconv,
};

/// Service Bus carries at most 100 MB (premium, large messages); base64 makes a third more of it.
const BODY_LIMIT: usize = 140 * 1024 * 1024;
/// Shorter than the host's own default of five minutes, so that the answer is ours and the process is not killed.
const TIME_LIMIT: Duration = Duration::from_secs(240);

/// The functions of an app. `S` is what every handler is given a clone of.
pub struct Functions<S> {
    state: S,
    router: Router<S>,
    registered: Vec<Registered>,
    dead_letter: Option<Arc<dyn DeadLetter>>,
    time_limit: Duration,
}

/// A function as it was registered, so that a test can hold code and `function.json` to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registered {
    /// The function's name.
    pub name: &'static str,
    /// What invokes it.
    pub kind: Kind,
}

/// What invokes a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A forwarded HTTP request.
    Http,
    /// A message.
    Queue,
    /// A schedule.
    Timer,
}

impl<S: Clone + Send + Sync + 'static> Functions<S> {
    /// An app without functions.
    pub fn new(state: S) -> Self {
        let router = Router::new().route("/", get(|| async { StatusCode::OK }));
        Self { state, router, registered: vec![], dead_letter: None, time_limit: TIME_LIMIT }
    }

    /// How refusals are carried out. Set it before the queue functions that refuse; without it a refusal fails the
    /// invocation, and the queue's delivery limit dead-letters the message later.
    #[must_use]
    pub fn dead_letter_with(mut self, settlement: impl DeadLetter) -> Self {
        self.dead_letter = Some(Arc::new(settlement));
        self
    }

    /// How long a queue or timer function may run before its invocation fails (240 s). Keep it below the host's
    /// `functionTimeout`, after which the host kills the process with everything else that runs in it.
    #[must_use]
    pub fn time_limit(mut self, time_limit: Duration) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// An HTTP function: its requests come as the client sent them, so the routes carry the whole path.
    #[must_use]
    pub fn http(mut self, name: &'static str, routes: Router<S>) -> Self {
        self.registered.push(Registered { name, kind: Kind::Http });
        self.router = self.router.merge(routes);
        self
    }

    /// A queue function whose trigger declares `"dataType": "binary"`, which keeps bodies as they are.
    ///
    /// A body that cannot be decoded is refused with the path of the field that is wrong.
    #[must_use]
    pub fn queue<T, H, F, E>(self, name: &'static str, handler: H) -> Self
    where
        T: DeserializeOwned + Send + 'static,
        H: Fn(Message<T>, S) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Outcome, E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        self.queue_with(name, BodyEncoding::Binary, handler)
    }

    /// A queue function whose trigger declares `"dataType": "string"` or none.
    #[must_use]
    pub fn text_queue<T, H, F, E>(self, name: &'static str, handler: H) -> Self
    where
        T: DeserializeOwned + Send + 'static,
        H: Fn(Message<T>, S) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Outcome, E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        self.queue_with(name, BodyEncoding::Text, handler)
    }

    fn queue_with<T, H, F, E>(mut self, name: &'static str, encoding: BodyEncoding, handler: H) -> Self
    where
        T: DeserializeOwned + Send + 'static,
        H: Fn(Message<T>, S) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Outcome, E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        self.registered.push(Registered { name, kind: Kind::Queue });
        let (dead_letter, time_limit) = (self.dead_letter.clone(), self.time_limit);
        let invoke = move |State(state): State<S>, headers: HeaderMap, body: Bytes| async move {
            if !is_invocation(&headers, &body) {
                return not_found();
            }
            let run = run_queue(name, encoding, &headers, &body, dead_letter.as_deref(), |message| {
                handler(message, state)
            });
            answer(name, "pubsub", &headers, time_limit, run).await
        };
        self.router = self.router.route(&format!("/{name}"), post(invoke));
        self
    }

    /// A timer function.
    #[must_use]
    pub fn timer<H, F, E>(mut self, name: &'static str, handler: H) -> Self
    where
        H: Fn(Timer, S) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Display + Send + 'static,
    {
        self.registered.push(Registered { name, kind: Kind::Timer });
        let time_limit = self.time_limit;
        let invoke = move |State(state): State<S>, headers: HeaderMap, body: Bytes| async move {
            if !is_invocation(&headers, &body) {
                return not_found();
            }
            let run = async {
                let timer = Envelope::parse(&body)?.timer()?;
                Ok(handler(timer, state).await?)
            };
            answer(name, "timer", &headers, time_limit, run).await
        };
        self.router = self.router.route(&format!("/{name}"), post(invoke));
        self
    }

    /// Every function, in the order of registration.
    pub fn registered(&self) -> &[Registered] {
        &self.registered
    }

    /// The routes that the host reaches the functions by.
    pub fn into_router(self) -> Router {
        self.router.layer(DefaultBodyLimit::max(BODY_LIMIT)).with_state(self.state)
    }
}

async fn run_queue<T, F, E>(
    function: &'static str,
    encoding: BodyEncoding,
    headers: &HeaderMap,
    body: &[u8],
    dead_letter: Option<&dyn DeadLetter>,
    handle: impl FnOnce(Message<T>) -> F,
) -> Result<(), Failed>
where
    T: DeserializeOwned,
    F: Future<Output = Result<Outcome, E>>,
    E: Display,
{
    let envelope = Envelope::parse(body)?;
    let metadata = envelope.message_metadata();
    tracing::debug!(
        { semconv::MESSAGING_SYSTEM } = "servicebus",
        { semconv::MESSAGING_DESTINATION_NAME } = function,
        { semconv::MESSAGING_MESSAGE_ID } = metadata.message_id,
        { semconv::MESSAGING_CONVERSATION_ID } = metadata.correlation_id,
        { semconv::MESSAGING_DELIVERY_COUNT } = metadata.delivery_count,
        traceparent = metadata.traceparent(),
        "a message came"
    );
    let bytes = envelope.body(encoding)?;
    let outcome = match decode(&bytes) {
        Ok(body) => {
            let message =
                Message { body, metadata: metadata.clone(), function, invocation_id: invocation_id(headers) };
            handle(message).await?
        }
        Err(description) => Outcome::Refuse { reason: "Undecodable".to_owned(), description },
    };
    match outcome {
        Outcome::Complete => Ok(()),
        Outcome::Refuse { reason, description } => {
            refuse(function, &metadata, &reason, &description, dead_letter).await
        }
    }
}

/// The path of the field that is wrong and what is wrong with it; never the body itself, which may be anybody's.
fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let decoded = serde_path_to_error::deserialize(&mut json).map_err(|error| error.to_string())?;
    json.end().map_err(|error| error.to_string())?;
    Ok(decoded)
}

async fn refuse(
    function: &'static str,
    metadata: &MessageMetadata,
    reason: &str,
    description: &str,
    dead_letter: Option<&dyn DeadLetter>,
) -> Result<(), Failed> {
    tracing::warn!(function, message_id = metadata.message_id, reason, description, "a message is refused");
    let Some(dead_letter) = dead_letter else {
        return Err(Failed(format!(
            "refused ({reason}: {description}), and nothing here can dead-letter it"
        )));
    };
    dead_letter.dead_letter(function, metadata, reason, description).await.map_err(|error| {
        Failed(format!("refused ({reason}: {description}), but it could not be dead-lettered: {error}"))
    })
}

fn not_found() -> Response {
    StatusCode::NOT_FOUND.into_response()
}
