//! What the sandbox writes beside its state: the exports, the secrets of its administrators, and its ports.

use anyhow::Context;
use latchkey_cli::write_private;
use sandbox::{Sandbox, Seed};
use serde::{Deserialize, Serialize};

use super::local;
use crate::args::Profile;
use crate::world::folder::Folder;
use crate::world::write_exports;

/// What must not go through the proxy: the sandbox's own address.
const NO_PROXY: &str = "127.0.0.1,localhost";

/// The ports of the last time, so that open shells and bookmarks go on working.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Remembered {
    pub(super) own: Option<u16>,
    pub(super) proxy: Option<u16>,
    pub(super) secure: Option<u16>,
}

impl Remembered {
    /// Ports are a convenience: a file that cannot be read is as good as none.
    pub(super) fn recall(folder: &Folder) -> Self {
        let text = std::fs::read(folder.path("sandbox-ports.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    pub(super) fn keep(&self, folder: &Folder) -> anyhow::Result<()> {
        let text = serde_json::to_vec(self).context("could not save the ports")?;
        write_private(&folder.path("sandbox-ports.json"), &text).context("could not save the ports")
    }
}

/// Writes the exports, the two administrators' secrets, and a certificate for what runs beside it, for their owner
/// only.
pub(super) fn write(folder: &Folder, sandbox: &Sandbox, profile: Profile) -> anyhow::Result<()> {
    let env = folder.path("env");
    let mut exports = exports(folder, sandbox);
    if profile == Profile::Local {
        local::write(folder, sandbox.local_names(), &mut exports)?;
    }
    write_exports(&env, &exports).with_context(|| format!("could not write {}", env.display()))?;
    let Seed { vendor, customer } = sandbox.seed();
    for (name, tenant) in [("vendor-secret", vendor), ("customer-secret", customer)] {
        let file = folder.path(name);
        write_private(&file, tenant.administrator.client_secret.as_bytes())
            .with_context(|| format!("could not write {}", file.display()))?;
    }
    let issued = sandbox.issue_certificate().context("could not make a certificate")?;
    for (name, text) in [("certificate.pem", &issued.chain), ("certificate-key.pem", &issued.key)] {
        let file = folder.path(name);
        write_private(&file, text.as_bytes())
            .with_context(|| format!("could not write {}", file.display()))?;
    }
    Ok(())
}

fn exports(folder: &Folder, sandbox: &Sandbox) -> Vec<(&'static str, String)> {
    let Seed { vendor, customer } = sandbox.seed();
    let authority = sandbox.ca_file().display().to_string();
    let proxy = sandbox.proxy_url();
    vec![
        ("HTTPS_PROXY", proxy.clone()),
        ("HTTP_PROXY", proxy.clone()),
        ("NO_PROXY", NO_PROXY.to_owned()),
        // Some clients look at one spelling first, some at the other.
        ("https_proxy", proxy.clone()),
        ("http_proxy", proxy),
        ("no_proxy", NO_PROXY.to_owned()),
        ("REQUESTS_CA_BUNDLE", authority.clone()),
        ("SSL_CERT_FILE", authority.clone()),
        ("CURL_CA_BUNDLE", authority.clone()),
        ("NODE_EXTRA_CA_CERTS", authority),
        ("AZURE_CONFIG_DIR", folder.path("azure").display().to_string()),
        // az would call home, which the proxy refuses; and it would ask which subscription is meant.
        ("AZURE_CORE_COLLECT_TELEMETRY", "0".to_owned()),
        ("AZURE_CORE_LOGIN_EXPERIENCE_V2", "off".to_owned()),
        ("IDENTITY_ENDPOINT", sandbox.identity_endpoint()),
        ("IDENTITY_HEADER", sandbox.identity_header().to_owned()),
        ("SANDBOX_URL", sandbox.own_url()),
        ("SANDBOX_REGION", vendor.region.clone()),
        ("SANDBOX_VENDOR_TENANT_ID", vendor.tenant_id.to_string()),
        ("SANDBOX_VENDOR_SUBSCRIPTION_ID", vendor.subscription_id.to_string()),
        ("SANDBOX_VENDOR_CLIENT_ID", vendor.administrator.client_id.to_string()),
        ("SANDBOX_CUSTOMER_TENANT_ID", customer.tenant_id.to_string()),
        ("SANDBOX_CUSTOMER_SUBSCRIPTION_ID", customer.subscription_id.to_string()),
        ("SANDBOX_CUSTOMER_CLIENT_ID", customer.administrator.client_id.to_string()),
    ]
}
