//! What `infra/` made, read from Azure Resource Manager as the operator: queues, keys that are refused, the function app,
//! its settings, the signing key, roles, the address of what goes out, how much room is left, alerts. Nothing is changed.
//!
//! What each has to be is what `infra/` is made from: the same files, and for names and roles a test that compares.

mod alerts;
mod capacity;
mod entities;
mod estate;
mod local_auth;
mod names;
mod outbound;
#[cfg(test)]
mod predicted;
mod providers;
mod roles;
mod settings;
mod signing_key;
mod site;

use clap::Args;
use futures::join;
use uuid::Uuid;

use self::estate::Estate;
use super::Check;
use crate::azure::{Session, SignedIn};

/// How most of what is wrong here is mended.
const DEPLOY: &str = "Deploy infra/ again (azd up).";

/// Which deployment is looked at.
#[derive(Debug, Args)]
#[command(next_help_heading = "What infra/ made")]
pub(super) struct Deployed {
    /// Also look at what infra/ made there. It takes the role Reader
    #[arg(long, value_name = "ID", requires = "resource_group")]
    subscription: Option<Uuid>,

    /// The resource group that infra/ made, such as rg-latchkey-contoso
    #[arg(long, value_name = "NAME", requires = "subscription")]
    resource_group: Option<String>,

    #[command(flatten)]
    who: SignedIn,
}

impl Deployed {
    /// Once, however often is looked; `None` when nobody asks for it.
    ///
    /// # Errors
    /// Nobody is signed in.
    pub(super) async fn sign_in(&self) -> anyhow::Result<Option<Session>> {
        Ok(if self.subscription.is_some() { Some(self.who.sign_in().await?) } else { None })
    }

    /// What is seen there.
    pub(super) async fn checks(&self, session: Option<&Session>) -> Vec<Check> {
        let (Some(session), Some(subscription), Some(group)) =
            (session, self.subscription, &self.resource_group)
        else {
            let how = "what infra/ made was not looked at: give --subscription and --resource-group, signed in with az \
                       or with --login device-code";
            return vec![Check::not_checked("deployment", how)];
        };
        let azure = session.azure();
        match Estate::find(&azure, subscription, group).await {
            Ok(estate) => look(&estate).await,
            Err(check) => vec![check],
        }
    }
}

async fn look(estate: &Estate<'_>) -> Vec<Check> {
    let identity = format!("Microsoft.ManagedIdentity/userAssignedIdentities/{}", estate.names.identity());
    let identity = estate.one(&identity, "2024-11-30").await;
    let settled = settings::checks(estate, &identity).await;
    let (queues, local_auth, site, signing_key, roles, alerts) = join!(
        entities::check(estate),
        local_auth::check(estate),
        site::checks(estate),
        signing_key::check(estate),
        roles::check(estate, &identity, settled.value("LATCHKEY_RESOURCE_GROUP")),
        alerts::check(estate),
    );
    let (providers, outbound, capacity) =
        join!(providers::check(estate), outbound::check(estate), capacity::check(estate, &settled));
    let mut all = vec![providers, queues, local_auth];
    all.extend(site);
    all.extend(settled.checks);
    all.extend([signing_key, roles, outbound, capacity, alerts]);
    all
}
