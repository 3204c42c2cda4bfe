//! What a refusal of the marketplace's means.

use std::{error::Error as StdError, time::Duration};

use serde::Deserialize;

use crate::{EntraError, Outage, transport::Reply};

/// Why the marketplace did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum MarketplaceError {
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
    /// There is no token to show to the marketplace.
    #[error("there is no token for the marketplace")]
    Token(#[from] EntraError),
    /// Too many requests.
    #[error("the marketplace wants to be asked later")]
    Throttled {
        /// How long the marketplace asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// No answer, or one that says that the marketplace is not well.
    #[error("the marketplace did not answer")]
    Unavailable(#[from] Outage),
    /// The answer cannot be understood.
    #[error("the marketplace's answer cannot be understood")]
    Undecodable(#[source] Box<dyn StdError + Send + Sync>),
}

impl MarketplaceError {
    /// How long the marketplace, or Entra before it, asked to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } => *retry_after,
            Self::Unavailable(outage) => outage.retry_after(),
            Self::Token(error) => error.retry_after(),
            _ => None,
        }
    }
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
        400 => MarketplaceError::BadRequest { code },
        401 | 403 => MarketplaceError::Forbidden,
        404 => MarketplaceError::NotFound,
        409 => MarketplaceError::Conflict,
        429 => MarketplaceError::Throttled { retry_after: reply.retry_after() },
        status => match reply.outage(code) {
            Some(outage) => MarketplaceError::Unavailable(outage),
            None => MarketplaceError::Undecodable(format!("unexpected status {status}").into()),
        },
    })
}
