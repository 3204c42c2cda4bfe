//! The settings that the function app runs with in the local world, and the exports for everybody else.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use sandbox::{Sandbox, Seed};
use url::Url;
use uuid::Uuid;

use crate::cast::Estate;

/// What must not go through the sandbox's proxy: the identity endpoint and the function app itself.
const NO_PROXY: &str = "127.0.0.1,localhost";

/// The simulated Azure, as an app is led to it.
#[derive(Debug, Clone)]
pub struct Around {
    /// The vendor's tenant.
    pub vendor_tenant: Uuid,
    /// The subscription that is worked in.
    pub vendor_subscription: Uuid,
    /// Where tokens of the managed identity come from.
    pub identity_endpoint: String,
    /// What to show there.
    pub identity_header: String,
    /// The file of the certificate to trust.
    pub authority: String,
    /// Where Azure's names lead.
    pub proxy: String,
}

impl Around {
    /// Of a sandbox in this process.
    #[must_use]
    pub fn of(sandbox: &Sandbox) -> Self {
        let vendor = sandbox.seed().vendor;
        Self {
            vendor_tenant: vendor.tenant_id,
            vendor_subscription: vendor.subscription_id,
            identity_endpoint: sandbox.identity_endpoint(),
            identity_header: sandbox.identity_header().to_owned(),
            authority: sandbox.ca_file().display().to_string(),
            proxy: sandbox.proxy_url(),
        }
    }
}

impl Around {
    /// What leads an app to it. In Azure the platform sets the identity endpoint, and nothing else is needed.
    #[must_use]
    pub fn leads(&self) -> Vec<(&'static str, String)> {
        vec![
            ("IDENTITY_ENDPOINT", self.identity_endpoint.clone()),
            ("IDENTITY_HEADER", self.identity_header.clone()),
            ("SSL_CERT_FILE", self.authority.clone()),
            // Some clients trust the folder besides the file: here the sandbox is all there is to trust.
            ("SSL_CERT_DIR", String::new()),
            // Some clients look at one spelling first, some at the other: whatever the shell holds must not win.
            ("HTTPS_PROXY", self.proxy.clone()),
            ("https_proxy", self.proxy.clone()),
            ("NO_PROXY", NO_PROXY.to_owned()),
            ("no_proxy", NO_PROXY.to_owned()),
        ]
    }
}

/// What the settings are made of.
pub struct Sources<'a> {
    /// The simulated Azure.
    pub around: Around,
    /// What the vendor's set-up made.
    pub estate: &'a Estate,
    /// What leads the app to its Service Bus and its store.
    pub reached_by: Vec<(&'static str, String)>,
    /// Where customers reach the function app.
    pub public_url: &'a Url,
    /// Signs the links; base64.
    pub signing_key: &'a str,
}

/// Service Bus by a connection string, and the journal in a folder.
///
/// # Errors
///
/// The journal's folder has no whole path.
pub fn reached_by_key(connection: &str, journal: &Path) -> anyhow::Result<Vec<(&'static str, String)>> {
    let journal = Url::from_directory_path(journal).ok().context("the journal's folder has no whole path")?;
    Ok(vec![("ServiceBus", connection.to_owned()), ("LATCHKEY_JOURNAL_URL", journal.into())])
}

