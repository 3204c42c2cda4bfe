//! Which deployment a store belongs to: written once, by the first start, and compared by every other.
//!
//! What customers consented to, and where their disks are, does not change with a setting: a start with another vendor's
//! tenant, application or region would go on with journals that are about something else. So it does not start, and
//! says what differs. A store that does not answer keeps no app from starting: nothing can be done without it, and every
//! step says so.

use std::{sync::Arc, time::Duration};

use azure_ids::{ApplicationId, Region, TenantId};
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, path::Path};
use serde::{Deserialize, Serialize};

use crate::{Settings, step::chain_of};

/// How long a start waits for the store.
const PATIENCE: Duration = Duration::from_secs(10);

const PATH: &str = "deployment.json";

/// What does not change as long as a store is used.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deployment {
    vendor_tenant: TenantId,
    application_id: ApplicationId,
    region: Region,
}

/// Why the app must not work on this store.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeploymentError {
    /// The settings are another deployment's.
    #[error("these settings contradict the store at LATCHKEY_JOURNAL_URL ({PATH}):\n  {}\n  Restore the settings, or set LATCHKEY_JOURNAL_URL to another store", .0.join("\n  "))]
    Contradicts(Vec<String>),
    /// It cannot be told whose store it is.
    #[error("reading {PATH} in the store at LATCHKEY_JOURNAL_URL")]
    Unreadable(#[source] serde_json::Error),
}

/// Compares the settings with what the store says; the first start writes it.
///
/// # Errors
/// When they contradict each other.
pub(crate) async fn check(store: &Arc<dyn ObjectStore>, settings: &Settings) -> Result<(), DeploymentError> {
    let asked = Deployment {
        vendor_tenant: settings.vendor_tenant,
        application_id: settings.application_id,
        region: settings.region.clone(),
    };
    let answer = tokio::time::timeout(PATIENCE, written_once(store, &asked)).await;
    let stored = match answer {
        Ok(Ok(None)) => return Ok(()),
        Ok(Ok(Some(stored))) => stored,
        Ok(Err(error)) => {
            tracing::warn!(error = chain_of(&error), "the settings could not be compared with the store");
            return Ok(());
        }
        Err(_) => {
            tracing::warn!("the settings could not be compared with the store: it did not answer");
            return Ok(());
        }
    };
    let stored: Deployment = serde_json::from_slice(&stored).map_err(DeploymentError::Unreadable)?;
    let differences = differences(&asked, &stored);
    if differences.is_empty() { Ok(()) } else { Err(DeploymentError::Contradicts(differences)) }
}

/// What was written before; `None` when this is the first start.
async fn written_once(
    store: &Arc<dyn ObjectStore>,
    asked: &Deployment,
) -> Result<Option<Vec<u8>>, object_store::Error> {
    let path = Path::from(PATH);
    let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    let bytes = serde_json::to_vec(asked).unwrap_or_default();
    match store.put_opts(&path, bytes.into(), create).await {
        Ok(_) => Ok(None),
        Err(object_store::Error::AlreadyExists { .. }) => {
            Ok(Some(store.get(&path).await?.bytes().await?.to_vec()))
        }
        Err(error) => Err(error),
    }
}

fn differences(asked: &Deployment, stored: &Deployment) -> Vec<String> {
    [
        ("LATCHKEY_VENDOR_TENANT_ID", asked.vendor_tenant.to_string(), stored.vendor_tenant.to_string()),
        ("LATCHKEY_APPLICATION_ID", asked.application_id.to_string(), stored.application_id.to_string()),
        ("LATCHKEY_REGION", asked.region.to_string(), stored.region.to_string()),
    ]
    .into_iter()
    .filter(|(_, asked, stored)| asked != stored)
    .map(|(setting, asked, stored)| format!("{setting} is {asked}, and the store belongs to {stored}"))
    .collect()
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn a_start_whose_settings_contradict_the_store_says_what_differs() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let mut settings = Settings::clone(&crate::tests::app().settings);
        check(&store, &settings).await.unwrap();
        check(&store, &settings).await.unwrap();
        settings.region = "northeurope".parse().unwrap();
        let error = check(&store, &settings).await.unwrap_err().to_string();
        assert!(
            error.contains("LATCHKEY_REGION is northeurope, and the store belongs to westeurope"),
            "{error}"
        );
        assert!(!error.contains("LATCHKEY_APPLICATION_ID"), "{error}");
    }
}
