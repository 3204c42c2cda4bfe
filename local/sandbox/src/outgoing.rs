//! Calls that the simulated cloud makes to somebody's webhook: plain HTTP, to this machine and nowhere else.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

/// More than any handshake answers.
const LARGEST_ANSWER_BYTES: usize = 64 * 1024;

/// What came back.
#[derive(Debug)]
pub(crate) struct WebhookResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutgoingFault {
    /// The address is not plain HTTP on this machine, which is all that the sandbox talks to.
    #[error("the address must be http:// on 127.0.0.1 or localhost")]
    Address,
    /// Nobody answered in time.
    #[error("there was no answer")]
    Unanswered(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Whether the sandbox may call this address at all.
pub(crate) fn check_address(address: &str) -> Result<Uri, OutgoingFault> {
    let address: Uri = address.parse().map_err(|_| OutgoingFault::Address)?;
    let local = matches!(address.host(), Some("127.0.0.1" | "localhost"));
    (address.scheme_str() == Some("http") && local).then_some(address).ok_or(OutgoingFault::Address)
}

/// Sends a request whose address was checked, and reads the answer to its end. Follows no redirect.
pub(crate) async fn send(
    request: Request<Full<Bytes>>,
    longest_wait: Duration,
) -> Result<WebhookResponse, OutgoingFault> {
    let unanswered = |error: Box<dyn std::error::Error + Send + Sync>| OutgoingFault::Unanswered(error);
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let exchange = async {
        let (head, body) =
            client.request(request).await.map_err(|error| unanswered(error.into()))?.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER_BYTES).collect().await.map_err(unanswered)?.to_bytes();
        Ok(WebhookResponse { status: head.status, headers: head.headers, body })
    };
    tokio::time::timeout(longest_wait, exchange).await.map_err(|late| unanswered(late.into()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_this_machine() {
        for (address, allowed) in [
            ("http://127.0.0.1:80/x", true),
            ("http://localhost/x", true),
            ("https://127.0.0.1/x", false),
            ("http://127.0.0.1.example.org/", false),
            ("http://user@example.org/", false),
            ("http://example.org/", false),
            ("/x", false),
            ("", false),
        ] {
            assert_eq!(check_address(address).is_ok(), allowed, "{address}");
        }
    }
}
