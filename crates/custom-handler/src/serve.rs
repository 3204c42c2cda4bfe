//! Serving: the port that the host gave us, until it or a person says stop.

use std::{net::Ipv4Addr, time::Duration};

use axum::{Router, extract::Request, http::StatusCode, middleware, response::Response};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::{oneshot, watch},
};
use tower::ServiceExt as _;

use crate::{
    BoxError, Functions, answer, http_function::ready_at_once, logging, otlp, settings::SettingsError,
};

/// The variables that tell the port, the current one first. (azure-functions-host, `HttpWorkerConstants.cs`.)
const PORTS: [&str; 2] = ["FUNCTIONS_CUSTOMHANDLER_PORT", "FUNCTIONS_HTTPWORKER_PORT"];

/// Why functions could not be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Nobody said which port.
    #[error(
        "FUNCTIONS_CUSTOMHANDLER_PORT is not set: the Functions host starts this program, for instance by `func start`"
    )]
    NoPort,
    /// What was said is no port.
    #[error("{name} is {value:?}, which is no port")]
    InvalidPort {
        /// The variable.
        name: &'static str,
        /// What it holds.
        value: String,
    },
    /// A limit cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The port cannot be listened on.
    #[error("listening on 127.0.0.1:{port}")]
    Listen {
        /// The port.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
    /// What [`serve_after`] waited for went wrong.
    #[error("initializing")]
    Initialize(#[source] BoxError),
    /// Serving broke down.
    #[error("serving the functions")]
    Serve(#[source] std::io::Error),
}

/// Serves functions that take their time to come into being (connections, tokens, warm caches).
///
/// The port is listened on and `GET /` answered at once, because the host gives up on a process that is not there
/// within 30 seconds; functions that are invoked meanwhile wait until `initialize` has ended. Otherwise as
/// [`Functions::serve`].
///
/// ```no_run
/// # #[derive(Clone)] struct App;
/// # impl App { async fn connect() -> Result<Self, std::io::Error> { Ok(Self) } }
/// # async fn order_placed(_: custom_handler::Message<String>, _: App) -> Result<(), std::io::Error> { Ok(()) }
/// use custom_handler::Functions;
///
/// # async fn main_() -> Result<(), custom_handler::ServeError> {
/// custom_handler::serve_after(async {
///     let app = App::connect().await?;
///     Ok::<_, std::io::Error>(Functions::new(app).queue("order_placed", order_placed))
/// })
/// .await
/// # }
/// ```
///
/// # Errors
/// When a setting cannot be used, the port not be listened on, or `initialize` fails: the process should then end with
/// a status other than 0, so that the host starts it anew.
pub async fn serve_after<S, E>(
    initialize: impl Future<Output = Result<Functions<S>, E>> + Send,
) -> Result<(), ServeError>
where
    S: Clone + Send + Sync + 'static,
    E: Into<BoxError>,
{
    logging::init();
    let listener = listen().await?;
    serve_after_on(listener, stop_signal().map_err(ServeError::Serve)?, initialize).await
}

async fn serve_after_on<S, E>(
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
    initialize: impl Future<Output = Result<Functions<S>, E>> + Send,
) -> Result<(), ServeError>
where
    S: Clone + Send + Sync + 'static,
    E: Into<BoxError>,
{
    let port = listener.local_addr().map_err(ServeError::Serve)?.port();
    let (ready, waiting) = watch::channel(None::<Ready>);
    let grace = waiting.clone();
    let grace = move || grace.borrow().as_ref().map_or(Duration::ZERO, |ready| ready.grace);
    let initialized = async {
        let functions = initialize.await.map_err(|error| ServeError::Initialize(error.into()))?;
        let settings = functions.settings_or_environment()?;
        let grace = settings.shutdown_grace;
        tracing::info!(port, functions = functions.registered().len(), "ready");
        ready.send_replace(Some(Ready { router: functions.router(settings, Some(port)), grace }));
        // Whoever waits must not find the sender gone.
        Ok::<_, ServeError>(ready)
    };
    let wait = move |request| when_ready(waiting.clone(), request);
    let router = Router::new().fallback(wait).layer(middleware::from_fn(ready_at_once));
    let served = async { run(listener, router, stop, grace).await.map_err(ServeError::Serve) };
    let mut served = std::pin::pin!(served);
    tokio::select! {
        ended = &mut served => ended,
        initialized = initialized => {
            let _ready = initialized?;
            served.await
        }
    }
}

/// Functions that came into being.
struct Ready {
    router: Router,
    grace: Duration,
}

async fn when_ready(mut waiting: watch::Receiver<Option<Ready>>, request: Request) -> Response {
    let router = match waiting.wait_for(Option::is_some).await {
        Ok(ready) => ready.as_ref().map(|ready| ready.router.clone()),
        Err(_) => None,
    };
    let Some(router) = router else {
        return answer::error(StatusCode::SERVICE_UNAVAILABLE, "the functions could not be initialized");
    };
    let Ok(response) = router.oneshot(request).await;
    response
}

async fn listen() -> Result<TcpListener, ServeError> {
    let port = port(|name| std::env::var(name).ok())?;
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|source| ServeError::Listen { port, source })
}

impl<S: Clone + Send + Sync + 'static> Functions<S> {
    /// Serves the functions on the port that the host gave (`FUNCTIONS_CUSTOMHANDLER_PORT`), on 127.0.0.1, until
    /// SIGTERM or SIGINT; running invocations then have [`Settings::shutdown_grace`](crate::Settings::shutdown_grace) to end. The host itself kills
    /// without a signal that could be caught: never rely on this end.
    ///
    /// Writes log lines to stdout ([`logging::init`]) unless the process has a `tracing` subscriber already.
    ///
    /// # Errors
    /// When a setting cannot be used, or the port not be listened on.
    pub async fn serve(self) -> Result<(), ServeError> {
        logging::init();
        let listener = listen().await?;
        let stop = stop_signal().map_err(ServeError::Serve)?;
        self.serve_on(listener, stop).await
    }

    /// Serves the functions on a listener of one's own, until `stop` ends.
    ///
    /// # Errors
    /// When a setting cannot be used, or the listener not be served.
    pub async fn serve_on(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let settings = self.settings_or_environment()?;
        let port = listener.local_addr().map_err(ServeError::Serve)?.port();
        let grace = settings.shutdown_grace;
        let functions = self.registered().len();
        let router = self.router(settings, Some(port));
        tracing::info!(port, functions, "ready");
        run(listener, router, stop, move || grace).await.map_err(ServeError::Serve)
    }
}

