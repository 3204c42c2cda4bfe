//! A person's browser: it keeps cookies, follows redirects and sends forms, across the vendor's pages and Entra's.

use anyhow::{Context, bail, ensure};
use reqwest::header::{ACCEPT, LOCATION};
use reqwest::{Client, RequestBuilder, StatusCode};
use url::Url;

use super::Network;
use super::forms::{Button, Form, forms};

/// As many redirects as common browsers follow.
const MOST_REDIRECTS: usize = 20;
const HTML: &str = "text/html,application/xhtml+xml;q=0.9";

/// A browser of its own: nobody shares its cookies.
#[derive(Debug, Clone)]
pub struct Browser {
    http: Client,
}

/// What the browser shows.
#[derive(Debug, Clone)]
pub struct Page {
    /// The address after all redirects.
    pub url: Url,
    /// The HTTP status of the page itself.
    pub status: StatusCode,
    /// The markup.
    pub html: String,
    /// Every address on the way, the page's own last.
    pub visited: Vec<Url>,
}

impl Browser {
    /// Opens a browser without any cookies.
    ///
    /// # Errors
    ///
    /// No HTTP client can be built for this network.
    pub fn new(network: &Network) -> anyhow::Result<Self> {
        Ok(Self { http: network.browsing_client()? })
    }

    /// Opens an address and follows where it leads.
    ///
    /// # Errors
    ///
    /// No answer, a redirect that leads nowhere, or too many of them.
    pub async fn open(&self, url: Url) -> anyhow::Result<Page> {
        self.follow(url.clone(), self.http.get(url)).await
    }

    /// Sends the page's form by the button whose label or value contains one of `words`, in any case.
    ///
    /// # Errors
    ///
    /// The page has no such button, or the answer cannot be had.
    pub async fn press(&self, page: &Page, words: &[&str]) -> anyhow::Result<Page> {
        let Some((form, button)) = button_named(&page.html, words) else {
            bail!("the page at {} (status {}) has no button {words:?}", shown(&page.url), page.status);
        };
        ensure!(form.post, "the form at {} is not sent by POST", shown(&page.url));
        let target = page.url.join(&form.action).context("the form's action is no address")?;
        let fields: Vec<_> = form.fields.iter().chain(&button.field).collect();
        self.follow(target.clone(), self.http.post(target).form(&fields)).await
    }

    async fn follow(&self, url: Url, request: RequestBuilder) -> anyhow::Result<Page> {
        let mut visited = vec![url.clone()];
        let (mut url, mut request) = (url, request);
        for _ in 0..MOST_REDIRECTS {
            let response = request
                .header(ACCEPT, HTML)
                .send()
                .await
                .map_err(reqwest::Error::without_url)
                .with_context(|| format!("could not open {}", shown(&url)))?;
            if !response.status().is_redirection() {
                let status = response.status();
                let html = response.text().await.map_err(reqwest::Error::without_url)?;
                return Ok(Page { url, status, html, visited });
            }
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let location = location.with_context(|| format!("{} redirects to no address", shown(&url)))?;
            url =
                url.join(location).with_context(|| format!("{} redirects to a bad address", shown(&url)))?;
            visited.push(url.clone());
            // Every redirect of this story is a 302 or 303 after which browsers ask by GET.
            request = self.http.get(url.clone());
        }
        bail!("{} redirects without end", shown(&visited[0]))
    }
}

/// The address without its query, which carries tokens and signed links.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.into()
}

fn button_named(html: &str, words: &[&str]) -> Option<(Form, Button)> {
    forms(html).into_iter().find_map(|form| {
        let button = form.buttons.iter().find(|button| {
            let value = button.field.as_ref().map_or("", |field| field.1.as_str());
            let text = format!("{} {value}", button.label).to_ascii_lowercase();
            words.iter().any(|word| text.contains(word))
        })?;
        Some((form.clone(), button.clone()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_button_is_found_by_its_label_or_its_value() {
        let html =
            "<form method=post><button name=d value=approve>Yes</button><button>Cancel</button></form>";
        assert_eq!(button_named(html, &["approve"]).unwrap().1.label, "Yes");
        assert_eq!(button_named(html, &["cancel"]).unwrap().1.field, None);
        assert!(button_named(html, &["help"]).is_none());
    }

    #[test]
    fn an_address_is_shown_without_the_tokens_in_its_query() {
        let url = Url::parse("http://127.0.0.1:1/api/signup?token=secret").unwrap();
        assert_eq!(shown(&url), "http://127.0.0.1:1/api/signup");
    }
}
