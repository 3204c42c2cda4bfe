//! A webhook that keeps what it receives, and answers as it is told to.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long anything may take before a test fails: generous, because the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Clone, Default)]
pub(crate) struct Receiver {
    received: Arc<Mutex<Vec<(HeaderMap, Value)>>>,
    /// The statuses of the next answers; 200 once they are used up.
    answers: Arc<Mutex<VecDeque<u16>>>,
    /// How a handshake is answered.
    handshake: Arc<Mutex<Handshake>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Handshake {
    #[default]
    Well,
    Wrongly,
    Silently,
    Refuse,
}

impl Receiver {
    /// Listens. Gives its address.
    pub(crate) async fn listen(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        format!("http://{address}/events")
    }

    pub(crate) fn answer_with(&self, statuses: &[u16]) {
        self.answers.lock().unwrap().extend(statuses);
    }

    pub(crate) fn shake_hands(&self, how: Handshake) {
        *self.handshake.lock().unwrap() = how;
    }

    fn handshake_answer(&self, origin: &HeaderValue, body: String) -> Response<String> {
        let builder = match *self.handshake.lock().unwrap() {
            Handshake::Well => http::Response::builder().header("WebHook-Allowed-Origin", origin),
            Handshake::Wrongly => http::Response::builder().header("WebHook-Allowed-Origin", "somebody.else"),
            Handshake::Silently => http::Response::builder(),
            Handshake::Refuse => http::Response::builder().status(404),
        };
        builder.body(body).unwrap()
    }

    pub(crate) fn received(&self) -> Vec<(HeaderMap, Value)> {
        self.received.lock().unwrap().clone()
    }

    /// Waits until so many have come.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<(HeaderMap, Value)> {
        let deadline = Instant::now() + PATIENCE;
        while self.received().len() < count {
            assert!(Instant::now() < deadline, "only {} of {count} came", self.received().len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.received()
    }
}

async fn answer(
    State(receiver): State<Receiver>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response<String> {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let answer = if method == Method::OPTIONS {
        receiver.handshake_answer(&headers["webhook-request-origin"], String::new())
    } else if headers.get("aeg-event-type").is_some_and(|kind| kind == "SubscriptionValidation") {
        let code = match *receiver.handshake.lock().unwrap() {
            Handshake::Well => json!({ "validationResponse": body[0]["data"]["validationCode"] }),
            Handshake::Wrongly => json!({ "validationResponse": "no" }),
            Handshake::Silently | Handshake::Refuse => json!({}),
        };
        receiver.handshake_answer(&HeaderValue::from_static("*"), code.to_string())
    } else {
        let status = receiver.answers.lock().unwrap().pop_front().unwrap_or(200);
        http::Response::builder().status(status).body(String::new()).unwrap()
    };
    let received = if method == Method::OPTIONS { json!("options") } else { body };
    receiver.received.lock().unwrap().push((headers, received));
    answer
}
