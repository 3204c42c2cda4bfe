//! What the parts are started with that run beside a sandbox.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::json;

use crate::cast::Vendor;
use crate::world::RunningSandbox;

pub(super) struct Ready {
    pub(super) vendor: Vendor,
    /// The ARM id of the Service Bus namespace.
    pub(super) bus: String,
    /// The app's.
    pub(super) settings: BTreeMap<String, String>,
}

/// The managed identity is the app's from now on, as if it were assigned to the site.
pub(super) async fn attach(sandbox: &RunningSandbox, identity: &str) -> anyhow::Result<()> {
    let identity = json!({ "resourceId": identity });
    sandbox.control(Method::POST, "identities/attach", Some(&identity)).await.map(drop)
}
