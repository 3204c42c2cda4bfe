//! The customer's page of one onboarding, as JSON tells it.

use serde::Deserialize;
use url::Url;

/// Where a customer finds their onboarding: the address with its signed link, which is as good as a password.
#[derive(Clone)]
pub struct OnboardingPage {
    url: Url,
}

impl std::fmt::Debug for OnboardingPage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("OnboardingPage").field("path", &self.url.path()).finish_non_exhaustive()
    }
}

impl OnboardingPage {
    /// Takes the address that the landing page led to.
    #[must_use]
    pub fn new(url: Url) -> Self {
        Self { url }
    }

    /// The whole address, to be opened by its owner only.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The onboarding's id: the last part of the path.
    #[must_use]
    pub fn onboarding(&self) -> &str {
        self.url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default()
    }

    /// Where a key URL is submitted, with the same signed link.
    #[must_use]
    pub fn share_key(&self) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("/api/share-key/{}", self.onboarding()));
        url
    }

    /// The address of something below the page, such as `consent`, with the same signed link.
    #[must_use]
    pub fn below(&self, name: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/{name}", self.url.path()));
        url
    }
}

/// What the page says.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OnboardingView {
    /// The onboarding's id.
    pub onboarding: String,
    /// Where it stands, such as `awaiting-consent` or `active`.
    pub state: String,
    /// The customer's tenant.
    #[serde(default)]
    pub tenant: Option<String>,
    /// The region of key and disks.
    #[serde(default)]
    pub region: Option<String>,
    /// What it waits for, and on whom.
    #[serde(default)]
    pub blocker: Option<Blocker>,
    /// Everything that it waits for, the most important first.
    #[serde(default)]
    pub blockers: Vec<Blocker>,
    /// Where the customer's administrator gives consent.
    #[serde(default)]
    pub consent_url: Option<String>,
    /// Object id of the application's service principal in the customer's tenant, once consent is proven.
    #[serde(default)]
    pub service_principal: Option<String>,
    /// The key in use.
    #[serde(default)]
    pub key: Option<String>,
    /// Another key that was shared beside it.
    #[serde(default)]
    pub candidate_key: Option<CandidateKey>,
    /// How far another key is in taking its place.
    #[serde(default)]
    pub replacement: Option<Replacement>,
    /// The name of the disk encryption set.
    #[serde(default)]
    pub disk_encryption_set: Option<String>,
    /// The customer's disks.
    #[serde(default)]
    pub disks: Vec<Disk>,
    /// Whether the marketplace subscription was activated.
    #[serde(default)]
    pub activated: bool,
}

/// Another key beside the one in use.
#[derive(Debug, Clone, Deserialize)]
pub struct CandidateKey {
    /// Its address.
    pub key: String,
    /// Whether it was found to work.
    pub works: bool,
}

/// One key taking the place of another.
#[derive(Debug, Clone, Deserialize)]
pub struct Replacement {
    /// How far it is, such as `changing` or `over`.
    pub state: String,
    /// The key before.
    pub from: String,
    /// The key after.
    pub to: String,
}

/// What an onboarding waits for.
#[derive(Debug, Clone, Deserialize)]
pub struct Blocker {
    /// Who must act.
    pub owner: String,
    /// Which finding it is.
    pub code: String,
    /// What is the matter.
    pub summary: String,
    /// How to mend it, line by line.
    #[serde(default)]
    pub mend: Vec<String>,
}

/// A disk as the page lists it.
#[derive(Debug, Clone, Deserialize)]
pub struct Disk {
    /// Its name.
    pub name: String,
    /// How the function app last saw it encrypted.
    #[serde(default)]
    pub encryption: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> OnboardingPage {
        OnboardingPage::new(Url::parse("http://127.0.0.1:7/api/onboarding/o-1?link=signed").unwrap())
    }

    #[test]
    fn what_lies_below_the_page_keeps_its_signed_link() {
        assert_eq!(page().onboarding(), "o-1");
        assert_eq!(page().share_key().as_str(), "http://127.0.0.1:7/api/share-key/o-1?link=signed");
        assert_eq!(
            page().below("consent").as_str(),
            "http://127.0.0.1:7/api/onboarding/o-1/consent?link=signed"
        );
    }

    #[test]
    fn the_signed_link_stays_out_of_debug_output() {
        assert!(!format!("{:?}", page()).contains("signed"));
    }

    #[test]
    fn a_view_that_knows_little_yet_is_read() {
        let view: OnboardingView =
            serde_json::from_str(r#"{"onboarding":"o-1","state":"opening","blocker":null}"#).unwrap();
        assert_eq!((view.state.as_str(), view.disks.len(), view.activated), ("opening", 0, false));
    }
}
