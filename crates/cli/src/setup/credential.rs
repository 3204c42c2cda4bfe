//! The federated credential: the application takes tokens of the managed identity in place of a secret.
//!
//! Microsoft Learn, "Configure an application to trust a managed identity": issuer, subject and audience are compared
//! byte for byte, wrong values are accepted here and fail at the exchange, and an application has at most 20.

use anyhow::{Context as _, ensure};
use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::piece::{Difference, Found, Piece, Seen};
use crate::azure::{Azure, Resource::Graph};

/// The most that an application may have.
pub(super) const MOST: usize = 20;

/// What the identity's token must be for.
const AUDIENCE: &str = "api://AzureADTokenExchange";

/// The credential that names the managed identity.
pub(super) struct FederatedCredential {
    pub(super) tenant: Uuid,
    /// The identity's name; `None` while there is none.
    pub(super) name: Option<String>,
}

#[async_trait]
impl Piece for FederatedCredential {
    fn kind(&self) -> &'static str {
        "federatedCredential"
    }

    fn name(&self) -> String {
        self.name.clone().unwrap_or_default()
    }

    async fn read(&self, azure: &Azure<'_>, seen: &mut Seen) -> anyhow::Result<Found> {
        let all = match &seen.application {
            Some(application) => azure.list(Graph, &collection(&application.object_id), &[]).await?,
            None => Vec::new(),
        };
        seen.credentials = all.len();
        if self.name.is_none() {
            return Ok(Found::Later("the managed identity (--identity)"));
        }
        let Some(identity) = &seen.identity else { return Ok(Found::Missing) };
        let subject = identity.principal_id.to_string();
        let ours = |one: &&Json| one["subject"].as_str().is_some_and(|is| is.eq_ignore_ascii_case(&subject));
        // Under its name lies what names an identity that was deleted and made anew.
        let named = |one: &&Json| one["name"] == self.name();
        let found = all.iter().find(ours).or_else(|| all.iter().find(named));
        for other in all.iter().filter(|one| Some(*one) != found) {
            let text = |property: &str| crate::output::cut(other[property].as_str().unwrap_or_default(), 120);
            seen.notes.push(format!(
                "the application also accepts the federated credential {}: subject {}, issuer {}",
                text("name"),
                text("subject"),
                text("issuer"),
            ));
        }
        let Some(found) = found else { return Ok(Found::Missing) };
        let wrong =
            self.should(&subject).into_iter().filter(|(property, should)| found[*property] != *should);
        Ok(Found::of(
            wrong.map(|(property, should)| difference(property, &found[property], &should)).collect(),
        ))
    }

    async fn make(&self, azure: &Azure<'_>, seen: &mut Seen) -> anyhow::Result<()> {
        ensure!(
            seen.credentials < MOST,
            "the application has {} federated credentials, and {MOST} is the most that it may have: delete one that \
             is not in use (az ad app federated-credential list, delete)",
            seen.credentials
        );
        let identity = seen.identity.as_ref().context("the managed identity is not there")?;
        let mut body =
            json!({ "name": self.name(), "description": "The function app signs in as this application" });
        for (property, should) in self.should(&identity.principal_id.to_string()) {
            body[property] = should;
        }
        let application = seen.application.as_ref().context("the application is not there")?;
        let path = collection(&application.object_id);
        azure.write(Method::POST, Graph, &path, &body, "adding the federated credential").await?;
        seen.credentials += 1;
        Ok(())
    }

    async fn mend(&self, azure: &Azure<'_>, seen: &mut Seen, _: &[Difference]) -> anyhow::Result<()> {
        let application = seen.application.as_ref().context("the application is not there")?;
        let identity = seen.identity.as_ref().context("the managed identity is not there")?;
        let (path, subject) = (collection(&application.object_id), identity.principal_id.to_string());
        let all = azure.list(Graph, &path, &[]).await?;
        let ours = |one: &&Json| one["subject"].as_str().is_some_and(|is| is.eq_ignore_ascii_case(&subject));
        let found = all.iter().find(ours).or_else(|| all.iter().find(|one| one["name"] == self.name()));
        let id = found.and_then(|one| one["id"].as_str()).context("the federated credential is gone")?;
        let mut body = json!({});
        for (property, should) in self.should(&subject) {
            body[property] = should;
        }
        let path = format!("{path}/{id}");
        azure.write(Method::PATCH, Graph, &path, &body, "changing the federated credential").await?;
        Ok(())
    }
}

impl FederatedCredential {
    fn should(&self, subject: &str) -> [(&'static str, Json); 3] {
        let issuer = format!("https://login.microsoftonline.com/{}/v2.0", self.tenant);
        [("issuer", json!(issuer)), ("subject", json!(subject)), ("audiences", json!([AUDIENCE]))]
    }
}

fn collection(object_id: &str) -> String {
    format!("/applications/{object_id}/federatedIdentityCredentials")
}

fn difference(property: &str, is: &Json, should: &Json) -> Difference {
    let plain = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Difference::new(property, plain(is), plain(should))
}
