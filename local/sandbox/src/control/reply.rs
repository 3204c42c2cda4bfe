//! Bodies in and refusals out.

use axum::Json;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::json;

/// A refusal: what is wrong, and where in the body.
#[derive(Debug)]
pub(crate) struct ControlError {
    status: StatusCode,
    problem: String,
    path: Option<String>,
}

impl ControlError {
    pub(crate) fn new(status: StatusCode, problem: impl Into<String>) -> Self {
        Self { status, problem: problem.into(), path: None }
    }

    pub(crate) fn not_found(problem: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, problem)
    }

    pub(crate) fn conflict(problem: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, problem)
    }

    /// A body that is wrong at this path.
    pub(crate) fn at(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: Some(path.into()), ..Self::new(StatusCode::BAD_REQUEST, problem) }
    }

    /// For the page, which has no use for a path.
    pub(crate) fn problem(&self) -> &str {
        &self.problem
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        let mut error = json!({ "message": self.problem });
        if let Some(path) = self.path {
            error["path"] = json!(path);
        }
        (self.status, Json(json!({ "error": error }))).into_response()
    }
}

/// A JSON body; what is wrong with it is refused with the path of the field.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ControlError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ControlError> {
        must_be_json(&request)?;
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|_| ControlError::new(StatusCode::BAD_REQUEST, "the body did not arrive whole"))?;
        let mut reader = serde_json::Deserializer::from_slice(&bytes);
        let value = serde_path_to_error::deserialize(&mut reader)
            .map_err(|error| ControlError::at(error.path().to_string(), error.inner().to_string()))?;
        reader.end().map_err(|error| ControlError::at("$", error.to_string()))?;
        Ok(Self(value))
    }
}

/// The text of a JSON body, for what is read by somebody else.
pub(super) struct JsonText(pub(super) String);

impl<S: Send + Sync> FromRequest<S> for JsonText {
    type Rejection = ControlError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ControlError> {
        must_be_json(&request)?;
        let text = String::from_request(request, state).await;
        text.map(Self).map_err(|_| ControlError::new(StatusCode::BAD_REQUEST, "the body is not UTF-8 text"))
    }
}

fn must_be_json(request: &Request) -> Result<(), ControlError> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(ControlError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "the body has to be sent as content-type: application/json",
    ))
}
