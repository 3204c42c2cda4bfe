//! One HTTP exchange: bytes to the host, its answer, and what of it is compared.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::mask;

/// An answer, without what depends on the server that gave it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Response {
    /// None came.
    Silence,
    /// What came is no whole answer.
    Broken,
    Whole {
        first: String,
        headers: Vec<(String, String)>,
        body: String,
    },
}

impl Response {
    /// As much of the body as a recording has that was cut off.
    pub(crate) fn cut_to(&mut self, length: usize) {
        if let Self::Whole { body, .. } = self {
            *body = body.chars().take(length).collect();
        }
    }
}

/// Sends bytes on a connection of its own and reads the answer.
pub(crate) async fn send(address: &str, bytes: &[u8], patience: Duration) -> Response {
    let deadline = Instant::now() + patience;
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).await.unwrap();
    // A server may answer, and close, before it has read everything.
    let _ = stream.write_all(bytes).await;
    let is_head = bytes.starts_with(b"HEAD ");
    let mut received = Vec::new();
    let mut chunk = vec![0; 65_536];
    loop {
        if let Some(response) = whole(&received, is_head) {
            return response;
        }
        match timeout_at(deadline, stream.read(&mut chunk)).await {
            Ok(Ok(0) | Err(_)) => {
                return if received.is_empty() { Response::Silence } else { Response::Broken };
            }
            Ok(Ok(count)) => received.extend_from_slice(&chunk[..count]),
            Err(_) => return if received.is_empty() { Response::Silence } else { Response::Broken },
        }
    }
}

/// The answer of a recording, and how much of its body is there if that is not all: of large ones the beginning was kept.
pub(crate) fn recorded(text: &str, is_head: bool) -> (Response, Option<usize>) {
    const KEPT: usize = 2_000;
    if matches!(text, "" | "<<TIMEOUT>>") {
        return (Response::Silence, None);
    }
    if let Some(response) = whole(text.as_bytes(), is_head) {
        return (response, None);
    }
    let Some((head, rest)) = text.split_once("\r\n\r\n").filter(|(_, rest)| rest.len() >= KEPT) else {
        return (Response::Broken, None);
    };
    // The first chunk, or what a length announces.
    let body =
        if head.contains("chunked") { rest.split_once("\r\n").map_or("", |(_, body)| body) } else { rest };
    let shown = body.split("...<").next().unwrap_or_default();
    let framed = format!("{}\r\nContent-Length: {}\r\n\r\n{shown}", without_framing(head), shown.len());
    (whole(framed.as_bytes(), is_head).unwrap_or(Response::Broken), Some(shown.chars().count()))
}

fn without_framing(head: &str) -> String {
    let is_framing = |line: &&str| {
        let line = line.to_ascii_lowercase();
        line.starts_with("content-length:") || line.starts_with("transfer-encoding:")
    };
    head.split("\r\n").filter(|line| !is_framing(line)).collect::<Vec<_>>().join("\r\n")
}

fn whole(received: &[u8], is_head: bool) -> Option<Response> {
    let end = received.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (first, mut headers) = mask::head(&String::from_utf8_lossy(&received[..end]));
    let rest = &received[end + 4..];
    if !first.starts_with("HTTP/1.1 ") {
        return Some(Response::Broken);
    }
    let status = first.split(' ').nth(1).unwrap_or_default().to_owned();
    if status == "100" && first.ends_with("Continue") {
        return whole(rest, is_head);
    }
    let value = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let bodiless = is_head || matches!(status.as_str(), "204" | "304");
    let body = match (value("content-length"), value("transfer-encoding")) {
        _ if bodiless => Vec::new(),
        (_, Some(_)) => unchunked(rest)?,
        (Some(length), None) => rest.get(..length.parse().ok()?)?.to_vec(),
        (None, None) => Vec::new(),
    };
    // Framing and the date are the server's own business; the recording names its server.
    headers.retain(|(name, value)| match name.as_str() {
        "transfer-encoding" => false,
        "content-length" => bodiless && value != "0",
        "date" => !is_recent(value),
        "server" => value != "Kestrel",
        _ => true,
    });
    Some(Response::Whole { first, headers, body: mask::masked(&String::from_utf8_lossy(&body)) })
}

fn is_recent(date: &str) -> bool {
    date.split(' ').nth(3).and_then(|year| year.parse::<u16>().ok()).is_some_and(|year| year >= 2025)
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let length = usize::from_str_radix(str::from_utf8(&rest[..end]).ok()?.trim(), 16).ok()?;
        let chunk = rest.get(end + 2..end + 2 + length)?;
        rest = rest.get(end + 4 + length..)?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(chunk);
    }
}