/// The app settings, as they would be set on a function app in Azure, and what leads its clients to the sandbox.
pub fn app_settings(sources: &Sources<'_>) -> BTreeMap<String, String> {
    let Sources { around, estate, .. } = sources;
    let mut settings = sources.reached_by.clone();
    settings.extend([
        // The longest body that the app takes: the host reads a body before it asks the app.
        ("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", "1048576".to_owned()),
        ("LATCHKEY_PUBLIC_URL", sources.public_url.as_str().trim_end_matches('/').to_owned()),
        ("LATCHKEY_VENDOR_TENANT_ID", around.vendor_tenant.to_string()),
        ("LATCHKEY_VENDOR_SUBSCRIPTION_ID", around.vendor_subscription.to_string()),
        ("LATCHKEY_APPLICATION_ID", estate.application_id.to_string()),
        ("LATCHKEY_MANAGED_IDENTITY_CLIENT_ID", estate.identity.client_id.to_string()),
        ("LATCHKEY_MANAGED_IDENTITY_ID", estate.identity.id.clone()),
        ("LATCHKEY_RESOURCE_GROUP", estate.resource_group.clone()),
        ("LATCHKEY_REGION", estate.region.clone()),
        ("LATCHKEY_SIGNING_KEY", sources.signing_key.to_owned()),
        ("LATCHKEY_EVIDENCE_KEY", estate.evidence_key.clone()),
        // Second, minute, hour, day, month, day of the week: every minute.
        ("LATCHKEY_SWEEP_SCHEDULE", "0 * * * * *".to_owned()),
        ("LATCHKEY_WATCH_SCHEDULE", "0 * * * * *".to_owned()),
        ("LOG_FORMAT", "json".to_owned()),
        // The shell's own choice could hide the lines that tell of the steps.
        ("RUST_LOG", "info".to_owned()),
    ]);
    let settings = settings.into_iter().chain(around.leads());
    settings.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What another shell needs to work in the local world: `az`, SDKs, curl. Where Service Bus takes no keys there is no
/// connection string.
pub(super) fn exports(
    sandbox: &Sandbox,
    broker_connection: Option<String>,
    public_url: &Url,
    azure_config: &Path,
) -> Vec<(&'static str, String)> {
    let Seed { vendor, customer } = sandbox.seed();
    let authority = sandbox.ca_file().display().to_string();
    let mut exports = vec![
        ("HTTPS_PROXY", sandbox.proxy_url()),
        ("HTTP_PROXY", sandbox.proxy_url()),
        ("NO_PROXY", NO_PROXY.to_owned()),
        ("REQUESTS_CA_BUNDLE", authority.clone()),
        ("SSL_CERT_FILE", authority.clone()),
        ("CURL_CA_BUNDLE", authority.clone()),
        ("NODE_EXTRA_CA_CERTS", authority),
        ("AZURE_CONFIG_DIR", azure_config.display().to_string()),
        ("IDENTITY_ENDPOINT", sandbox.identity_endpoint()),
        ("IDENTITY_HEADER", sandbox.identity_header().to_owned()),
        ("LATCHKEY_URL", public_url.as_str().trim_end_matches('/').to_owned()),
        ("LATCHKEY_VENDOR_TENANT_ID", vendor.tenant_id.to_string()),
        ("LATCHKEY_VENDOR_SUBSCRIPTION_ID", vendor.subscription_id.to_string()),
        ("LATCHKEY_CUSTOMER_TENANT_ID", customer.tenant_id.to_string()),
        ("LATCHKEY_CUSTOMER_SUBSCRIPTION_ID", customer.subscription_id.to_string()),
    ];
    exports.extend(broker_connection.map(|string| ("LATCHKEY_SERVICE_BUS_CONNECTION_STRING", string)));
    exports
}

#[cfg(test)]
mod tests {
    use super::*;
    use latchkey_cli::setup::Identity;

    async fn sandbox(run_folder: &Path) -> Sandbox {
        let options = sandbox::Options {
            state: None,
            run_folder: run_folder.to_path_buf(),
            lags: sandbox::Lags::default(),
            har: false,
            ahead_milliseconds: None,
        };
        Sandbox::start(options).await.unwrap()
    }

    #[tokio::test]
    async fn every_export_that_was_promised_is_there_and_none_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = sandbox(folder.path()).await;
        let url = Url::parse("http://127.0.0.1:20000").unwrap();
        let exports =
            exports(&sandbox, Some("Endpoint=sb://127.0.0.1:1".to_owned()), &url, Path::new("/x/azure"));
        let names: Vec<_> = exports.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names,
            [
                "HTTPS_PROXY",
                "HTTP_PROXY",
                "NO_PROXY",
                "REQUESTS_CA_BUNDLE",
                "SSL_CERT_FILE",
                "CURL_CA_BUNDLE",
                "NODE_EXTRA_CA_CERTS",
                "AZURE_CONFIG_DIR",
                "IDENTITY_ENDPOINT",
                "IDENTITY_HEADER",
                "LATCHKEY_URL",
                "LATCHKEY_VENDOR_TENANT_ID",
                "LATCHKEY_VENDOR_SUBSCRIPTION_ID",
                "LATCHKEY_CUSTOMER_TENANT_ID",
                "LATCHKEY_CUSTOMER_SUBSCRIPTION_ID",
                "LATCHKEY_SERVICE_BUS_CONNECTION_STRING",
            ]
        );
        assert!(exports.iter().all(|(_, value)| !value.is_empty()));
        assert!(exports.contains(&("LATCHKEY_URL", "http://127.0.0.1:20000".to_owned())));
        sandbox.stop().await;
    }

    #[tokio::test]
    async fn the_function_app_can_start_with_the_settings() {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = sandbox(folder.path()).await;
        let subscription = sandbox.seed().vendor.subscription_id;
        let estate = Estate {
            application_id: Uuid::new_v4(),
            resource_group: "rg-latchkey".into(),
            region: "westeurope".into(),
            identity: Identity {
                id: format!(
                    "/subscriptions/{subscription}/resourceGroups/rg-latchkey/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id"
                ),
                client_id: Uuid::new_v4(),
                principal_id: Uuid::new_v4(),
            },
            evidence_key: "https://kv-latchkey-evidence.vault.azure.net/keys/evidence".into(),
        };
        let memory = super::super::memory::Memory::recall(folder.path().join("world.json")).unwrap();
        let settings = app_settings(&Sources {
            around: Around::of(&sandbox),
            estate: &estate,
            reached_by: reached_by_key("Endpoint=sb://127.0.0.1:1", &folder.path().join("a journal"))
                .unwrap(),
            public_url: &Url::parse("http://127.0.0.1:20000").unwrap(),
            signing_key: &memory.signing_key,
        });
        latchkey_functions::Settings::read(|name| settings.get(name).cloned()).unwrap();
        sandbox.stop().await;
    }
}
