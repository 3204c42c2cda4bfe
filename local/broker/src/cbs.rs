//! Who may do what: claims-based security.
//!
//! A client puts a token on `$cbs` and may then attach links to what the token is for. A shared access signature is
//! checked as Service Bus checks it, by signature and expiry (Microsoft Learn, "Service Bus access control with Shared
//! Access Signatures"): HMAC-SHA256 over the encoded resource, a line feed, and the expiry, under the key's text.

mod access;
mod entra;
mod signature;

use serde_amqp::Value;

use crate::address::path_of;
use crate::clock::Timestamp;
use crate::entra::TokenFault;
use crate::options::EntraTokens;
use crate::request::{Request, Response};

pub(crate) use access::{Access, Closed, Holder};
pub(crate) use entra::AUDIENCES;
pub(crate) use signature::Authority;

/// Why a token was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("InvalidToken: {0}")]
    Malformed(&'static str),
    #[error("InvalidSignature: The token has an invalid signature.")]
    Signature,
    #[error("ExpiredToken: The token is expired.")]
    Expired,
    #[error("InvalidAudience: The token is not for this resource.")]
    Audience,
    #[error("InvalidIssuer: Token issuer is invalid.")]
    Issuer,
    #[error(
        "LocalAuthDisabled: Authorization failed because SAS authentication has been disabled for the namespace."
    )]
    LocalAuthDisabled,
    #[error("InvalidToken: {0}")]
    NotTaken(String),
}

impl From<TokenFault> for TokenError {
    fn from(fault: TokenFault) -> Self {
        match fault {
            TokenFault::Malformed(why) => Self::Malformed(why),
            // A key that is not known may be a new one: it is asked for, and the client asks again.
            TokenFault::UnknownKey | TokenFault::Signature => Self::Signature,
            TokenFault::Issuer => Self::Issuer,
            TokenFault::Audience => Self::Audience,
            TokenFault::Expired => Self::Expired,
        }
    }
}

/// What time it is: among the messages and for Entra, which share a clock, and for the connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) issuers: Timestamp,
    pub(crate) on_the_wire: Timestamp,
}

/// Answers a put-token request, and opens what the token opens.
///
/// The status names are those of "AMQP claims-based security"; the clients read them with and without the hyphen.
pub(crate) fn answer(
    request: &Request,
    authority: &Authority,
    access: &mut Access,
    times: Times,
) -> Response {
    match put_token(request, authority, times) {
        Ok((path, holder, until)) => {
            access.open(path, holder, until);
            status(202, "Accepted")
        }
        Err(error) => status(401, &error.to_string()),
    }
}

fn put_token(
    request: &Request,
    authority: &Authority,
    times: Times,
) -> Result<(String, Holder, Timestamp), TokenError> {
    if request.property("operation") != Some("put-token") {
        return Err(TokenError::NotTaken("the operation is not put-token".to_owned()));
    }
    let audience = request.property("name").ok_or(TokenError::Malformed("the request names no audience"))?;
    let path = path_of(audience);
    let token = match &request.body {
        Value::String(token) => token.as_str(),
        Value::Binary(token) => {
            std::str::from_utf8(token).map_err(|_| TokenError::Malformed("it is not text"))?
        }
        _ => return Err(TokenError::Malformed("the request has no token for its body")),
    };
    // The Python SDK calls its shared access signatures "jwt" too, and Service Bus takes them: the token itself decides.
    let (holder, until) = match request.property("type") {
        Some("jwt" | "servicebus.windows.net:sastoken") if signature::is_one(token) => {
            (Holder::Key, authority.check_signature(token, &path, times.on_the_wire)?)
        }
        Some("jwt") => from_entra(token, authority, times)?,
        other => return Err(TokenError::NotTaken(format!("the token type {other:?} is not known"))),
    };
    Ok((path, holder, until))
}

/// Whom a token of Entra speaks for, and until when on the connection's clock.
fn from_entra(token: &str, authority: &Authority, times: Times) -> Result<(Holder, Timestamp), TokenError> {
    if let Some(directory) = authority.directory() {
        let checked = directory.check(token, times.issuers)?;
        let left = times.issuers.until(checked.until);
        return Ok((Holder::Principal(checked.principal), times.on_the_wire.after(left)));
    }
    match authority.entra_tokens() {
        EntraTokens::AcceptUnverified => Ok((Holder::Key, entra::check_shape(token, times.on_the_wire)?)),
        EntraTokens::Refuse | EntraTokens::Verify(_) => {
            let reason = "this broker cannot verify tokens of Microsoft Entra; use a connection string";
            Err(TokenError::NotTaken(reason.to_owned()))
        }
    }
}

fn status(code: i32, description: &str) -> Response {
    Response {
        application_properties: vec![
            ("status-code", Value::Int(code)),
            ("status-description", Value::from(description)),
            ("statusCode", Value::Int(code)),
            ("statusDescription", Value::from(description)),
        ],
        body: Value::Null,
    }
}
