//! The handler of a replay: it notes every request as it was read, and answers what the recording's script says.
//!
//! It runs in the test's own process. The process that the host starts does nothing but live.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::recordings::Answer;

/// A request as the handler read it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) framing: &'static str,
    pub(crate) body: Vec<u8>,
}

#[derive(Default)]
struct State {
    script: BTreeMap<String, Vec<Answer>>,
    requests: Vec<Request>,
    /// How many answers of a key were given.
    given: BTreeMap<String, usize>,
}

/// Listens on a port of its own until it is dropped.
pub(crate) struct Recorder {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Recorder {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::<Mutex<State>>::default();
        let of_server = state.clone();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream, of_server.clone()));
            }
        });
        Self { port, state, server }
    }

    /// Begins a case: forgets what was asked before, and answers by this script from now on.
    pub(crate) fn play(&self, script: Option<&Value>) {
        let script =
            script.filter(|script| !script.is_null()).cloned().unwrap_or_else(|| serde_json::json!({}));
        let script = serde_json::from_value(script).unwrap();
        *self.state.lock().unwrap() = State { script, ..State::default() };
    }

    /// What was asked since the case began, without the questions for readiness.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.lock().unwrap().requests.clone()
    }
}

async fn connection(stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader).await {
        if request.head.starts_with("GET / HTTP/1.1") {
            // The question for readiness: in the recording another process began, and its script with it.
            state.lock().unwrap().given.clear();
            let _ = reader
                .write_all(&written(
                    &Answer { body: Some("{}".to_owned()), ..Answer::default() },
                    false,
                    "OK",
                ))
                .await;
            continue;
        }
        let (answer, reason) = note(&state, &request);
        let is_head = request.head.starts_with("HEAD ");
        sleep(Duration::from_secs_f64(answer.delay.unwrap_or_default())).await;
        if answer.close {
            return;
        }
        for (piece, pause) in pieces(&answer, is_head, reason) {
            if reader.write_all(&piece).await.is_err() {
                return;
            }
            sleep(Duration::from_secs_f64(pause)).await;
        }
        if answer.close_after {
            return;
        }
    }
}

/// The answer to a request; the last one of a script is given again and again.
fn note(state: &Mutex<State>, request: &Request) -> (Answer, &'static str) {
    let mut state = state.lock().unwrap();
    state.requests.push(request.clone());
    let target = request.head.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default().trim_matches('/').to_owned();
    let key = if state.script.contains_key(&path) { path } else { "*".to_owned() };
    let Some(answers) = state.script.get(&key).cloned().filter(|answers| !answers.is_empty()) else {
        return (Answer::default(), "OK");
    };
    let given = state.given.entry(key).or_default();
    let answer = answers[(*given).min(answers.len() - 1)].clone();
    *given += 1;
    (answer, "X")
}

fn pieces(answer: &Answer, is_head: bool, reason: &str) -> Vec<(Vec<u8>, f64)> {
    match (&answer.pieces, &answer.raw) {
        (Some(pieces), _) => {
            pieces.iter().map(|(piece, pause)| (piece.clone().into_bytes(), *pause)).collect()
        }
        (None, Some(raw)) => vec![(raw.clone().into_bytes(), 0.0)],
        (None, None) => vec![(written(answer, is_head, reason), 0.0)],
    }
}

fn written(answer: &Answer, is_head: bool, reason: &str) -> Vec<u8> {
    let body = match (&answer.body, &answer.body_b64, answer.body_size) {
        (Some(body), _, _) => body.clone().into_bytes(),
        (None, Some(encoded), _) => STANDARD.decode(encoded).unwrap(),
        (None, None, Some(size)) => vec![b'x'; size],
        (None, None, None) => b"{}".to_vec(),
    };
    let default = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    let mut text = format!("HTTP/1.1 {} {reason}\r\n", answer.status.unwrap_or(200));
    for (name, value) in answer.headers.as_ref().unwrap_or(&default) {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    let mut bytes = text.into_bytes();
    if !is_head {
        bytes.extend(body);
    }
    bytes
}

async fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut lines: Vec<String> = Vec::new();
    loop {
        let line = line(reader).await?;
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let value = |name: &str| {
        let found = lines.iter().filter_map(|line| line.split_once(':'));
        found
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
            .next_back()
    };
    let (framing, body) = match (value("transfer-encoding"), value("content-length")) {
        (Some(_), _) => ("chunked", chunks(reader).await?),
        (None, Some(length)) => {
            let mut body = vec![0; length.parse().ok()?];
            reader.read_exact(&mut body).await.ok()?;
            ("length", body)
        }
        (None, None) => ("none", Vec::new()),
    };
    Some(Request { head: lines.join("\r\n"), framing, body })
}

async fn line(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut bytes = Vec::new();
    let read = reader.read_until(b'\n', &mut bytes).await.ok()?;
    (read > 0).then(|| String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned())
}

async fn chunks(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let length = usize::from_str_radix(line(reader).await?.trim(), 16).ok()?;
        let mut chunk = vec![0; length];
        reader.read_exact(&mut chunk).await.ok()?;
        line(reader).await?;
        if length == 0 {
            return Some(body);
        }
        body.extend(chunk);
    }
}
