//! Asking Azure Resource Manager for what may not be there, or may not be seen by whoever asks.

use anyhow::bail;
use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};

use super::{Answer, Azure, MOST_PAGES, Resource::ResourceManager, address, follow, succeeded};
use crate::output::cut;

/// What came of asking.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Asked {
    /// It is there.
    Answer(Json),
    /// It is not there.
    Missing,
    /// Whoever is signed in may not see it.
    NotAllowed(String),
}

impl Azure<'_> {
    /// One resource.
    pub(crate) async fn look(&self, path: &str) -> anyhow::Result<Asked> {
        let answer =
            self.send(Method::GET, &address(ResourceManager, path, &[])?, ResourceManager, None).await?;
        asked(answer, path)
    }

    /// What Azure tells only to whoever asks by `POST`. Changes nothing.
    pub(crate) async fn look_by_post(&self, path: &str) -> anyhow::Result<Asked> {
        let url = address(ResourceManager, path, &[])?;
        let answer = self.send(Method::POST, &url, ResourceManager, Some(&json!({}))).await?;
        asked(answer, path)
    }

    /// Everything in a list, page after page, as one array.
    pub(crate) async fn look_at_all(&self, path: &str) -> anyhow::Result<Asked> {
        let mut next = Some(address(ResourceManager, path, &[])?);
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            let Some(url) = next else { return Ok(Asked::Answer(Json::Array(all))) };
            let answer = self.send(Method::GET, &url, ResourceManager, None).await?;
            let mut page = match asked(answer, path)? {
                Asked::Answer(page) => page,
                other => return Ok(other),
            };
            match page["value"].take() {
                Json::Array(some) => all.extend(some),
                _ => bail!("the list {path} has no value"),
            }
            next = page["nextLink"].as_str().map(|link| follow(ResourceManager, link)).transpose()?;
        }
        bail!("the list {path} has no end")
    }
}

fn asked(answer: Answer, path: &str) -> anyhow::Result<Asked> {
    match answer.status {
        StatusCode::NOT_FOUND => Ok(Asked::Missing),
        StatusCode::FORBIDDEN => {
            let code = answer.body["error"]["code"].as_str().or(answer.body["Code"].as_str());
            Ok(Asked::NotAllowed(format!("403 {}", cut(code.unwrap_or("Forbidden"), 100))))
        }
        _ => Ok(Asked::Answer(succeeded(answer, ResourceManager, &format!("reading {path}"))?)),
    }
}
