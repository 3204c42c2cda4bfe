//! A real process on a real port: started, asked, told to stop.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::{ExitStatus, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use axum::{Router, routing::get};
use custom_handler::{Functions, Message, Outcome, Timer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    process::{Child, Command},
    time::{Instant, sleep},
};

/// Long enough for a busy machine; nothing waits for it to pass.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Not a test of its own: the process that the tests in this module and in `lines` start.
#[tokio::test]
#[ignore = "started as a process by other tests"]
async fn handler_process() {
    let hello = Router::new()
        .route("/api/hello", get(async || "hello"))
        .route("/api/slow-ones", get(async || SLOW_ONES.load(Ordering::SeqCst).to_string()));
    Functions::new(())
        .http("hello", hello)
        .queue("orders", as_told)
        .timer("nightly", async |_: Timer, ()| Ok::<(), String>(()))
        .serve()
        .await
        .unwrap();
}

/// How many slow invocations have begun.
static SLOW_ONES: AtomicUsize = AtomicUsize::new(0);

async fn as_told(message: Message<String>, (): ()) -> Result<Outcome, String> {
    match message.body.as_str() {
        "panic" => panic!("told to\nin two lines"),
        "fail" => Err("the database\nis away".to_owned()),
        "traceparent" => Err(custom_handler::telemetry::traceparent().unwrap_or_default()),
        "slow" => {
            SLOW_ONES.fetch_add(1, Ordering::SeqCst);
            sleep(Duration::from_millis(500)).await;
            Ok(Outcome::Complete)
        }
        "hang" => std::future::pending().await,
        _ => Ok(Outcome::Complete),
    }
}

/// A port that is kept from everybody who asks for just any one, for as long as it is held. Who names it may listen there
/// as long as nobody does: that is what reusing an address means.
pub(crate) fn a_port() -> TcpSocket {
    let port = TcpSocket::new_v4().unwrap();
    port.set_reuseaddr(true).unwrap();
    port.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    port
}

/// A handler process under test; killed when dropped.
pub(crate) struct Handler {
    child: Child,
    pub(crate) address: SocketAddr,
    _port: TcpSocket,
}

