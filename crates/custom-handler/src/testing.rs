//! A test kit: builds invocations as the Functions host sends them, and runs them through the real router.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use custom_handler::{Functions, Message, Outcome, testing::{Invocation, TestFunctions}};
//!
//! async fn greet(message: Message<String>, greeting: &'static str) -> Result<Outcome, std::io::Error> {
//!     assert_eq!(format!("{greeting} {}", message.body), "hello world");
//!     Ok(Outcome::Complete)
//! }
//!
//! let functions = TestFunctions::new(Functions::new("hello").queue("greet", greet));
//! let answer = functions.invoke(Invocation::queue("greet").binary("world").message_id("m-1")).await;
//! assert!(answer.succeeded());
//! # });
//! ```

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use bytes::Bytes;
use serde_json::{Map, Value};
use tower::ServiceExt as _;

use crate::{functions::Functions, invocation::INVOCATION_ID};

mod invocation;

pub use self::invocation::Invocation;

/// Functions under test.
#[derive(Debug, Clone)]
pub struct TestFunctions {
    router: Router,
}

/// What the host would hear.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status: 2xx is success, anything else failure.
    pub status: StatusCode,
    /// The body. Always a JSON object, or the router broke the contract.
    pub body: Map<String, Value>,
}

impl TestFunctions {
    /// Takes functions under test.
    #[must_use]
    pub fn new<S: Clone + Send + Sync + 'static>(functions: Functions<S>) -> Self {
        Self { router: functions.into_router() }
    }

    /// Runs an invocation.
    ///
    /// # Panics
    /// When the answer is not what the host needs: a JSON object with its content type.
    pub async fn invoke(&self, invocation: Invocation) -> Answer {
        let body = invocation.body.to_string();
        self.send(&invocation.function, Some(&invocation.id), body).await
    }

    /// Sends any body to a function, with the header that makes it an invocation or without.
    ///
    /// # Panics
    /// When the answer is not what the host needs: a JSON object with its content type.
    pub async fn send(&self, function: &str, invocation_id: Option<&str>, body: impl Into<Body>) -> Answer {
        let mut request = Request::post(format!("/{function}"))
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8");
        if let Some(id) = invocation_id {
            request = request.header(INVOCATION_ID, id);
        }
        let request =
            request.body(body.into()).expect("names of functions and headers are valid in a request");
        let (parts, body) = self.request(request).await.into_parts();
        let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        assert_eq!(content_type, Some("application/json"), "the host reads JSON only");
        let body: Value = serde_json::from_slice(&body).expect("the host needs JSON");
        match body {
            Value::Object(body) => Answer { status: parts.status, body },
            other => panic!("the host needs a JSON object, not {other}"),
        }
    }

    /// Sends a request as an HTTP function gets it.
    ///
    /// # Panics
    /// When the body of the answer breaks off.
    pub async fn request(&self, request: Request<Body>) -> axum::http::Response<Bytes> {
        let Ok(response) = self.router.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.expect("the body of the answer ends");
        axum::http::Response::from_parts(parts, body)
    }

    /// The methods that are served at a path, sorted; none when there is no such route. It asks with a method that
    /// nobody has, so no handler runs, unless a route takes any method.
    ///
    /// # Panics
    /// When `path` is not a path.
    pub async fn methods_at(&self, path: &str) -> Vec<Method> {
        let method = Method::from_bytes(b"WHICH-METHODS").expect("a token is a method");
        let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a path");
        let answer = self.request(request).await;
        let allowed =
            answer.headers().get(header::ALLOW).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut methods: Vec<Method> =
            allowed.split(',').filter_map(|name| name.trim().parse().ok()).collect();
        methods.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        methods
    }
}

impl Answer {
    /// Whether the host takes the invocation for a success.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.status.is_success()
    }

    /// Why the invocation failed; empty when it did not.
    #[must_use]
    pub fn error(&self) -> &str {
        self.body.get("error").and_then(Value::as_str).unwrap_or_default()
    }
}
