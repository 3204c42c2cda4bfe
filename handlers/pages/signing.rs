//! What others carry back to us, signed: the link to an onboarding's page, the state of a consent, and the secret of
//! the customer's event subscription.
//!
//! None is stored; HMAC-SHA-256 under the app's signing key makes all unguessable. While that key is rotated, what
//! other keys signed is accepted too.
//!
//! A link's lifetime counts from when it was issued: a page that is opened by a link shows addresses that work for as long
//! as that link does, and no longer. It names how often links had been withdrawn when it was issued.
//!
//! The state of a consent follows
//! what Microsoft demands of an admin consent redirect: signed, short-lived, bound to the browser by a cookie and to
//! the expected tenant; that it is used once only is kept in the object store ([`super::consent`]).

use aws_lc_rs::{constant_time, digest, hmac};
use azure_ids::{KeyUrl, TenantId};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use onboarding::OnboardingId;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::settings::{SigningKey, SigningKeys};

/// How long a link to an onboarding's page works: longer than the marketplace's thirty days to activate.
const LINK_LIFETIME: Duration = Duration::days(60);
/// How long an administrator may take over the consent page.
const STATE_LIFETIME: Duration = Duration::minutes(30);

/// Signs and checks.
#[derive(Clone)]
pub struct Signer {
    key: hmac::Key,
    accepted: Vec<hmac::Key>,
}

/// What a link says, once its signature was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The onboarding that it opens.
    pub onboarding: OnboardingId,
    /// When it was issued, in seconds since 1970.
    issued: i64,
    /// How often the links of the onboarding had been withdrawn then.
    pub withdrawals: u64,
}

impl Link {
    /// A link that is issued now.
    #[must_use]
    pub fn issued(onboarding: OnboardingId, withdrawals: u64, now: OffsetDateTime) -> Self {
        Self { onboarding, issued: now.unix_timestamp(), withdrawals }
    }

    /// How long ago it was issued.
    #[must_use]
    pub fn age(&self, now: OffsetDateTime) -> Duration {
        Duration::seconds(now.unix_timestamp().saturating_sub(self.issued))
    }

    /// Whether its lifetime is over.
    #[must_use]
    pub fn has_expired(&self, now: OffsetDateTime) -> bool {
        now.unix_timestamp() > self.issued.saturating_add(LINK_LIFETIME.whole_seconds())
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(..)")
    }
}

/// What the state of a consent says, once its signature was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentState {
    /// The link that the page was opened with: after the consent the page is opened with the same.
    pub link: Link,
    /// The tenant that is expected to consent.
    pub tenant: TenantId,
    /// Unguessable, and used once.
    pub nonce: Uuid,
    /// Seconds since 1970 after which it is void.
    expires: i64,
    /// SHA-256 of the cookie that the browser was given.
    browser: String,
}

impl ConsentState {
    /// When it is void.
    #[must_use]
    pub fn expires(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.expires).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
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
    pub fn new(key: &SigningKey, accepted: &SigningKeys) -> Self {
        let hmac = |key: &SigningKey| hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        Self { key: hmac(key), accepted: accepted.0.iter().map(hmac).collect() }
    }

    /// The secret part of a link to an onboarding's page.
    #[must_use]
    pub fn link(&self, link: &Link) -> String {
        let Link { onboarding, issued, withdrawals } = link;
        let mac = self.mac("link", &format!("{onboarding}\n{issued}\n{withdrawals}"));
        format!("{issued}.{withdrawals}.{mac}")
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
    ) -> Result<Link, SignatureError> {
        let [issued, withdrawals, mac] =
            link.split('.').collect::<Vec<_>>().try_into().map_err(|_| SignatureError::Malformed)?;
        self.verify("link", &format!("{onboarding}\n{issued}\n{withdrawals}"), mac)?;
        let issued = issued.parse().map_err(|_| SignatureError::Malformed)?;
        let withdrawals = withdrawals.parse().map_err(|_| SignatureError::Malformed)?;
        let link = Link { onboarding, issued, withdrawals };
        if link.has_expired(now) { Err(SignatureError::Expired) } else { Ok(link) }
    }

    /// The `state` for the redirect to the consent page, for the browser that holds this cookie.
    #[must_use]
    pub fn consent_state(&self, link: Link, tenant: TenantId, cookie: &str, now: OffsetDateTime) -> String {
        let state = ConsentState {
            link,
            tenant,
            nonce: Uuid::new_v4(),
            expires: (now + STATE_LIFETIME).unix_timestamp(),
            browser: fingerprint(link.onboarding, cookie),
        };
        let payload =
            URL_SAFE_NO_PAD.encode(serde_json::to_vec(&state).expect("a struct of strings and numbers"));
        format!("{payload}.{}", self.mac("consent", &payload))
    }

