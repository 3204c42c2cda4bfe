//! The handler process: records what its functions were given.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::routing::post;
use custom_handler::{Functions, Message, MessageMetadata, Outcome};

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
    Functions::new(app)
        .queue("text", note)
        .queue("binary", note)
        .http("forwarded", Router::new().route("/api/forwarded", post(mirror)))
        .serve()
        .await
        .unwrap();
}

async fn note(message: Message<Bytes>, app: App) -> Result<Outcome, std::io::Error> {
    let MessageMetadata { message_id, lock_token, delivery_count, .. } = &message.metadata;
    let id = message_id.clone().unwrap_or_else(|| "overwritten".to_owned());
    let file = |more: &str| app.folder.join(format!("{}-{id}{more}", message.function));
    std::fs::write(file(".lock"), format!("{lock_token:?}"))?;
    let mut deliveries = OpenOptions::new().create(true).append(true).open(file(".deliveries"))?;
    writeln!(deliveries, "{}", delivery_count.unwrap_or_default())?;
    // Last, and whole at once: it is what the test waits for.
    std::fs::write(file(".unfinished"), &message.body)?;
    std::fs::rename(file(".unfinished"), file(""))?;
    Ok(Outcome::Complete)
}

async fn mirror(headers: HeaderMap, body: Bytes) -> (StatusCode, [(&'static str, HeaderValue); 1], Bytes) {
    let seen = headers.get("x-seen").cloned().unwrap_or(HeaderValue::from_static("none"));
    (StatusCode::ACCEPTED, [("x-seen", seen)], body)
}

/// Long enough for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
