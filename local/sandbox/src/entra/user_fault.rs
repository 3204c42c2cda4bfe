//! Why Entra refuses people, in Entra's own numbers and words (see [`fault`](super::fault) for their sources).

use http::StatusCode;
use uuid::Uuid;

use super::fault::EntraFault;

impl EntraFault {
    pub(super) fn invalid_grant() -> Self {
        Self::grant(70_000, "Provided grant is invalid or malformed.".to_owned())
    }

    pub(super) fn code_already_redeemed() -> Self {
        let text = "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an \
                    existing refresh token.";
        Self::grant(54_005, text.to_owned())
    }

    pub(super) fn code_expired() -> Self {
        let text = "The provided authorization code or refresh token has expired due to inactivity. Send a new \
                    interactive authorization request for this user and resource.";
        Self::grant(70_008, text.to_owned())
    }

    pub(super) fn refresh_token_expired() -> Self {
        Self::grant(700_082, "The refresh token has expired due to inactivity.".to_owned())
    }

    pub(super) fn wrong_verifier() -> Self {
        let text =
            "The Code_Verifier does not match the code_challenge supplied in the authorization request.";
        Self::grant(501_481, text.to_owned())
    }

    pub(super) fn no_such_user(name: &str, tenant: &str) -> Self {
        let text = format!(
            "The user account {name} does not exist in the {tenant} directory. To sign into this application, the account \
             must be added to the directory."
        );
        Self::grant(50_034, text)
    }

    pub(super) fn no_consent(application: Uuid, name: &str) -> Self {
        let text = format!(
            "The user or administrator has not consented to use the application with ID '{application}' named '{name}'. Send \
             an interactive authorization request for this user and resource."
        );
        Self::grant(65_001, text)
    }

    pub(super) fn authorization_pending() -> Self {
        let text = "OAuth 2.0 device flow error. Authorization is pending. Continue polling.";
        Self { error: "authorization_pending", ..Self::grant(70_016, text.to_owned()) }
    }

    /// Our guess: the number. The word is documented.
    pub(super) fn authorization_declined() -> Self {
        let text = "User declined to consent to access the app.";
        Self { error: "authorization_declined", ..Self::grant(65_004, text.to_owned()) }
    }

    pub(super) fn device_code_expired() -> Self {
        let text = "The device code has expired. Begin anew.";
        Self { error: "expired_token", ..Self::grant(70_019, text.to_owned()) }
    }

    pub(super) fn unknown_device_code() -> Self {
        let text = "Verification code is not valid.";
        Self { error: "bad_verification_code", ..Self::grant(70_018, text.to_owned()) }
    }

    pub(super) fn unknown_user_code() -> Self {
        let text = "That code didn't work. Check the code and try again.";
        Self { error: "invalid_request", ..Self::grant(70_018, text.to_owned()) }
    }

    pub(super) fn unsupported_response_type(given: &str) -> Self {
        let text = format!("response_type '{given}' is not supported for the application.");
        Self { error: "unsupported_response_type", ..Self::grant(700_054, text) }
    }

    /// Our guess: number and words.
    pub(super) fn unsupported_response_mode(given: &str) -> Self {
        let text = format!("The response_mode '{given}' is not supported.");
        Self { error: "invalid_request", ..Self::grant(900_144, text) }
    }

    /// Our guess: that `plain` is refused; Microsoft's page says that clients should not use it.
    pub(super) fn unsupported_challenge() -> Self {
        let text = "The code_challenge_method must be 'S256'.";
        Self { error: "invalid_request", ..Self::grant(501_461, text.to_owned()) }
    }

    /// The machine gives no randomness.
    pub(super) fn out_of_order() -> Self {
        let text = "The service is temporarily unavailable.".to_owned();
        Self { status: StatusCode::SERVICE_UNAVAILABLE, ..Self::grant(90_033, text) }
    }

    fn grant(code: u32, description: String) -> Self {
        Self { code, error: "invalid_grant", status: StatusCode::BAD_REQUEST, description }
    }
}
