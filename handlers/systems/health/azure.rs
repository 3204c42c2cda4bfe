//! Azure Resource Manager, the clock, the marketplace, and the vault with the key of the evidence.

use azure_clients::{ArmError, ArmRefusal, CallError, MarketplaceError, MarketplaceRefusal};
use azure_ids::ArmId;
use futures::future::join4;
use time::Duration;

use super::{Check, Outcome, Owner, tried};
use crate::{App, step::chain_of};

/// What the app does with the disks: the same list that the role in `infra/` is made of.
const DISK_ACTIONS: &str = include_str!("../../../infra/disk-actions.json");
/// What it does with its identity, which it names in each disk encryption set.
const IDENTITY_ACTIONS: &str = include_str!("../../../infra/identity-actions.json");

/// Tokens and links are valid for minutes; a clock that is further away is refused somewhere.
const FARTHEST: Duration = Duration::seconds(60);

pub(super) async fn checks(app: &App) -> Vec<Check> {
    let group = format!(
        "/subscriptions/{}/resourceGroups/{}",
        app.settings.vendor_subscription, app.settings.resource_group
    );
    let on_disks = may(app, group.parse().ok(), DISK_ACTIONS, "the resource group of the disks");
    let on_identity = may(
        app,
        Some(app.settings.managed_identity.clone()),
        IDENTITY_ACTIONS,
        "the managed identity itself",
    );
    let (disks, identity, market, evidence) = join4(
        tried("disks-role", on_disks),
        tried("identity-role", on_identity),
        tried("marketplace", marketplace(app)),
        tried("evidence-key", evidence_key(app)),
    )
    .await;
    vec![disks, identity, tried("clock", clock(app)).await, market, evidence]
}

/// Whether every one of these actions is allowed there.
async fn may(app: &App, scope: Option<ArmId>, actions: &str, what: &str) -> Outcome {
    let (Some(scope), Ok(actions)) = (scope, serde_json::from_str::<Vec<String>>(actions)) else {
        return Outcome::not_checked(format!("{what} has a name that no resource can have"));
    };
    match app.compute.permissions(&scope).await {
        Ok(permissions) => {
            let missing: Vec<&str> =
                actions.iter().map(String::as_str).filter(|action| !permissions.allow(action)).collect();
            if missing.is_empty() {
                return Outcome::good(format!("all {} actions are allowed on {what}", actions.len()));
            }
            Outcome::wrong(
                format!("not allowed on {what}: {}", missing.join(", ")),
                Owner::AzureAdministrator,
                "Assign the custom role of infra/ to the managed identity: run latchkey setup. A new role works \
                 after up to ten minutes.",
            )
        }
        Err(error) => refused(&error, what),
    }
}

fn refused(error: &ArmError, what: &str) -> Outcome {
    let saw = chain_of(error);
    match error {
        CallError::Refused(ArmRefusal::Forbidden { .. }) => Outcome::wrong(
            saw,
            Owner::AzureAdministrator,
            format!(
                "Assign the custom role of infra/ on {what} to the managed identity: run latchkey setup."
            ),
        ),
        CallError::Refused(ArmRefusal::NotFound { .. }) => Outcome::wrong(
            saw,
            Owner::Deployer,
            format!("Correct the setting that names {what}: it does not exist."),
        ),
        _ => Outcome::not_checked(saw),
    }
}

/// Our clock and that of Resource Manager.
async fn clock(app: &App) -> Outcome {
    let answered = app.compute.permissions(&app.settings.managed_identity).await;
    let now = app.clock.now();
    match answered.map(|permissions| permissions.answered_at) {
        Ok(Some(there)) if (now - there).abs() <= FARTHEST => {
            Outcome::good(format!("it differs from Azure's by {} seconds", (now - there).whole_seconds()))
        }
        Ok(Some(there)) => Outcome::wrong(
            format!("it differs from Azure's by {} seconds", (now - there).whole_seconds()),
            Owner::Deployer,
            "Restart the function app, so that it runs on another machine.",
        ),
        Ok(None) => Outcome::not_checked("Azure Resource Manager did not say what time it is"),
        Err(error) => Outcome::not_checked(chain_of(&error)),
    }
}

async fn marketplace(app: &App) -> Outcome {
    match app.marketplace.is_open_to_us().await {
        Ok(()) => Outcome::good("the marketplace takes us for the publisher of the offer"),
        Err(MarketplaceError::Refused(MarketplaceRefusal::Forbidden)) => Outcome::wrong(
            "the marketplace does not take us for the publisher of the offer",
            Owner::PublisherOfOffer,
            format!(
                "In Partner Center, in the offer's technical configuration, name tenant {} and application {}.",
                app.settings.vendor_tenant, app.settings.application_id
            ),
        ),
        Err(error) => Outcome::not_checked(chain_of(&error)),
    }
}

async fn evidence_key(app: &App) -> Outcome {
    let Some(key) = &app.evidence_key else {
        return Outcome::not_checked("LATCHKEY_EVIDENCE_KEY is not set, so no evidence packs are made");
    };
    match key.version().await {
        Ok(_) => Outcome::good("the key that signs evidence packs can be read"),
        Err(error @ (CallError::Throttled { .. } | CallError::Unavailable(_))) => {
            Outcome::not_checked(chain_of(&error))
        }
        Err(error) => Outcome::wrong(
            chain_of(&error),
            Owner::AzureAdministrator,
            "Assign the role Key Vault Crypto User on the key to the managed identity, and let the function app \
             through the vault's firewall.",
        ),
    }
}
