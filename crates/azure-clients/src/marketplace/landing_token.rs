//! The token in the URL of the landing page: whoever holds it can learn who bought what.

use std::fmt;

use reqwest::header::HeaderValue;

/// Longer than any token seen, and short enough for every server's header limit.
const LONGEST: usize = 4096;

/// The token that the marketplace puts into the landing page's URL.
///
/// A bearer credential that lives for 24 hours: it is never printed, and the only thing to do with it is
/// [`Marketplace::resolve`](crate::Marketplace::resolve).
#[derive(Clone, PartialEq, Eq)]
pub struct LandingToken(HeaderValue);

/// Why a text is not a landing page's token. The text itself is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LandingTokenError {
    /// There is nothing in it.
    #[error("the token is empty")]
    Empty,
    /// It is longer than any token can be.
    #[error("the token is longer than {LONGEST} characters")]
    TooLong,
    /// It holds something else than the characters of base64 in its two alphabets, or of a JWT.
    #[error("the token holds characters that no token has")]
    BadCharacter,
}

impl LandingToken {
    /// Takes the value of the `token` parameter after one round of URL decoding, as a web framework hands it out.
    ///
    /// The token is base64-like. A `+` that something on the way left unencoded comes out of form decoding as a blank,
    /// and is put back.
    ///
    /// # Errors
    /// It is empty, too long, or holds line breaks or anything else that does not belong into a header.
    pub fn from_decoded_parameter(text: &str) -> Result<Self, LandingTokenError> {
        if text.is_empty() {
            return Err(LandingTokenError::Empty);
        }
        if text.len() > LONGEST {
            return Err(LandingTokenError::TooLong);
        }
        let token = text.replace(' ', "+");
        if !token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_.~".contains(&byte)) {
            return Err(LandingTokenError::BadCharacter);
        }
        let mut value = HeaderValue::from_str(&token).map_err(|_| LandingTokenError::BadCharacter)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    pub(super) fn header_value(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for LandingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LandingToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_that_became_a_blank_is_put_back() {
        let check = |text: &str, expected: &str| {
            let token = LandingToken::from_decoded_parameter(text).unwrap();
            assert_eq!(token.header_value(), expected);
            assert_eq!(format!("{token:?}"), "LandingToken(…)");
            assert_eq!(format!("{:?}", token.header_value()), "Sensitive");
        };
        check("ab+cd/ef==", "ab+cd/ef==");
        check("ab cd/ef==", "ab+cd/ef==");
        check(&"x".repeat(4096), &"x".repeat(4096));
    }

    #[test]
    fn what_cannot_be_a_token_is_refused() {
        let check = |text: &str, error| assert_eq!(LandingToken::from_decoded_parameter(text), Err(error));
        check("", LandingTokenError::Empty);
        check(&"x".repeat(4097), LandingTokenError::TooLong);
        check("ab\r\nx-evil: 1", LandingTokenError::BadCharacter);
        check("ab\ncd", LandingTokenError::BadCharacter);
        check("ab\tcd", LandingTokenError::BadCharacter);
        check("ab\u{0}cd", LandingTokenError::BadCharacter);
        check("ab<script>", LandingTokenError::BadCharacter);
        check("../ab?x", LandingTokenError::BadCharacter);
        check("äb", LandingTokenError::BadCharacter);
    }
}
