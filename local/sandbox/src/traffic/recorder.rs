//! Counts every call by host and, if asked to, keeps every exchange as HAR 1.2 without its secrets.
//!
//! Format: "HTTP Archive 1.2", W3C Web Performance working group's draft as browsers write it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Version, header, request, response};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::form_urlencoded;

use crate::faults::Fault;
use crate::traffic::redaction;

/// What has come through the edge so far.
pub(crate) struct Recorder {
    pub(crate) keep_har: bool,
    pub(crate) kept: Mutex<Kept>,
}

/// How many of the latest exchanges are kept for the page, whether a HAR is kept or not.
const SEEN: usize = 200;

/// One exchange in a line.
#[derive(Debug, Clone, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Seen {
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) at: OffsetDateTime,
    pub(crate) method: String,
    pub(crate) host: String,
    /// Without its query, which may hold secrets.
    pub(crate) path: String,
    /// What the service answered; the client may have got nothing of it.
    pub(crate) status: u16,
    pub(crate) milliseconds: u64,
    /// The fault that struck it.
    pub(crate) fault: Option<&'static str>,
}

#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) seen: VecDeque<Seen>,
    pub(crate) calls: BTreeMap<String, u64>,
    pub(crate) entries: Vec<Value>,
}

/// A request and its answer, as they went over the wire.
pub(crate) struct Exchange<'a> {
    pub(crate) scheme: &'a str,
    pub(crate) host: &'a str,
    pub(crate) request: &'a request::Parts,
    pub(crate) request_body: &'a [u8],
    pub(crate) reply: &'a response::Parts,
    pub(crate) reply_body: &'a [u8],
    pub(crate) started_at: OffsetDateTime,
    pub(crate) duration: Duration,
    pub(crate) fault: Option<Fault>,
}

impl Recorder {
    pub(crate) fn new(keep_har: bool) -> Self {
        Self { keep_har, kept: Mutex::default() }
    }

    pub(crate) fn record(&self, exchange: &Exchange<'_>) {
        let entry = self.keep_har.then(|| entry(exchange));
        let host = exchange.host.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let seen = seen(exchange, &host);
        let mut kept = self.kept();
        if kept.seen.len() == SEEN {
            kept.seen.pop_front();
        }
        kept.seen.push_back(seen);
        *kept.calls.entry(host).or_default() += 1;
        kept.entries.extend(entry);
    }

    /// How many requests each host has answered.
    pub(crate) fn calls(&self) -> BTreeMap<String, u64> {
        self.kept().calls.clone()
    }

    /// The latest exchanges, the newest first.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.kept().seen.iter().rev().cloned().collect()
    }

    /// Everything kept so far as one HAR document.
    pub(crate) fn har(&self) -> Value {
        let creator = json!({"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")});
        json!({"log": {"version": "1.2", "creator": creator, "entries": self.kept().entries.clone()}})
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seen(exchange: &Exchange<'_>, host: &str) -> Seen {
    Seen {
        at: exchange.started_at,
        method: exchange.request.method.to_string(),
        host: host.to_owned(),
        path: redaction::address(exchange.request.uri.path()),
        status: exchange.reply.status.as_u16(),
        milliseconds: exchange.duration.as_millis().try_into().unwrap_or(u64::MAX),
        fault: exchange.fault.map(Fault::name),
    }
}

fn entry(exchange: &Exchange<'_>) -> Value {
    let milliseconds = exchange.duration.as_secs_f64() * 1000.0;
    let started = exchange.started_at.format(&Rfc3339).expect("the clock tells years of four digits");
    json!({
        "startedDateTime": started,
        "time": milliseconds,
        "request": request(exchange),
        "response": response(exchange),
        "cache": {},
        "timings": {"send": 0, "wait": milliseconds, "receive": 0},
    })
}

fn request(exchange: &Exchange<'_>) -> Value {
    let head = exchange.request;
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let query = redaction::parameters(head.uri.query().unwrap_or_default());
    let query: Vec<Value> = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let mut request = json!({
        "method": head.method.as_str(),
        "url": redaction::address(&format!("{}://{}{path}", exchange.scheme, exchange.host)),
        "httpVersion": version(head.version),
        "cookies": [],
        "headers": headers(&head.headers),
        "queryString": query,
        "headersSize": -1,
        "bodySize": exchange.request_body.len(),
    });
    if !exchange.request_body.is_empty() {
        let kind = content_type(&head.headers);
        request["postData"] = json!({"mimeType": kind, "text": redaction::body(kind, exchange.request_body)});
    }
    request
}

fn response(exchange: &Exchange<'_>) -> Value {
    let head = exchange.reply;
    let kind = content_type(&head.headers);
    let location = head.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
    json!({
        "status": head.status.as_u16(),
        "statusText": head.status.canonical_reason().unwrap_or_default(),
        "httpVersion": version(exchange.request.version),
        "cookies": [],
        "headers": headers(&head.headers),
        "content": {
            "size": exchange.reply_body.len(),
            "mimeType": kind,
            "text": redaction::body(kind, exchange.reply_body),
        },
        "redirectURL": redaction::address(location.unwrap_or_default()),
        "headersSize": -1,
        "bodySize": exchange.reply_body.len(),
    })
}

fn headers(headers: &HeaderMap) -> Vec<Value> {
    headers
        .iter()
        .map(|(name, value)| json!({"name": name.as_str(), "value": redaction::header(name, value)}))
        .collect()
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn version(version: Version) -> &'static str {
    if version == Version::HTTP_2 { "HTTP/2" } else { "HTTP/1.1" }
}
