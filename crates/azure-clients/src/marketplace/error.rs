//! What a refusal of the marketplace's means.

use serde::Deserialize;

use crate::{CallError, call_error::SystemRefusal, transport::Reply};

/// Why the marketplace did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum MarketplaceRefusal {
    /// The landing page's token is malformed, unknown or expired. The buyer has to come again from the portal.
    #[error("the marketplace does not know the landing page's token")]
    LandingTokenRefused,
    /// Our token is not the publisher's: nearly always another application or tenant than the offer names.
    #[error("the marketplace does not take us for the publisher of the offer")]
    Forbidden,
    /// There is no such subscription or operation, or the subscription has ended.
    #[error("the marketplace knows no such thing")]
    NotFound,
    /// The request does not fit the subscription's plan, quantity or state.
    #[error("the marketplace refuses the request{}", .code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default())]
    BadRequest {
        /// The marketplace's code, if it gave one.
        code: Option<String>,
    },
    /// Something newer has happened already.
    #[error("something newer has happened to the subscription")]
    Conflict,
}

/// Why a call to the marketplace failed.
pub type MarketplaceError = CallError<MarketplaceRefusal>;

impl SystemRefusal for MarketplaceRefusal {
    const SYSTEM: &'static str = "the marketplace";
}

/// The marketplace answers errors with a bare `{code, message}`, with the same under `error`, or with nothing.
#[derive(Deserialize, Default)]
#[serde(default)]
struct ErrorBody {
    code: Option<String>,
    error: Option<Box<ErrorBody>>,
}

/// Reads a refusal; `None` for a success.
pub(super) fn read(reply: &Reply) -> Option<MarketplaceError> {
    if reply.status.is_success() {
        return None;
    }
    let body = serde_json::from_slice::<ErrorBody>(&reply.body).unwrap_or_default();
    let code = body.error.and_then(|error| error.code).or(body.code);
    Some(match reply.status.as_u16() {
        400 => MarketplaceError::Refused(MarketplaceRefusal::BadRequest { code }),
        401 | 403 => MarketplaceError::Refused(MarketplaceRefusal::Forbidden),
        404 => MarketplaceError::Refused(MarketplaceRefusal::NotFound),
        409 => MarketplaceError::Refused(MarketplaceRefusal::Conflict),
        429 => MarketplaceError::Throttled { retry_after: reply.retry_after() },
        status => match reply.outage(code) {
            Some(outage) => MarketplaceError::Unavailable(outage),
            None => MarketplaceError::undecodable(format!("unexpected status {status}")),
        },
    })
}
