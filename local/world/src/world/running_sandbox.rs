//! A sandbox that runs as a process of its own (`latchkey sandbox`), found by its folder.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use reqwest::{Client, Method};
use serde_json::Value;
use uuid::Uuid;

use super::Around;
use super::env_file::read_exports;
use crate::cast::{Azure, Network, SignIn};

/// Everything is on this machine.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// A sandbox that answers. It holds secrets, so it does not print.
pub struct RunningSandbox {
    dir: PathBuf,
    exports: BTreeMap<String, String>,
}

impl RunningSandbox {
    /// The one of this folder. One that does not answer would leave a program without any Azure at all, which is better
    /// said here than by the program.
    ///
    /// # Errors
    ///
    /// No sandbox runs there.
    pub fn at(dir: &Path) -> anyhow::Result<Self> {
        let shown = dir.display();
        let start = format!("start it with: cargo latchkey sandbox --dir {shown}");
        let exports = read_exports(&dir.join("env")).with_context(|| {
            format!("no sandbox has run in {shown}, or {shown}/env cannot be read; {start}")
        })?;
        let exports: BTreeMap<_, _> = exports.into_iter().collect();
        let proxy = exports.get("HTTPS_PROXY").and_then(|proxy| proxy.strip_prefix("http://")?.parse().ok());
        let proxy = proxy.with_context(|| format!("{shown}/env does not say where the proxy is; {start}"))?;
        if let Err(error) = TcpStream::connect_timeout(&proxy, Duration::from_secs(5)) {
            bail!("no sandbox runs in {shown} at this moment ({proxy}: {error}); {start}");
        }
        Ok(Self { dir: dir.to_owned(), exports })
    }

    /// What programs in its environment are given.
    #[must_use]
    pub fn exports(&self) -> &BTreeMap<String, String> {
        &self.exports
    }

    /// How it is reached.
    ///
    /// # Errors
    ///
    /// Its certificate cannot be read.
    pub fn network(&self) -> anyhow::Result<Network> {
        Network::new(self.export("HTTPS_PROXY")?, Path::new(self.export("SSL_CERT_FILE")?))
    }

    /// The vendor's administrator.
    ///
    /// # Errors
    ///
    /// The folder does not hold what they sign in with.
    pub fn vendor(&self) -> anyhow::Result<Azure> {
        self.administrator("VENDOR", "vendor-secret")
    }

    /// The customer's administrator.
    ///
    /// # Errors
    ///
    /// The folder does not hold what they sign in with.
    pub fn customer(&self) -> anyhow::Result<Azure> {
        self.administrator("CUSTOMER", "customer-secret")
    }

    /// How an app is led to it.
    ///
    /// # Errors
    ///
    /// The folder does not say it.
    pub fn around(&self) -> anyhow::Result<Around> {
        Ok(Around {
            vendor_tenant: self.id("SANDBOX_VENDOR_TENANT_ID")?,
            vendor_subscription: self.id("SANDBOX_VENDOR_SUBSCRIPTION_ID")?,
            identity_endpoint: self.export("IDENTITY_ENDPOINT")?.to_owned(),
            identity_header: self.export("IDENTITY_HEADER")?.to_owned(),
            authority: self.export("SSL_CERT_FILE")?.to_owned(),
            proxy: self.export("HTTPS_PROXY")?.to_owned(),
        })
    }

    /// Calls its control API. Gives what it answers; nothing, when that has no body.
    ///
    /// # Errors
    ///
    /// It does not answer, or refuses.
    pub async fn control(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let url = format!("{}/control/{path}", self.export("SANDBOX_URL")?);
        let client = Client::builder().no_proxy().timeout(TIME_LIMIT).build()?;
        let mut request = client.request(method, &url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.with_context(|| format!("calling {url}"))?;
        let status = response.status();
        let text = response.text().await.with_context(|| format!("calling {url}"))?;
        ensure!(status.is_success(), "{url} answered {status}: {text}");
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("{url} did not answer with JSON"))
    }

    fn administrator(&self, whose: &str, secret: &str) -> anyhow::Result<Azure> {
        let file = self.dir.join(secret);
        let client_secret =
            std::fs::read_to_string(&file).with_context(|| format!("could not read {}", file.display()))?;
        let sign_in = SignIn {
            tenant_id: self.id(&format!("SANDBOX_{whose}_TENANT_ID"))?,
            subscription_id: self.id(&format!("SANDBOX_{whose}_SUBSCRIPTION_ID"))?,
            region: self.export("SANDBOX_REGION")?.to_owned(),
            client_id: self.id(&format!("SANDBOX_{whose}_CLIENT_ID"))?,
            client_secret,
        };
        Azure::signed_in(&self.network()?, sign_in)
    }

    fn export(&self, name: &str) -> anyhow::Result<&str> {
        let value = self.exports.get(name).map(String::as_str);
        value.with_context(|| format!("{}/env does not hold {name}", self.dir.display()))
    }

    fn id(&self, name: &str) -> anyhow::Result<Uuid> {
        self.export(name)?.parse().with_context(|| format!("{name} in {}/env", self.dir.display()))
    }
}
