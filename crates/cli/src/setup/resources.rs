//! The managed identity and the resource groups. A deployment of `infra/` makes them; only without one does the set-up.

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use azure_ids::ArmId;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::piece::{Difference, Found, Identity, Piece, Seen, guid};
use crate::azure::{Azure, Resource::ResourceManager};

const GROUPS_API: &str = "2024-11-01";
const IDENTITIES_API: &str = "2024-11-30";

/// A resource group.
pub(super) struct Group {
    pub(super) id: ArmId,
    /// Where it is made. `None`: it is not made.
    pub(super) region: Option<String>,
}

#[async_trait]
impl Piece for Group {
    fn kind(&self) -> &'static str {
        "resourceGroup"
    }

    fn name(&self) -> String {
        self.id.name().to_owned()
    }

    async fn read(&self, azure: &Azure<'_>, _: &mut Seen) -> anyhow::Result<Found> {
        match azure.get(ResourceManager, &format!("{}?api-version={GROUPS_API}", self.id)).await? {
            Some(_) => Ok(Found::Right),
            None if self.region.is_some() => Ok(Found::Missing),
            None => bail!("there is no resource group {}", self.id.name()),
        }
    }

    async fn make(&self, azure: &Azure<'_>, _: &mut Seen) -> anyhow::Result<()> {
        let path = format!("{}?api-version={GROUPS_API}", self.id);
        let body = json!({ "location": self.region });
        azure.write(Method::PUT, ResourceManager, &path, &body, "making the resource group").await?;
        Ok(())
    }

    async fn mend(&self, _: &Azure<'_>, _: &mut Seen, _: &[Difference]) -> anyhow::Result<()> {
        Ok(())
    }
}

/// The user-assigned managed identity of the function app.
pub(super) struct IdentityPiece {
    pub(super) tenant: Uuid,
    /// `None` while it is not known.
    pub(super) id: Option<ArmId>,
    /// Where it is made. `None`: it is not made.
    pub(super) region: Option<String>,
}

#[async_trait]
impl Piece for IdentityPiece {
    fn kind(&self) -> &'static str {
        "managedIdentity"
    }

    fn name(&self) -> String {
        self.id.as_ref().map_or_else(String::new, |id| id.name().to_owned())
    }

    async fn read(&self, azure: &Azure<'_>, seen: &mut Seen) -> anyhow::Result<Found> {
        let Some(id) = &self.id else { return Ok(Found::Later("the managed identity (--identity)")) };
        let found = azure.get(ResourceManager, &format!("{id}?api-version={IDENTITIES_API}")).await?;
        let Some(shown) = found else {
            if self.region.is_some() {
                return Ok(Found::Missing);
            }
            bail!(
                "there is no managed identity {id}: deploy infra/ first (azd up), or have it made \
                 (--make-resources)"
            );
        };
        let (tenant, identity) = (guid(&shown, "/properties/tenantId")?, read(id, &shown)?);
        seen.identity = Some(identity);
        if tenant == self.tenant {
            return Ok(Found::Right);
        }
        let cure =
            "use an identity of the tenant that the application is in, or the other way round".to_owned();
        let wrong = Difference::new("tenantId", tenant.to_string(), self.tenant.to_string());
        Ok(Found::Wrong(vec![wrong.by_hand(cure)]))
    }

    async fn make(&self, azure: &Azure<'_>, seen: &mut Seen) -> anyhow::Result<()> {
        let id = self.id.as_ref().context("the managed identity is not known")?;
        let path = format!("{id}?api-version={IDENTITIES_API}");
        let body = json!({ "location": self.region });
        let made =
            azure.write(Method::PUT, ResourceManager, &path, &body, "making the managed identity").await?;
        seen.identity = Some(read(id, &made)?);
        Ok(())
    }

    async fn mend(&self, _: &Azure<'_>, _: &mut Seen, _: &[Difference]) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Under the id that was asked for: Azure answers in another case.
fn read(id: &ArmId, shown: &serde_json::Value) -> anyhow::Result<Identity> {
    Ok(Identity {
        id: id.to_string(),
        client_id: guid(shown, "/properties/clientId")?,
        principal_id: guid(shown, "/properties/principalId")?,
    })
}
