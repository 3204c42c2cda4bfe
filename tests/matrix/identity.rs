//! The managed identity's tokens from the sandbox's endpoint. The SDK finds the endpoint in the environment, and many
//! stages share this process; what the SDK does with faults of the endpoint is tried by `tests/it/faults.rs`.

use std::time::Duration;

use azure_clients::TokenCredential;
use azure_core::{
    Error,
    credentials::{AccessToken, TokenRequestOptions},
    error::ErrorKind,
    http::{RawResponse, StatusCode, headers::Headers},
};
use reqwest::header::HeaderValue;
use sandbox::Sandbox;
use serde_json::Value;

#[derive(Debug)]
pub(crate) struct EndpointIdentity {
    http: reqwest::Client,
    url: String,
    header: HeaderValue,
}

impl EndpointIdentity {
    pub(crate) fn new(sandbox: &Sandbox, client_id: &str, time_limit: Duration) -> Self {
        let url = format!("{}?api-version=2019-08-01&client_id={client_id}", sandbox.identity_endpoint());
        let header = HeaderValue::from_str(sandbox.identity_header()).unwrap();
        let http = reqwest::Client::builder().no_proxy().timeout(time_limit).build().unwrap();
        Self { http, url, header }
    }
}

#[async_trait::async_trait]
impl TokenCredential for EndpointIdentity {
    async fn get_token(
        &self,
        scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let resource = scopes[0].trim_end_matches("/.default");
        let request = self.http.get(format!("{}&resource={resource}", self.url));
        let io = |error| Error::with_error(ErrorKind::Io, error, "the identity endpoint did not answer");
        let reply = request.header("X-IDENTITY-HEADER", &self.header).send().await.map_err(io)?;
        let status = reply.status();
        let body = reply.bytes().await.map_err(io)?;
        if !status.is_success() {
            let status = StatusCode::from(status.as_u16());
            let raw_response = Some(Box::new(RawResponse::from_bytes(status, Headers::new(), body)));
            let kind = ErrorKind::HttpResponse { status, error_code: None, raw_response };
            return Err(Error::with_message(kind, "the identity endpoint refuses"));
        }
        let body: Value = serde_json::from_slice(&body)?;
        let missing = || Error::with_message(ErrorKind::DataConversion, "not a token response");
        let token = body["access_token"].as_str().ok_or_else(missing)?;
        let expires =
            body["expires_on"].as_str().and_then(|seconds| seconds.parse().ok()).ok_or_else(missing)?;
        let expires = time::OffsetDateTime::from_unix_timestamp(expires).map_err(|_| missing())?;
        Ok(AccessToken::new(token.to_owned(), expires))
    }
}