async fn run(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
    grace: impl FnOnce() -> Duration,
) -> std::io::Result<()> {
    let (stopping, has_to_stop) = oneshot::channel();
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        stop.await;
        tracing::info!("stopping");
        // The other end is gone only when the server is, too.
        let _ = stopping.send(());
    });
    let too_late = async move {
        match has_to_stop.await {
            Ok(()) => tokio::time::sleep(grace()).await,
            Err(_) => std::future::pending().await,
        }
    };
    let ended = tokio::select! {
        served = async { server.await } => served,
        () = too_late => {
            tracing::warn!("stopped with invocations still running");
            Ok(())
        }
    };
    otlp::flush().await;
    ended
}

fn port(variable: impl Fn(&str) -> Option<String>) -> Result<u16, ServeError> {
    for name in PORTS {
        if let Some(value) = variable(name) {
            return value.trim().parse().map_err(|_| ServeError::InvalidPort { name, value });
        }
    }
    Err(ServeError::NoPort)
}

/// Ends at the first SIGTERM or SIGINT.
fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::{Message, Settings};

    async fn answer(address: std::net::SocketAddr, head: &str, body: &str) -> String {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let length = body.len();
        let request = format!(
            "{head}\r\nHost: {address}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    const INVOCATION: &str = "{\"Data\":{\"m\":\"eA==\"},\"Metadata\":{}}";

    #[tokio::test]
    async fn the_host_is_answered_while_functions_come_into_being_and_invocations_wait() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (go_on, gone_on) = oneshot::channel::<()>();
        let (stop, stopped) = oneshot::channel::<()>();
        let initialize = async {
            gone_on.await.unwrap();
            let functions = Functions::new(()).with_settings(Settings::default());
            Ok::<_, BoxError>(functions.queue("orders", async |_: Message<String>, ()| Ok::<_, String>(())))
        };
        let stop_at = async { stopped.await.unwrap_or_default() };
        let story = async {
            assert!(answer(address, "GET / HTTP/1.1", "").await.starts_with("HTTP/1.1 200 "));
            let head = "POST /orders HTTP/1.1\r\nX-Azure-Functions-InvocationId: i";
            let early = answer(address, head, INVOCATION);
            let mut early = std::pin::pin!(early);
            let waited = tokio::time::timeout(Duration::from_millis(50), &mut early).await;
            assert!(waited.is_err(), "an invocation before the functions are there");
            go_on.send(()).unwrap();
            early.await
        };
        let (served, early) = tokio::join!(serve_after_on(listener, stop_at, initialize), async {
            let early = story.await;
            stop.send(()).unwrap();
            early
        });
        served.unwrap();
        assert!(early.starts_with("HTTP/1.1 200 "), "{early}");
    }

    #[tokio::test]
    async fn functions_that_cannot_come_into_being_end_serving() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let initialize = async { Err::<Functions<()>, _>("no database") };
        let error = serve_after_on(listener, std::future::pending(), initialize).await.unwrap_err();
        assert!(matches!(&error, ServeError::Initialize(source) if source.to_string() == "no database"));
    }

    #[test]
    fn the_port_comes_from_the_current_variable_then_from_the_older_one() {
        let read = |pairs: &'static [(&str, &str)]| {
            port(|name| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.to_owned()))
        };
        let (current, older) =
            (("FUNCTIONS_CUSTOMHANDLER_PORT", "4000"), ("FUNCTIONS_HTTPWORKER_PORT", "5000"));
        assert_eq!(read(Box::leak(Box::new([older, current]))).unwrap(), 4000);
        assert_eq!(read(Box::leak(Box::new([older]))).unwrap(), 5000);
        assert!(matches!(read(&[]), Err(ServeError::NoPort)));
        let invalid = read(&[("FUNCTIONS_CUSTOMHANDLER_PORT", "70000")]).unwrap_err();
        assert_eq!(invalid.to_string(), "FUNCTIONS_CUSTOMHANDLER_PORT is \"70000\", which is no port");
    }
}
