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
use crate::options::EntraTokens;
use crate::request::{Request, Response};

pub(crate) use access::Access;
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
    #[error("InvalidToken: {0}")]
    NotTaken(String),
}

/// Answers a put-token request, and opens what the token opens.
///
/// The status names are those of "AMQP claims-based security"; the clients read them with and without the hyphen.
pub(crate) fn answer(
    request: &Request,
    authority: &Authority,
    access: &mut Access,
    now: Timestamp,
) -> Response {
    match put_token(request, authority, now) {
        Ok((path, until)) => {
            access.open(path, until);
            status(202, "Accepted")
        }
        Err(error) => status(401, &error.to_string()),
    }
}

fn put_token(
    request: &Request,
    authority: &Authority,
    now: Timestamp,
) -> Result<(String, Timestamp), TokenError> {
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
    let until = match request.property("type") {
        Some("jwt" | "servicebus.windows.net:sastoken") if signature::is_one(token) => {
            authority.check_signature(token, &path, now)?
        }
        Some("jwt") => match authority.entra_tokens() {
            EntraTokens::AcceptUnverified => entra::check_shape(token, now)?,
            EntraTokens::Refuse => {
                let reason = "this broker cannot verify tokens of Microsoft Entra; use a connection string";
                return Err(TokenError::NotTaken(reason.to_owned()));
            }
        },
        other => return Err(TokenError::NotTaken(format!("the token type {other:?} is not known"))),
    };
    Ok((path, until))
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
