//! The vendor's one-time set-up: what `latchkey setup` makes, by the same code, and the key that signs evidence.
//! Everything in it can be repeated: what is already there is used.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use async_trait::async_trait;
use latchkey_cli::azure::{self, Resource, Tokens};
use latchkey_cli::setup::{self, Found, Identity, Line, Named, Pieces, Wanted};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::time::Instant;

use super::Azure;
use super::names::{KEY_VAULT_CRYPTO_USER, RESOURCE_GROUP, VAULTS_API};
use super::roles::assign_role;
use super::vendor::Estate;
use crate::story::{Story, Who};

const APPLICATION: &str = "Latchkey";
const IDENTITY: &str = "id-latchkey";
/// Holds the key that signs evidence.
const VAULT: &str = "kv-latchkey-evidence";
const EVIDENCE_KEY: &str = "evidence";

/// Does the set-up, or finds it done.
pub(super) async fn set_up(azure: &Azure, public_url: &str, story: &Story) -> anyhow::Result<Estate> {
    let engineer = Engineer { azure, story };
    let (application, identity) = engineer.estate(public_url).await?;
    let evidence_key = engineer.evidence_key(&azure.region, &identity).await?;
    Ok(Estate {
        application_id: application.app_id,
        resource_group: RESOURCE_GROUP.to_owned(),
        region: azure.region.clone(),
        identity,
        evidence_key,
    })
}

/// The steps of the set-up.
struct Engineer<'a> {
    azure: &'a Azure,
    story: &'a Story,
}

#[async_trait]
impl Tokens for Azure {
    async fn token(&self, resource: Resource) -> anyhow::Result<String> {
        self.token_for(resource).await
    }
}

impl Engineer<'_> {
    /// Application, identity, credential and roles. What an earlier run left otherwise is put right: the port of the local
    /// world may differ from the last time.
    async fn estate(&self, public_url: &str) -> anyhow::Result<(setup::Application, Identity)> {
        let since = Instant::now();
        let pieces = Pieces::of(&self.wanted(public_url)?);
        let quiet = |_: &str| {};
        let azure = azure::Azure::new(self.azure.client(), self.azure, &quiet);
        let there = pieces.look(&azure).await?;
        let mend: BTreeSet<usize> = (0..)
            .zip(&there.lines)
            .filter(|(_, line)| line.can_be_mended())
            .map(|(place, _)| place)
            .collect();
        let plan = pieces.bring_about(&azure, &mend).await?;
        if let Some(Line { kind, found: Found::Wrong(wrong), .. }) =
            plan.lines.iter().find(|line| line.found != Found::Right)
        {
            bail!("the {kind} is wrong, so start again in an empty folder: {wrong:?}");
        }
        for what in [
            "registers the multi-tenant application Latchkey",
            "creates the resource group and the managed identity",
            "adds a federated credential for the managed identity to the application",
            "assigns the identity a role with exactly the actions that the app uses",
        ] {
            self.story.tell_since(since, Who::Vendor, what);
        }
        let (application, identity) = (plan.seen.application, plan.seen.identity);
        Ok((application.context("there is no application")?, identity.context("there is no identity")?))
    }

    fn wanted(&self, public_url: &str) -> anyhow::Result<Wanted> {
        let group = self.azure.resource_group_id(RESOURCE_GROUP);
        let identity =
            format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{IDENTITY}");
        Ok(Wanted {
            tenant: self.azure.tenant_id,
            subscription: Some(self.azure.subscription_id),
            application: Named { name: APPLICATION.to_owned(), id: None },
            // Nobody of the vendor signs in here.
            sign_in: None,
            public_url: Some(public_url.trim_end_matches('/').to_owned()),
            identity: Some(identity.parse()?),
            disks_group: Some(group.parse()?),
            region: Some(self.azure.region.clone()),
            make_resources: true,
        })
    }

    /// A vault of the vendor's own, with the key that signs evidence. Another run uses the key that is there, so that packs
    /// of both are signed by the same.
    async fn evidence_key(&self, region: &str, identity: &Identity) -> anyhow::Result<String> {
        let since = Instant::now();
        let group = self.azure.resource_group_id(RESOURCE_GROUP);
        let vault = format!("{group}/providers/Microsoft.KeyVault/vaults/{VAULT}");
        let body = json!({
            "location": region,
            "properties": {
                "tenantId": self.azure.tenant_id,
                "sku": { "name": "standard", "family": "A" },
                "accessPolicies": [],
                "enableRbacAuthorization": true,
                "enableSoftDelete": true,
                "enablePurgeProtection": true,
            },
        });
        self.azure
            .arm(Method::PUT, &vault, VAULTS_API, Some(&body))
            .await?
            .ok("making the vault for evidence")?;
        let path = format!("/keys/{EVIDENCE_KEY}");
        // The newest version: an empty one, as Azure's SDKs ask for it.
        let there = self.azure.vault(Method::GET, VAULT, &format!("{path}/"), None).await?;
        if there.status == StatusCode::NOT_FOUND {
            let body = json!({ "kty": "EC", "crv": "P-256", "key_ops": ["sign", "verify"] });
            let made = self.azure.vault(Method::POST, VAULT, &format!("{path}/create"), Some(&body)).await?;
            made.ok("making the key that signs evidence")?;
        } else {
            there.ok("reading the key that signs evidence")?;
        }
        let scope = format!("{vault}{path}");
        assign_role(self.azure, &scope, identity.principal_id, KEY_VAULT_CRYPTO_USER).await?;
        self.story.tell_since(since, Who::Vendor, "creates a key that signs evidence, in a vault of its own");
        Ok(format!("https://{VAULT}.vault.azure.net{path}"))
    }
}
