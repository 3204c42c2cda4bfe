//! What an application is in its own tenant.

use async_trait::async_trait;
use reqwest::Method;
use serde_json::json;

use super::{
    application::Which,
    piece::{Difference, Found, Piece, Seen},
};
use crate::azure::{Azure, Resource::Graph};

/// The service principal of an application in the vendor's tenant.
pub(super) struct ServicePrincipal {
    pub(super) which: Which,
    /// The application's.
    pub(super) name: String,
}

#[async_trait]
impl Piece for ServicePrincipal {
    fn kind(&self) -> &'static str {
        match self.which {
            Which::Customers => "servicePrincipal",
            Which::SignIn => "signInServicePrincipal",
        }
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    async fn read(&self, azure: &Azure<'_>, seen: &mut Seen) -> anyhow::Result<Found> {
        let Some(application) = self.which.of(seen) else { return Ok(Found::Missing) };
        let filter = format!("appId eq '{}'", application.app_id);
        let found = azure.list(Graph, "/servicePrincipals", &[("$filter", &filter)]).await?;
        Ok(match found.first() {
            None => Found::Missing,
            Some(there) if there["accountEnabled"] == false => {
                Found::Wrong(vec![Difference::new("accountEnabled", "false", "true")])
            }
            Some(_) => Found::Right,
        })
    }

    async fn make(&self, azure: &Azure<'_>, seen: &mut Seen) -> anyhow::Result<()> {
        let body = json!({ "appId": self.which.made(seen)?.app_id });
        azure.write(Method::POST, Graph, "/servicePrincipals", &body, "making the service principal").await?;
        Ok(())
    }

    async fn mend(&self, azure: &Azure<'_>, seen: &mut Seen, _: &[Difference]) -> anyhow::Result<()> {
        let path = format!("/servicePrincipals(appId='{}')", self.which.made(seen)?.app_id);
        let body = json!({ "accountEnabled": true });
        azure.write(Method::PATCH, Graph, &path, &body, "enabling the service principal").await?;
        Ok(())
    }
}
