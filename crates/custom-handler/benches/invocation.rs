//! What the runtime costs beside an axum route that does nothing but parse the same JSON.
//!
//! ```sh
//! cargo bench -p custom-handler            # 100,000 invocations each: a minute or two
//! cargo bench -p custom-handler -- --quick # a tenth of that
//! ```
//!
//! Three handler processes run side by side and are driven in turns, a round each, so that whatever else the machine
//! does falls on all of them: `bare` (axum, `Json<Value>` in, `{}` out), `runtime` (a queue function of this crate,
//! telemetry compiled in and no collector named) and `exporting` (the same, sending its spans to a collector in this
//! process). All three are this executable, told apart by a variable. The requests are those of the Functions host:
//! chunked, a Service Bus message with all its metadata.
//!
//! Times of a busy machine are noisy, so each row also tells the processor time of the handler process alone, taken from
//! `/proc`; hence Linux only.

use std::{
    future::pending,
    net::{Ipv4Addr, SocketAddr, TcpListener as StdListener},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use axum::{
    Json, Router,
    body::Bytes,
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use custom_handler::{Functions, Message, Outcome};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

const ROLE: &str = "BENCH_ROLE";
const PORT: &str = "FUNCTIONS_CUSTOMHANDLER_PORT";
const CONNECTIONS: usize = 4;
const ROUNDS: usize = 20;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match std::env::var(ROLE).as_deref() {
        Ok("bare") => bare().await,
        Ok(_) => Ok(Functions::new(()).queue("orders", order_placed).serve().await?),
        Err(_) => compare(std::env::args().any(|argument| argument == "--quick")).await,
    }
}

async fn bare() -> anyhow::Result<()> {
    let routes = Router::new()
        .route("/", get(async || Json(json!({}))))
        .route("/orders", post(async |Json(_): Json<Value>| Json(json!({}))));
    let port: u16 = std::env::var(PORT)?.parse()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    Ok(axum::serve(listener, routes).await?)
}

#[derive(Deserialize)]
struct OrderPlaced {
    order: u64,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    article: String,
    pieces: u32,
}

async fn order_placed(message: Message<OrderPlaced>, (): ()) -> Result<Outcome, String> {
    let OrderPlaced { order, lines } = message.body;
    let pieces: u32 = lines.iter().filter(|line| !line.article.is_empty()).map(|line| line.pieces).sum();
    if pieces == 0 { Err(format!("order {order} is empty")) } else { Ok(Outcome::Complete) }
}

/// The invocation that the host sends for one message, as a whole HTTP request.
fn request(address: SocketAddr) -> String {
    let lines: Vec<Value> =
        (0..8).map(|n| json!({ "article": format!("article-{n}"), "pieces": n + 1 })).collect();
    let body = json!({ "order": 7, "lines": lines }).to_string();
    let text = |text: &str| json!(text).to_string();
    let context = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let properties = json!({ "kind": "order.placed", "traceparent": context, "Diagnostic-Id": context });
    let envelope = json!({
        "Data": { "message": STANDARD.encode(body) },
        "Metadata": {
            "MessageReceiver": {}, "MessageSession": {}, "MessageActions": {}, "SessionActions": {},
            "ReceiveActions": {},
            "Client": { "FullyQualifiedNamespace": "contoso.servicebus.windows.net", "IsClosed": false,
                "TransportType": 0, "Identifier": "contoso-4e773554-f6b7-4ea2-b07d-4c5fd5aba741" },
            "DeliveryCount": "1", "LockToken": text("4e773554-f6b7-4ea2-b07d-4c5fd5aba741"),
            "ExpiresAtUtc": "2023-10-12T20:13:49", "ExpiresAt": "2023-10-12T20:13:49+00:00",
            "EnqueuedTimeUtc": "2023-10-12T20:13:49", "EnqueuedTime": "2023-10-12T20:13:49+00:00",
            "MessageId": text("4e773554-f6b7-4ea2-b07d-4c5fd5aba742"), "CorrelationId": text("order-7"),
            "ContentType": text("application/json"), "SequenceNumber": "17",
            "ApplicationProperties": properties, "UserProperties": properties,
            "sys": { "MethodName": "orders", "UtcNow": "2023-10-12T20:13:49.640002Z",
                "RandGuid": "4e773554-f6b7-4ea2-b07d-4c5fd5aba743" },
        }
    })
    .to_string();
    format!(
        "POST /orders HTTP/1.1\r\nHost: {address}\r\nUser-Agent: Azure-Functions-Host/4.1037.0.0\r\n\
         X-Azure-Functions-InvocationId: 4e773554-f6b7-4ea2-b07d-4c5fd5aba744\r\n\
         X-Azure-Functions-HostVersion: 4.1037.0.0\r\nContent-Type: application/json; charset=utf-8\r\n\
         Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{envelope}\r\n0\r\n\r\n",
        envelope.len()
    )
}

/// One of the three handler processes; killed when dropped.
struct Handler {
    name: &'static str,
    child: Child,
    address: SocketAddr,
    ready_after: Duration,
}

impl Drop for Handler {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Handler {
    /// Starts it, and asks every millisecond whether it is there.
    async fn start(name: &'static str, collector: SocketAddr) -> anyhow::Result<Self> {
        let address = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.env(ROLE, name).env(PORT, address.port().to_string()).stdout(Stdio::null());
        command.env_remove("OTEL_EXPORTER_OTLP_ENDPOINT");
        if name == "exporting" {
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}"));
        }
        let started = Instant::now();
        let mut handler = Self { name, child: command.spawn()?, address, ready_after: Duration::ZERO };
        let ask = format!("GET / HTTP/1.1\r\nHost: {address}\r\n\r\n");
        while started.elapsed() < Duration::from_secs(30) {
            if let Ok(mut connection) = TcpStream::connect(address).await {
                exchange(&mut connection, &ask, &mut Vec::new()).await?;
                handler.ready_after = started.elapsed();
                return Ok(handler);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        bail!("{name} never answered")
    }

    /// Sends so many invocations over a few connections at once.
    async fn drive(&self, invocations: usize) -> anyhow::Result<Round> {
        let (before, started) = (self.processor_time()?, Instant::now());
        let connection = async || {
            let mut connection = TcpStream::connect(self.address).await?;
            let (request, mut answer) = (request(self.address), Vec::new());
            for _ in 0..invocations / CONNECTIONS {
                exchange(&mut connection, &request, &mut answer).await?;
            }
            anyhow::Ok(())
        };
        futures::future::try_join_all((0..CONNECTIONS).map(|_| connection())).await?;
        let took = started.elapsed();
        Ok(Round {
            rate: invocations as f64 / took.as_secs_f64(),
            processor_micros: (self.processor_time()? - before) * 1e6 / invocations as f64,
        })
    }

    /// Seconds of processor time so far, in user and kernel mode.
    fn processor_time(&self) -> anyhow::Result<f64> {
        // The kernel counts in hundredths of a second here, whatever its own clock (`man 5 proc_pid_stat`, USER_HZ).
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
        Ok((ticks(11).context("utime")? + ticks(12).context("stime")?) / 100.0)
    }

    fn resident_megabytes(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse::<f64>()? / 1024.0)
    }
}

struct Round {
    rate: f64,
    processor_micros: f64,
}

/// One request and its answer, which must be a success.
async fn exchange(connection: &mut TcpStream, request: &str, answer: &mut Vec<u8>) -> anyhow::Result<()> {
    connection.write_all(request.as_bytes()).await?;
    answer.clear();
    loop {
        if connection.read_buf(answer).await? == 0 {
            bail!("the connection was closed")
        }
        let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&answer[..head])?;
        if !text.starts_with("HTTP/1.1 200 ") {
            bail!("the answer is {text}")
        }
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        if answer.len() >= head + 4 + length.context("content-length")?.parse::<usize>()? {
            return Ok(());
        }
    }
}

/// Takes spans and forgets them.
async fn collector() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let routes = Router::new().route("/v1/traces", post(async |_: Bytes| ()));
    tokio::spawn(axum::serve(listener, routes).with_graceful_shutdown(pending()).into_future());
    Ok(address)
}