    /// Checks the `state` that came back, with the cookie that came with it for this onboarding.
    ///
    /// # Errors
    /// When it is not ours, has expired, or was issued to another browser.
    pub fn check_consent_state(
        &self,
        state: &str,
        cookie_for: impl Fn(OnboardingId) -> Option<String>,
        now: OffsetDateTime,
    ) -> Result<ConsentState, SignatureError> {
        let (payload, mac) = state.split_once('.').ok_or(SignatureError::Malformed)?;
        self.verify("consent", payload, mac)?;
        let json = URL_SAFE_NO_PAD.decode(payload).map_err(|_| SignatureError::Malformed)?;
        let state: ConsentState = serde_json::from_slice(&json).map_err(|_| SignatureError::Malformed)?;
        if now.unix_timestamp() > state.expires {
            return Err(SignatureError::Expired);
        }
        let onboarding = state.link.onboarding;
        let cookie = cookie_for(onboarding).ok_or(SignatureError::OtherBrowser)?;
        let browser = fingerprint(onboarding, &cookie);
        constant_time::verify_slices_are_equal(browser.as_bytes(), state.browser.as_bytes())
            .map_err(|_| SignatureError::OtherBrowser)?;
        Ok(state)
    }

    /// What the customer tags a key with to show whose it is: another for each onboarding and each key, and known only to
    /// whoever sees the onboarding's page.
    #[must_use]
    pub fn ownership_nonce(&self, onboarding: OnboardingId, key: &KeyUrl) -> String {
        self.mac("ownership", &ownership_of(onboarding, key))
    }

    /// Whether a tag of a key has that value.
    #[must_use]
    pub fn is_ownership_nonce(&self, onboarding: OnboardingId, key: &KeyUrl, value: &str) -> bool {
        self.verify("ownership", &ownership_of(onboarding, key), value).is_ok()
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
        let signed = format!("{purpose}\n{text}");
        let fits = |key: &hmac::Key| hmac::verify(key, signed.as_bytes(), &mac).is_ok();
        if std::iter::once(&self.key).chain(&self.accepted).any(fits) {
            Ok(())
        } else {
            Err(SignatureError::Forged)
        }
    }
}

/// Names of keys are the same in every case.
fn ownership_of(onboarding: OnboardingId, key: &KeyUrl) -> String {
    format!("{onboarding}\n{}", key.without_version().to_string().to_lowercase())
}

