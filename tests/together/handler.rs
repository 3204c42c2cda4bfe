//! The handler process: writes down what its functions were given, and echoes it.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::routing::post;
use custom_handler::{
    BoxError, DataType, DeadLetter, Functions, HttpRequest, HttpResponse, Message, MessageMetadata, Outcome,
    Outputs, Settlement,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use service_bus::{ServiceBusClient, ServiceBusReceiver};

/// The folder that functions write to, one file a message, named by its id.
pub(crate) const FOLDER: &str = "TOGETHER_FOLDER";
/// The connection string.
pub(crate) const BUS: &str = "Bus";

#[derive(Clone)]
struct App {
    folder: PathBuf,
}

/// Not a test: what the functions host starts. A test run has no port for it, and it ends at once.
#[tokio::test]
async fn serves_when_started_by_the_host() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let app = App { folder: folder.into() };
    let bus = ServiceBusClient::from_connection_string(&std::env::var(BUS).unwrap()).unwrap();
    let settles = |queue: &str| Settles(bus.receiver(queue));
    Functions::new(app)
        .queue("text", note)
        .queue("binary", note)
        .queue("echo", echo)
        .queue_batch("batch_text", DataType::String, settles("batch_text"), note_all)
        .queue_batch("batch_binary", DataType::Binary, settles("batch_binary"), note_all)
        .http("forwarded", Router::new().route("/api/forwarded", post(mirror)))
        .http_invoked("invoked", invoked)
        .serve()
        .await
        .unwrap();
}

async fn note(message: Message<Bytes>, app: App) -> Result<Outcome, std::io::Error> {
    write_down(&message, &app)?;
    Ok(Outcome::Complete)
}

fn write_down(message: &Message<Bytes>, app: &App) -> Result<(), std::io::Error> {
    let MessageMetadata { message_id, lock_token, delivery_count, .. } = &message.metadata;
    let id = message_id.clone().unwrap_or_else(|| "overwritten".to_owned());
    let file = |more: &str| app.folder.join(format!("{}-{id}{more}", message.function));
    std::fs::write(file(".lock"), format!("{lock_token:?}"))?;
    let mut deliveries = OpenOptions::new().create(true).append(true).open(file(".deliveries"))?;
    writeln!(deliveries, "{}", delivery_count.unwrap_or_default())?;
    // Last, and whole at once: it is what the test waits for.
    std::fs::write(file(".unfinished"), &message.body)?;
    std::fs::rename(file(".unfinished"), file(""))
}

/// One result a message; the body `fails once` fails at its first delivery.
async fn note_all(messages: Vec<Message<Bytes>>, app: App) -> Vec<Result<Outcome, std::io::Error>> {
    let one = |message: &Message<Bytes>| {
        write_down(message, &app)?;
        if message.body == "fails once" && message.metadata.delivery_count == Some(1) {
            return Err(std::io::Error::other("as it was told"));
        }
        Ok(Outcome::Complete)
    };
    messages.iter().map(one).collect()
}

async fn echo(message: Message<Bytes>, _app: App) -> Result<Outputs, std::string::FromUtf8Error> {
    Ok(Outputs::new().message("next", String::from_utf8(message.body.to_vec())?))
}

async fn mirror(headers: HeaderMap, body: Bytes) -> (StatusCode, [(&'static str, HeaderValue); 1], Bytes) {
    let seen = headers.get("x-seen").cloned().unwrap_or(HeaderValue::from_static("none"));
    (StatusCode::ACCEPTED, [("x-seen", seen)], body)
}

async fn invoked(request: HttpRequest, _app: App) -> Result<(HttpResponse, Outputs), std::io::Error> {
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let response = HttpResponse::new(StatusCode::CREATED).text(body.clone());
    Ok((response, Outputs::new().message("next", body)))
}

/// Settles on the handler's own connection, by lock token.
struct Settles(ServiceBusReceiver);

impl Settles {
    fn token(metadata: &MessageMetadata) -> Result<uuid::Uuid, BoxError> {
        metadata.lock_token.ok_or_else(|| "no lock token".into())
    }
}

impl DeadLetter for Settles {
    fn dead_letter<'a>(
        &'a self,
        _function: &'a str,
        metadata: &'a MessageMetadata,
        reason: &'a str,
        description: &'a str,
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        async move { Ok(self.0.dead_letter(Self::token(metadata)?, reason, description).await?) }.boxed()
    }
}

impl Settlement for Settles {
    fn complete<'a>(
        &'a self,
        _function: &'a str,
        metadata: &'a MessageMetadata,
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        async move { Ok(self.0.complete(Self::token(metadata)?).await?) }.boxed()
    }

    fn abandon<'a>(
        &'a self,
        _function: &'a str,
        metadata: &'a MessageMetadata,
    ) -> BoxFuture<'a, Result<(), BoxError>> {
        async move { Ok(self.0.abandon(Self::token(metadata)?).await?) }.boxed()
    }
}

/// Long enough for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
