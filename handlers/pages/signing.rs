//! What others carry back to us, signed: the link to an onboarding's page, the state of a consent, and the secret of
//! the customer's event subscription.
//!
//! None is stored; HMAC-SHA-256 under the app's signing key makes both unguessable. The state of a consent follows
//! what Microsoft demands of an admin consent redirect: signed, short-lived, bound to the browser by a cookie and to
//! the expected tenant; that it is used once only is kept in the object store ([`crate::used_states`]).

use aws_lc_rs::{constant_time, digest, hmac};
use azure_ids::TenantId;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use onboarding::OnboardingId;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::settings::SigningKey;

/// How long a link to an onboarding's page works: longer than the marketplace's thirty days to activate.
const LINK_LIFETIME: Duration = Duration::days(60);
/// How long an administrator may take over the consent page.
const STATE_LIFETIME: Duration = Duration::minutes(30);

/// Signs and checks.
#[derive(Clone)]
pub struct Signer {
    key: hmac::Key,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(..)")
    }
}

/// What the state of a consent says, once its signature was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentState {
    /// The onboarding that the consent is for.
    pub onboarding: OnboardingId,
    /// The tenant that is expected to consent.
    pub tenant: TenantId,
    /// Unguessable, and used once.
    pub nonce: Uuid,
    /// Seconds since 1970 after which it is void.
    expires: i64,
    /// SHA-256 of the cookie that the browser was given.
    browser: String,
}

/// Why a link or a state is refused. What exactly was wrong is for the log, not for whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not in the form that we write.
    #[error("it is not in the right form")]
    Malformed,
    /// The signature does not fit.
    #[error("its signature does not fit")]
    Forged,
    /// Too old.
    #[error("it has expired")]
    Expired,
    /// It was issued to another browser.
    #[error("it was issued to another browser")]
    OtherBrowser,
}

impl Signer {
    /// A signer under this key.
    #[must_use]
    pub fn new(key: &SigningKey) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()) }
    }

    /// The secret part of the link to an onboarding's page.
    #[must_use]
    pub fn link(&self, onboarding: OnboardingId, now: OffsetDateTime) -> String {
        let expires = (now + LINK_LIFETIME).unix_timestamp();
        format!("{expires}.{}", self.mac("link", &format!("{onboarding}\n{expires}")))
    }

    /// Checks the secret part of a link.
    ///
    /// # Errors
    /// When it is not ours, is for another onboarding, or has expired.
    pub fn check_link(
        &self,
        onboarding: OnboardingId,
        link: &str,
        now: OffsetDateTime,
    ) -> Result<(), SignatureError> {
        let (expires, mac) = link.split_once('.').ok_or(SignatureError::Malformed)?;
        self.verify("link", &format!("{onboarding}\n{expires}"), mac)?;
        let expires: i64 = expires.parse().map_err(|_| SignatureError::Malformed)?;
        if now.unix_timestamp() > expires { Err(SignatureError::Expired) } else { Ok(()) }
    }

    /// The `state` for the redirect to the consent page, for the browser that holds this cookie.
    #[must_use]
    pub fn consent_state(
        &self,
        onboarding: OnboardingId,
        tenant: TenantId,
        cookie: &str,
        now: OffsetDateTime,
    ) -> String {
        let state = ConsentState {
            onboarding,
            tenant,
            nonce: Uuid::new_v4(),
            expires: (now + STATE_LIFETIME).unix_timestamp(),
            browser: fingerprint(cookie),
        };
        let payload =
            URL_SAFE_NO_PAD.encode(serde_json::to_vec(&state).expect("a struct of strings and numbers"));
        format!("{payload}.{}", self.mac("consent", &payload))
    }

    /// Checks the `state` that came back, with the cookie that came with it.
    ///
    /// # Errors
    /// When it is not ours, has expired, or was issued to another browser.
    pub fn check_consent_state(
        &self,
        state: &str,
        cookie: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<ConsentState, SignatureError> {
        let (payload, mac) = state.split_once('.').ok_or(SignatureError::Malformed)?;
        self.verify("consent", payload, mac)?;
        let json = URL_SAFE_NO_PAD.decode(payload).map_err(|_| SignatureError::Malformed)?;
        let state: ConsentState = serde_json::from_slice(&json).map_err(|_| SignatureError::Malformed)?;
        if now.unix_timestamp() > state.expires {
            return Err(SignatureError::Expired);
        }
        let browser = cookie.map(fingerprint).ok_or(SignatureError::OtherBrowser)?;
        constant_time::verify_slices_are_equal(browser.as_bytes(), state.browser.as_bytes())
            .map_err(|_| SignatureError::OtherBrowser)?;
        Ok(state)
    }

    /// The secret that the customer's event subscription sends with each event. It does not expire, because the
    /// subscription lives as long as the onboarding.
    #[must_use]
    pub fn key_events_secret(&self, onboarding: OnboardingId) -> String {
        self.mac("key events", &onboarding.to_string())
    }

    /// Checks the secret that came with an event.
    ///
    /// # Errors
    /// When it is not the one of this onboarding.
    pub fn check_key_events_secret(
        &self,
        onboarding: OnboardingId,
        secret: &str,
    ) -> Result<(), SignatureError> {
        self.verify("key events", &onboarding.to_string(), secret)
    }

    /// The purpose goes into the signature, so that a link can never pass for a state.
    fn mac(&self, purpose: &str, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, format!("{purpose}\n{text}").as_bytes()))
    }

    fn verify(&self, purpose: &str, text: &str, mac: &str) -> Result<(), SignatureError> {
        let mac = URL_SAFE_NO_PAD.decode(mac).map_err(|_| SignatureError::Malformed)?;
        hmac::verify(&self.key, format!("{purpose}\n{text}").as_bytes(), &mac)
            .map_err(|_| SignatureError::Forged)
    }
}

