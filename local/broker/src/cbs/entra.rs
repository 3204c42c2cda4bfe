//! Tokens of Microsoft Entra, as far as they can be looked at without knowing an issuer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::clock::Timestamp;

use super::TokenError;

/// The resource that tokens for Service Bus are for (azure-sdk-for-python, `_common/constants.py`).
pub(crate) const AUDIENCES: [&str; 2] = ["https://servicebus.azure.net", "https://servicebus.azure.net/"];

#[derive(Deserialize)]
struct Claims {
    aud: String,
    exp: i64,
}

/// Checks shape, audience and expiry, not the signature. Returns when the token ends.
pub(super) fn check_shape(token: &str, now: Timestamp) -> Result<Timestamp, TokenError> {
    let mut parts = token.split('.');
    let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenError::Malformed("a token has three parts"));
    };
    let claims =
        URL_SAFE_NO_PAD.decode(claims).map_err(|_| TokenError::Malformed("its claims are not base64"))?;
    let claims: Claims =
        serde_json::from_slice(&claims).map_err(|_| TokenError::Malformed("its claims are not readable"))?;
    if !AUDIENCES.contains(&claims.aud.as_str()) {
        return Err(TokenError::Audience);
    }
    let until = Timestamp::from_milliseconds(claims.exp.saturating_mul(1000));
    if until > now { Ok(until) } else { Err(TokenError::Expired) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &serde_json::Value) -> String {
        format!("header.{}.signature", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    #[test]
    fn audience_and_expiry_are_looked_at() {
        let now = Timestamp::from_milliseconds(1_000_000);
        let of = |aud: &str, exp: i64| token(&serde_json::json!({ "aud": aud, "exp": exp }));
        assert!(check_shape(&of("https://servicebus.azure.net", 2000), now).is_ok());
        assert_eq!(check_shape(&of("https://vault.azure.net", 2000), now), Err(TokenError::Audience));
        assert_eq!(check_shape(&of("https://servicebus.azure.net", 999), now), Err(TokenError::Expired));
        assert!(check_shape("not a token", now).is_err());
    }
}