async fn compare(quick: bool) -> anyhow::Result<()> {
    let collector = collector().await?;
    let names = ["bare", "runtime", "exporting"];
    let invocations = if quick { 500 } else { 5_000 };
    let starts = if quick { 5 } else { 25 };

    let mut ready: [Vec<f64>; 3] = Default::default();
    for _ in 0..starts {
        for (ready, name) in ready.iter_mut().zip(names) {
            ready.push(Handler::start(name, collector).await?.ready_after.as_secs_f64() * 1e3);
        }
    }

    let mut handlers = Vec::new();
    for name in names {
        handlers.push(Handler::start(name, collector).await?);
    }
    let mut resident_before = Vec::new();
    for handler in &handlers {
        resident_before.push(handler.resident_megabytes()?);
    }
    let mut rounds: [Vec<Round>; 3] = Default::default();
    for _ in 0..ROUNDS {
        for (rounds, handler) in rounds.iter_mut().zip(&handlers) {
            rounds.push(handler.drive(invocations).await?);
        }
    }

    println!(
        "{} invocations each in {ROUNDS} rounds, {CONNECTIONS} connections; medians",
        invocations * ROUNDS
    );
    println!(
        "{:10} {:>13} {:>8} {:>14} {:>14} {:>8} {:>11} {:>11}",
        "",
        "invocations/s",
        "of bare",
        "processor time",
        "spawn to ready",
        "of bare",
        "RSS before",
        "RSS after"
    );
    for (index, handler) in handlers.iter().enumerate() {
        let ratio = rounds[index].iter().zip(&rounds[0]).map(|(own, bare)| own.rate / bare.rate);
        let ready_ratio = ready[index].iter().zip(&ready[0]).map(|(own, bare)| own / bare);
        println!(
            "{:10} {:>13.0} {:>8.2} {:>11.1} µs {:>11.1} ms {:>8.2} {:>8.1} MB {:>8.1} MB",
            handler.name,
            median(rounds[index].iter().map(|round| round.rate)),
            median(ratio),
            median(rounds[index].iter().map(|round| round.processor_micros)),
            median(ready[index].iter().copied()),
            median(ready_ratio),
            resident_before[index],
            handler.resident_megabytes()?,
        );
    }
    println!("the aim: at least 0.90 of bare's rate, at most 1.50 of its start, less than 20 MB after");
    Ok(())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