/// Of a browser that began the consent of this onboarding.
fn fingerprint(onboarding: OnboardingId, cookie: &str) -> String {
    let of_both = format!("{onboarding}\n{cookie}");
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, of_both.as_bytes()))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-02-01 12:00 UTC);

    fn key(byte: u8) -> SigningKey {
        SigningKey::new(vec![byte; 32]).unwrap()
    }

    fn signer(byte: u8) -> Signer {
        Signer::new(&key(byte), &SigningKeys::default())
    }

    fn onboarding(n: u128) -> OnboardingId {
        OnboardingId::of_subscription(Uuid::from_u128(n))
    }

    fn link(n: u128) -> Link {
        Link::issued(onboarding(n), 0, NOW)
    }

    #[test]
    fn a_link_opens_its_own_onboarding_until_it_expires() {
        let text = signer(1).link(&link(1));
        let check = |signer: Signer, id, text: &str, now| signer.check_link(onboarding(id), text, now);
        assert_eq!(check(signer(1), 1, &text, NOW), Ok(link(1)));
        assert_eq!(check(signer(1), 1, &text, NOW + Duration::days(60)), Ok(link(1)));
        assert_eq!(check(signer(1), 2, &text, NOW), Err(SignatureError::Forged));
        assert_eq!(check(signer(2), 1, &text, NOW), Err(SignatureError::Forged));
        assert_eq!(check(signer(1), 1, &text, NOW + Duration::days(61)), Err(SignatureError::Expired));
        assert_eq!(check(signer(1), 1, &text.replacen('1', "9", 1), NOW), Err(SignatureError::Forged));
        assert_eq!(check(signer(1), 1, &text.replacen(".0.", ".1.", 1), NOW), Err(SignatureError::Forged));
        assert_eq!(check(signer(1), 1, "", NOW), Err(SignatureError::Malformed));
    }

    /// A page is opened by a link, and shows addresses with the same link again: that renews nothing.
    #[test]
    fn a_link_that_is_written_again_lives_no_longer() {
        let mut text = signer(1).link(&link(1));
        for day in 0..=60 {
            let opened = signer(1).check_link(onboarding(1), &text, NOW + Duration::days(day)).unwrap();
            text = signer(1).link(&opened);
        }
        let late = NOW + Duration::days(61);
        assert_eq!(signer(1).check_link(onboarding(1), &text, late), Err(SignatureError::Expired));
    }

    #[test]
    fn while_the_key_is_rotated_both_are_accepted_and_the_new_one_signs() {
        let rotating = Signer::new(&key(2), &SigningKeys(vec![key(3), key(1)]));
        let old = signer(1).link(&link(1));
        assert_eq!(rotating.check_link(onboarding(1), &old, NOW), Ok(link(1)));
        assert_eq!(rotating.link(&link(1)), signer(2).link(&link(1)));
        assert_eq!(signer(2).check_link(onboarding(1), &old, NOW), Err(SignatureError::Forged));
        let tenant: TenantId = "0a1b2c3d-1111-2222-3333-444455556666".parse().unwrap();
        let state = signer(1).consent_state(link(1), tenant, "cookie", NOW);
        assert!(rotating.check_consent_state(&state, |_| Some("cookie".to_owned()), NOW).is_ok());
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
    fn a_nonce_proves_one_key_for_one_onboarding_whatever_its_version() {
        let of = |text: &str| -> KeyUrl { text.parse().unwrap() };
        let disks = of("https://contoso.vault.azure.net/keys/disks");
        let version = of(&format!("https://contoso.vault.azure.net/keys/Disks/{}", "a".repeat(32)));
        let nonce = signer(1).ownership_nonce(onboarding(1), &disks);
        assert!(signer(1).is_ownership_nonce(onboarding(1), &version, &nonce));
        for (other, key, value) in [
            (onboarding(2), &disks, nonce.as_str()),
            (onboarding(1), &of("https://contoso.vault.azure.net/keys/other"), &nonce),
            (onboarding(1), &of("https://fabrikam.vault.azure.net/keys/disks"), &nonce),
            (onboarding(1), &disks, ""),
            (onboarding(1), &disks, "NONCE"),
        ] {
            assert!(!signer(1).is_ownership_nonce(other, key, value), "{other} {key} {value}");
        }
        let rotated = Signer::new(&key(2), &SigningKeys(vec![key(1)]));
        assert!(rotated.is_ownership_nonce(onboarding(1), &disks, &nonce), "the key before still counts");
        assert!(!signer(2).is_ownership_nonce(onboarding(1), &disks, &nonce));
    }

    #[test]
    fn a_state_works_in_its_own_browser_until_it_expires() {
        let tenant: TenantId = "0a1b2c3d-1111-2222-3333-444455556666".parse().unwrap();
        let state = signer(1).consent_state(link(1), tenant, "cookie", NOW);
        let check = |state: &str, cookie: Option<&str>, now| {
            signer(1).check_consent_state(state, |_| cookie.map(str::to_owned), now)
        };
        let checked = check(&state, Some("cookie"), NOW).unwrap();
        assert_eq!((checked.link, checked.tenant), (link(1), tenant));
        assert_eq!(check(&state, Some("other"), NOW), Err(SignatureError::OtherBrowser));
        assert_eq!(check(&state, None, NOW), Err(SignatureError::OtherBrowser));
        let of_another =
            |onboarding: OnboardingId| (onboarding != link(1).onboarding).then(|| "cookie".to_owned());
        assert_eq!(signer(1).check_consent_state(&state, of_another, NOW), Err(SignatureError::OtherBrowser));
        assert_eq!(check(&state, Some("cookie"), NOW + Duration::hours(1)), Err(SignatureError::Expired));
        let forged = signer(2).consent_state(link(1), tenant, "cookie", NOW);
        assert_eq!(check(&forged, Some("cookie"), NOW), Err(SignatureError::Forged));
        assert_eq!(check("a.b.c", Some("cookie"), NOW), Err(SignatureError::Malformed));
        let text = signer(1).link(&link(1));
        assert!(check(&text, Some("cookie"), NOW).is_err(), "a link is not a state");
        assert_ne!(state, signer(1).consent_state(link(1), tenant, "cookie", NOW));
    }
}
