//! Lists in pages: 25 at most, and an address for the next page that names the port (recorded).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use serde_json::{Value, json};

use crate::state::key_vault::error::VaultError;

/// Azure Key Vault REST API, `maxresults`: 1 to 25, and 25 when it is not said.
const LARGEST_PAGE: usize = 25;

/// Which part of a list is asked for.
pub(super) struct Page {
    path: String,
    api_version: String,
    size: Option<usize>,
    after: String,
}

impl Page {
    pub(super) fn asked_for(parts: &Parts) -> Result<Self, VaultError> {
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
                .map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned()))
                .collect();
        let named = |wanted: &str| query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
        // Our guess: the words of both refusals.
        let size = match named("maxresults").map(|text| text.parse::<usize>()) {
            None => None,
            Some(Ok(size)) if (1..=LARGEST_PAGE).contains(&size) => Some(size),
            Some(_) => {
                return Err(VaultError::bad_parameter(format!(
                    "The property 'maxresults' must be a number from 1 to {LARGEST_PAGE}."
                )));
            }
        };
        let after = match named("$skiptoken") {
            None => String::new(),
            Some(token) => URL_SAFE_NO_PAD
                .decode(token)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .ok_or_else(|| {
                    VaultError::bad_parameter("The property '$skiptoken' is not one of this list.")
                })?,
        };
        let api_version = named("api-version").cloned().unwrap_or_default();
        Ok(Self { path: parts.uri.path().to_owned(), api_version, size, after })
    }

    /// The page of these items, which come in the order of their names, each name once.
    pub(super) fn of(&self, base_url: &str, items: impl Iterator<Item = (String, Value)>) -> Value {
        let size = self.size.unwrap_or(LARGEST_PAGE);
        let mut rest = items.skip_while(|(name, _)| !self.after.is_empty() && *name <= self.after);
        let page: Vec<(String, Value)> = rest.by_ref().take(size).collect();
        let next = rest.next().and_then(|_| page.last()).map(|(last, _)| self.link(base_url, last));
        let values: Vec<Value> = page.into_iter().map(|(_, item)| item).collect();
        json!({ "value": values, "nextLink": next })
    }

    fn link(&self, base_url: &str, last: &str) -> String {
        let token = URL_SAFE_NO_PAD.encode(last);
        let (path, version) = (&self.path, &self.api_version);
        let size = self.size.map_or_else(String::new, |size| format!("&maxresults={size}"));
        format!("{base_url}:443{path}?api-version={version}&$skiptoken={token}{size}")
    }
}
