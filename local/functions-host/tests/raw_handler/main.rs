//! A custom handler for the tests of the host: raw HTTP/1.1 over a socket, sharing no code with anything.
//!
//! The folder in `RAW_HANDLER_FOLDER` tells it what to do. `start.{n}` is what the n-th process does at its start,
//! `ping` what the question for readiness makes it do, `{key}.{n}` what the n-th request of a key is answered, `{key}` what all others are; the key is the path with `_`
//! for `/`. A file holds a whole HTTP response, or one order: `!exit {code}`, `!die` (SIGABRT), `!hang`, `!slow {milliseconds}`,
//! `!noise {bytes}` (that much on stderr, then `{}`), `!drip {lines}` (a chunked answer, line by line, going on after the
//! first one only when there is a file `go-on`). Without a file the answer is `{}`. Every request is appended
//! to `requests` as a line of JSON.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

static LOG: Mutex<()> = Mutex::new(());

struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn main() {
    let start = order_of("start", &append("starts", &std::process::id().to_string()));
    if let Some(order) = start {
        obey(&order);
    }
    let port = std::env::var("FUNCTIONS_CUSTOMHANDLER_PORT").expect("the host gives a port");
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).expect("the port is free");
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || answer(stream));
    }
}

fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os("RAW_HANDLER_FOLDER").expect("the test gives a folder"))
}

fn answer(stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().expect("a socket can be shared"));
    let Some(request) = read_request(&mut reader) else { return };
    let mut stream = stream;
    if request.method == "GET" && request.path == "/" {
        if let Some(order) = order_of("ping", "") {
            obey(&order);
        }
        respond(&mut stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return;
    }
    let path = request.path.split('?').next().unwrap_or_default().trim_matches('/');
    let key = path.replace('/', "_");
    let count = append_request(&key, &request);
    match order_of(&key, &count) {
        Some(order) if order.starts_with(b"!drip ") => {
            drip(&mut stream, &order[b"!drip ".len()..]);
            return;
        }
        Some(order) if order.starts_with(b"!") => obey(&order),
        Some(response) => {
            respond(&mut stream, response);
            return;
        }
        None => {}
    }
    respond(
        &mut stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
    );
}

fn respond(stream: &mut TcpStream, response: impl AsRef<[u8]>) {
    // The host may be gone by now; that is what some tests are about.
    let _ = stream.write_all(response.as_ref());
}

fn drip(stream: &mut TcpStream, lines: &[u8]) {
    respond(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    for (index, line) in lines.split(|byte| *byte == b'\n').enumerate() {
        while index == 1 && !folder().join("go-on").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut chunk = format!("{:x}\r\n", line.len() + 1).into_bytes();
        chunk.extend([line, b"\n\r\n"].concat());
        respond(stream, chunk);
    }
    respond(stream, "0\r\n\r\n");
}

fn order_of(key: &str, count: &str) -> Option<Vec<u8>> {
    let folder = folder();
    fs::read(folder.join(format!("{key}.{count}"))).or_else(|_| fs::read(folder.join(key))).ok()
}

fn obey(order: &[u8]) {
    let order = String::from_utf8_lossy(order);
    let words: Vec<&str> = order.split_whitespace().collect();
    match words.as_slice() {
        ["!exit", code] => std::process::exit(code.parse().expect("a code")),
        ["!die"] => std::process::abort(),
        ["!hang"] => loop {
            std::thread::sleep(Duration::from_secs(3600));
        },
        ["!slow", milliseconds] => {
            std::thread::sleep(Duration::from_millis(milliseconds.parse().expect("a number")));
        }
        ["!noise", bytes] => {
            let line = format!("{}\n", "x".repeat(99));
            let lines = bytes.parse::<usize>().expect("a number") / line.len();
            std::io::stderr().write_all(line.repeat(lines).as_bytes()).expect("stderr is open");
        }
        other => panic!("unknown order {other:?}"),
    }
}

/// Appends a line to a file and returns how many lines it has now.
fn append(file: &str, line: &str) -> String {
    let _one_at_a_time = LOG.lock().expect("nobody panics while writing");
    let path = folder().join(file);
    let mut log = OpenOptions::new().create(true).append(true).open(&path).expect("the folder is there");
    log.write_all(format!("{line}\n").as_bytes()).expect("the folder can be written to");
    fs::read_to_string(&path).expect("just written").lines().count().to_string()
}

/// Returns how many requests this key has had, this one included.
fn append_request(key: &str, request: &Request) -> String {
    let line = serde_json::json!({
        "key": key,
        "process": std::process::id(),
        "method": request.method,
        "path": request.path,
        "headers": request.headers,
        "body": String::from_utf8_lossy(&request.body),
    });
    append("requests", &line.to_string());
    append(&format!("count-of-{key}"), "x")
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let first = line(reader)?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let header = line(reader)?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let value = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let body = match (value("content-length"), value("transfer-encoding")) {
        (Some(length), _) => exactly(reader, length.parse().ok()?)?,
        (None, Some("chunked")) => chunks(reader)?,
        _ => Vec::new(),
    };
    Some(Request { method, path, headers, body })
}

fn line(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut text = String::new();
    (reader.read_line(&mut text).ok()? > 0).then(|| text.trim_end_matches(['\r', '\n']).to_owned())
}

fn exactly(reader: &mut BufReader<TcpStream>, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn chunks(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let length = usize::from_str_radix(line(reader)?.trim(), 16).ok()?;
        body.extend(exactly(reader, length)?);
        line(reader)?;
        if length == 0 {
            return Some(body);
        }
    }
}
