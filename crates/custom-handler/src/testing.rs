//! A test kit: invocations as the host writes them, run through the real router.

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http_body_util::BodyExt as _;
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

use crate::invocation::INVOCATION_ID;

/// An invocation to be.
#[derive(Debug, Clone)]
pub struct Invocation {
    function: String,
    data: Value,
    metadata: Map<String, Value>,
}

/// What the handler answered the host.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// 200 for success, anything else for failure.
    pub status: StatusCode,
    /// The body; the host needs a JSON object.
    pub body: Value,
}

impl Invocation {
    /// A message for a queue function whose trigger declares `"dataType": "binary"`.
    #[must_use]
    pub fn of_message(function: &str, body: &[u8]) -> Self {
        Self::new(function, "message", json!(STANDARD.encode(body)))
    }

    /// A message for a queue function whose trigger declares no `dataType`: JSON text in a string.
    #[must_use]
    pub fn of_text(function: &str, body: &str) -> Self {
        Self::new(function, "message", json!(json!(body).to_string()))
    }

    /// A timer's tick.
    #[must_use]
    pub fn of_timer(function: &str) -> Self {
        Self::new(
            function,
            "timer",
            json!({"Schedule": {"AdjustForDST": true}, "ScheduleStatus": null, "IsPastDue": false}),
        )
    }

    fn new(function: &str, input: &str, value: Value) -> Self {
        Self { function: function.to_owned(), data: json!({input: value}), metadata: Map::new() }
    }

    /// The same with an entry of metadata, written as the host writes it.
    #[must_use]
    pub fn with_metadata(mut self, name: &str, value: Value) -> Self {
        let wire = if value.is_object() { value } else { json!(value.to_string()) };
        self.metadata.insert(name.to_owned(), wire);
        self
    }

    /// Runs it through the router and returns what the host would get.
    ///
    /// # Panics
    /// When the answer has no body that the host could read.
    pub async fn run(&self, router: Router) -> Answer {
        let body = json!({"Data": self.data, "Metadata": self.metadata}).to_string();
        let request = Request::post(format!("/{}", self.function))
            .header(INVOCATION_ID, "4e773554-f6b7-4ea2-b07d-4c5fd5aba741")
            .header("Content-Type", "application/json; charset=utf-8")
            .body(Body::from(body))
            .expect("function names are path segments");
        let response = router.oneshot(request).await.expect("axum routers do not fail");
        let status = response.status();
        let bytes = response.into_body().collect().await.expect("the body is in memory").to_bytes();
        Answer { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
    }
}
