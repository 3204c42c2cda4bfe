//! Where Microsoft Entra sends people back to.

use anyhow::Context as _;
use async_trait::async_trait;
use reqwest::Method;
use serde_json::json;

use super::{
    application::Which,
    piece::{Difference, Found, Piece, Seen},
};
use crate::azure::{Azure, Resource::Graph};

/// The one redirect URI of an application.
pub(super) struct Redirect {
    pub(super) which: Which,
    /// `None` while the app's address is not known.
    pub(super) uri: Option<String>,
}

#[async_trait]
impl Piece for Redirect {
    fn kind(&self) -> &'static str {
        match self.which {
            Which::Customers => "redirectUri",
            Which::SignIn => "signInRedirectUri",
        }
    }

    fn name(&self) -> String {
        self.uri.clone().unwrap_or_default()
    }

    async fn read(&self, _: &Azure<'_>, seen: &mut Seen) -> anyhow::Result<Found> {
        let Some(uri) = &self.uri else { return Ok(Found::Later("the app's address (--public-url)")) };
        let Some(application) = self.which.of(seen) else { return Ok(Found::Missing) };
        let uris = application.shown["web"]["redirectUris"].as_array();
        let uris: Vec<&str> = uris.into_iter().flatten().filter_map(|uri| uri.as_str()).collect();
        Ok(match uris[..] {
            [] => Found::Missing,
            [only] if only == uri => Found::Right,
            // Whoever answers at another address is sent what is meant for the app.
            _ => Found::Wrong(vec![Difference::new("web.redirectUris", uris.join(", "), uri.as_str())]),
        })
    }

    async fn make(&self, azure: &Azure<'_>, seen: &mut Seen) -> anyhow::Result<()> {
        let uri = self.uri.as_ref().context("the app's address is not known")?;
        let path = format!("/applications/{}", self.which.made(seen)?.object_id);
        let body = json!({ "web": { "redirectUris": [uri] } });
        azure.write(Method::PATCH, Graph, &path, &body, "setting the redirect URI").await?;
        Ok(())
    }

    async fn mend(&self, azure: &Azure<'_>, seen: &mut Seen, _: &[Difference]) -> anyhow::Result<()> {
        self.make(azure, seen).await
    }
}