/// What a process left.
pub(crate) struct Left {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Handler {
    /// Starts the process and asks `GET /` until it answers, as the host does.
    pub(crate) async fn start(variables: &[(&str, &str)]) -> Self {
        let port = a_port();
        let address = port.local_addr().unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "serving::handler_process", "--ignored", "--nocapture", "--quiet"])
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", address.port().to_string())
            .env_remove("RUST_LOG")
            .env_remove("LOG_FORMAT")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let deadline = Instant::now() + PATIENCE;
        while ask(address, "GET / HTTP/1.1\r\nHost: x").await.is_none() {
            assert!(Instant::now() < deadline, "the handler does not answer");
            sleep(Duration::from_millis(25)).await;
        }
        Self { child, address, _port: port }
    }

    pub(crate) async fn invoke(&self, id: &str, body: &str) -> String {
        invoke_at(self.address, &self.address.to_string(), id, body).await
    }

    pub(crate) fn terminate(&self) {
        let id = self.child.id().and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?));
        rustix::process::kill_process(id.unwrap(), rustix::process::Signal::TERM).unwrap();
    }

    pub(crate) async fn left(self) -> Left {
        let output = tokio::time::timeout(PATIENCE, self.child.wait_with_output()).await.unwrap().unwrap();
        Left {
            status: output.status,
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

#[cfg(feature = "otlp")]
impl Handler {
    pub(crate) async fn invoke_with(&self, id: &str, body: &str, metadata: &serde_json::Value) -> String {
        let envelope = envelope(body, metadata);
        post_at(self.address, &self.address.to_string(), "orders", id, &envelope).await
    }

    pub(crate) async fn request(&self, head: &str) -> String {
        ask(self.address, head).await.unwrap()
    }

    /// Ends the process as the host does, by SIGKILL.
    pub(crate) async fn killed(mut self) -> Left {
        self.child.start_kill().unwrap();
        self.left().await
    }
}

async fn invoke_at(address: SocketAddr, host: &str, id: &str, body: &str) -> String {
    post_at(address, host, "orders", id, &envelope(body, &serde_json::json!({}))).await
}

fn envelope(body: &str, metadata: &serde_json::Value) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    serde_json::json!({ "Data": { "m": STANDARD.encode(body) }, "Metadata": metadata }).to_string()
}

/// Sends one request as the real host does: chunked.
async fn post_at(address: SocketAddr, host: &str, function: &str, id: &str, envelope: &str) -> String {
    let (first, second) = envelope.split_at(10);
    let request = format!(
        "POST /{function} HTTP/1.1\r\nHost: {host}\r\nX-Azure-Functions-InvocationId: {id}\r\n\
         Content-Type: application/json; charset=utf-8\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
         {:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0",
        first.len(),
        second.len()
    );
    send(address, &request).await.unwrap()
}

async fn ask(address: SocketAddr, head: &str) -> Option<String> {
    send(address, &format!("{head}\r\nConnection: close")).await
}

/// Sends a request up to its last empty line; the whole answer.
async fn send(address: SocketAddr, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(format!("{request}\r\n\r\n").as_bytes()).await.ok()?;
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().ok()?;
    Some(answer)
}

#[tokio::test]
async fn a_process_serves_invocations_and_forwarded_requests_on_its_port() {
    let handler = Handler::start(&[]).await;
    let answer = handler.invoke("i-1", "complete").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n{}"), "{answer}");
    assert!(answer.contains("content-type: application/json\r\n"), "{answer}");
    let hello = ask(handler.address, "GET /api/hello HTTP/1.1\r\nHost: app.example").await.unwrap();
    assert!(hello.starts_with("HTTP/1.1 200 ") && hello.ends_with("\r\n\r\nhello"), "{hello}");
}

#[tokio::test]
async fn a_request_that_was_not_addressed_to_the_handler_itself_is_no_invocation() {
    let handler = Handler::start(&[]).await;
    for host in ["app.example", "127.0.0.1", "127.0.0.1:1", "localhost:7071", "app.example:80@127.0.0.1"] {
        let answer = invoke_at(handler.address, host, "i-1", "complete").await;
        assert!(answer.starts_with("HTTP/1.1 421 "), "{host}: {answer}");
    }
    let local = format!("localhost:{}", handler.address.port());
    assert!(invoke_at(handler.address, &local, "i-1", "complete").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_terminated_process_lets_running_invocations_end() {
    let handler = Handler::start(&[]).await;
    let (answer, ()) = tokio::join!(handler.invoke("i-1", "slow"), async {
        let begun =
            async || ask(handler.address, "GET /api/slow-ones HTTP/1.1\r\nHost: app.example").await.unwrap();
        let deadline = Instant::now() + PATIENCE;
        while !begun().await.ends_with("\r\n\r\n1") {
            assert!(Instant::now() < deadline, "the slow invocation does not begin");
            sleep(Duration::from_millis(5)).await;
        }
        handler.terminate();
    });
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let left = handler.left().await;
    assert!(left.status.success(), "{}", left.stderr);
    assert!(left.stdout.contains("stopping"), "{}", left.stdout);
}

#[tokio::test]
async fn the_grace_of_a_stop_is_limited() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let settings = custom_handler::Settings::default().with_shutdown_grace(Duration::from_millis(50));
    let functions = Functions::new(()).with_settings(settings).queue("orders", as_told);
    let serving = tokio::spawn(functions.serve_on(listener, async {
        let _ = stopped.await;
    }));
    let hanging = tokio::spawn(async move { TcpStream::connect(address).await });
    let mut connection = hanging.await.unwrap().unwrap();
    let request = format!(
        "POST /orders HTTP/1.1\r\nHost: {address}\r\nX-Azure-Functions-InvocationId: i\r\nContent-Length: 24\r\n\r\n\
         {{\"Data\":{{\"m\":\"aGFuZw==\"}}}}"
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    stop.send(()).unwrap();
    tokio::time::timeout(PATIENCE, serving).await.expect("the grace ends").unwrap().unwrap();
}