fn fingerprint(cookie: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, cookie.as_bytes()))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-02-01 12:00 UTC);

    fn signer(byte: u8) -> Signer {
        Signer::new(&SigningKey::new(vec![byte; 32]).unwrap())
    }

    fn onboarding(n: u128) -> OnboardingId {
        OnboardingId::of_subscription(Uuid::from_u128(n))
    }

    #[test]
    fn a_link_opens_its_own_onboarding_until_it_expires() {
        let link = signer(1).link(onboarding(1), NOW);
        let check = |signer: Signer, id, link: &str, now| signer.check_link(onboarding(id), link, now);
        assert_eq!(check(signer(1), 1, &link, NOW), Ok(()));
        assert_eq!(check(signer(1), 2, &link, NOW), Err(SignatureError::Forged));
        assert_eq!(check(signer(2), 1, &link, NOW), Err(SignatureError::Forged));
        assert_eq!(check(signer(1), 1, &link, NOW + Duration::days(61)), Err(SignatureError::Expired));
        assert_eq!(check(signer(1), 1, &link.replacen('1', "9", 1), NOW), Err(SignatureError::Forged));
        assert_eq!(check(signer(1), 1, "", NOW), Err(SignatureError::Malformed));
    }

    #[test]
    fn the_secret_of_key_events_is_good_for_its_own_onboarding_alone() {
        let secret = signer(1).key_events_secret(onboarding(1));
        let check = |byte, id, secret: &str| signer(byte).check_key_events_secret(onboarding(id), secret);
        assert_eq!(check(1, 1, &secret), Ok(()));
        assert_eq!(check(1, 2, &secret), Err(SignatureError::Forged));
        assert_eq!(check(2, 1, &secret), Err(SignatureError::Forged));
        assert_eq!(check(1, 1, ""), Err(SignatureError::Forged));
        assert_eq!(check(1, 1, "\u{e9}"), Err(SignatureError::Malformed));
    }

    #[test]
    fn a_state_works_in_its_own_browser_until_it_expires() {
        let tenant: TenantId = "0a1b2c3d-1111-2222-3333-444455556666".parse().unwrap();
        let state = signer(1).consent_state(onboarding(1), tenant, "cookie", NOW);
        let check = |state: &str, cookie, now| signer(1).check_consent_state(state, cookie, now);
        let checked = check(&state, Some("cookie"), NOW).unwrap();
        assert_eq!((checked.onboarding, checked.tenant), (onboarding(1), tenant));
        assert_eq!(check(&state, Some("other"), NOW), Err(SignatureError::OtherBrowser));
        assert_eq!(check(&state, None, NOW), Err(SignatureError::OtherBrowser));
        assert_eq!(check(&state, Some("cookie"), NOW + Duration::hours(1)), Err(SignatureError::Expired));
        let forged = signer(2).consent_state(onboarding(1), tenant, "cookie", NOW);
        assert_eq!(check(&forged, Some("cookie"), NOW), Err(SignatureError::Forged));
        assert_eq!(check("a.b.c", Some("cookie"), NOW), Err(SignatureError::Malformed));
        let link = signer(1).link(onboarding(1), NOW);
        assert!(check(&link, Some("cookie"), NOW).is_err(), "a link is not a state");
        assert_ne!(state, signer(1).consent_state(onboarding(1), tenant, "cookie", NOW));
    }
}
