//! What `GET /admin/host/status` tells.

use tokio::time::Instant;
use uuid::Uuid;

use crate::configuration::host_json::ExtensionBundle;
use crate::invocation::executor::HOST_VERSION;
use crate::json::Json;

/// The facts that do not change while a host runs.
pub(crate) struct HostStatus {
    pub(crate) id: String,
    pub(crate) instance: Uuid,
    pub(crate) started: Instant,
    pub(crate) extension_bundle: Option<ExtensionBundle>,
    pub(crate) errors: Vec<String>,
    /// What is wrong with each function that was left out.
    pub(crate) function_errors: Vec<(String, String)>,
}

impl HostStatus {
    /// azure-functions-host, `HostStatus.cs`; `processUptime` is in milliseconds.
    pub(crate) fn to_json(&self) -> Json {
        let uptime = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        let mut members = vec![
            ("id", Json::from(self.id.as_str())),
            ("state", Json::from("Running")),
            ("version", Json::from(HOST_VERSION)),
            ("versionDetails", Json::from(concat!("functions-host ", env!("CARGO_PKG_VERSION")))),
            ("instanceId", Json::from(self.instance.to_string())),
            ("processUptime", Json::from(uptime)),
        ];
        if !self.errors.is_empty() {
            members.push((
                "errors",
                Json::Array(self.errors.iter().map(|error| Json::from(error.as_str())).collect()),
            ));
        }
        if let Some(bundle) = &self.extension_bundle {
            members.push((
                "extensionBundle",
                Json::object([
                    ("id", Json::from(bundle.id.as_str())),
                    ("version", Json::from(bundle.version.as_str())),
                ]),
            ));
        }
        Json::object(members)
    }
}
