//! host.json, as far as it matters to a custom handler.
//!
//! Names, defaults and refusals: azure-functions-host, `HostJsonFileConfigurationSource.cs`,
//! `ScriptJobHostOptionsSetup.cs`; azure-webjobs-sdk-extensions, `HttpOptions.cs`.

use std::path::Path;
use std::time::Duration;

use super::custom_handler::CustomHandler;
use super::host_json_error::HostJsonError;
use super::http_routes;
use super::log_levels::LogLevels;
use super::properties::{Properties, WrongValue};
use super::retry::{RetryPolicy, RetryPolicyError};
use super::service_bus_options::ServiceBusOptions;
use crate::json::Json;
use crate::settings::Settings;

/// What host.json and its overrides say.
#[derive(Debug, Clone)]
pub(crate) struct HostJson {
    pub(crate) custom_handler: CustomHandler,
    /// How long one invocation may take; `None` is unlimited.
    pub(crate) function_timeout: Option<Duration>,
    pub(crate) retry: Option<RetryPolicy>,
    pub(crate) http: HttpOptions,
    pub(crate) service_bus: ServiceBusOptions,
    pub(crate) log_levels: LogLevels,
    /// The worker runtime is `custom`, which `customHandler.http.routes` asks for.
    pub(crate) is_custom_runtime: bool,
    pub(crate) extension_bundle: Option<ExtensionBundle>,
    /// Lines to be logged at the start.
    pub(crate) warnings: Vec<String>,
}

/// `extensions.http`
#[derive(Debug, Clone)]
pub(crate) struct HttpOptions {
    /// Without a slash at its start; empty for none.
    pub(crate) route_prefix: String,
    /// Requests at a time, those that wait included; more are answered 429. `None` is unlimited.
    pub(crate) max_outstanding_requests: Option<usize>,
    /// Invocations at a time; more wait. `None` is unlimited.
    pub(crate) max_concurrent_requests: Option<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct ExtensionBundle {
    pub(crate) id: String,
    pub(crate) version: String,
}

impl HostJson {
    /// Reads `{script_root}/host.json` and lays the overrides of the environment over it.
    pub(crate) fn read(script_root: &Path, settings: &Settings) -> Result<Self, HostJsonError> {
        let path = script_root.join("host.json");
        let text = std::fs::read_to_string(&path)
            .map_err(|source| HostJsonError::Unreadable { path: path.clone(), source })?;
        let json = Json::parse_file(&text).map_err(|source| HostJsonError::NotJson { path, source })?;
        Self::from_json(&json, script_root, settings)
    }

    pub(crate) fn from_json(
        json: &Json,
        script_root: &Path,
        settings: &Settings,
    ) -> Result<Self, HostJsonError> {
        let mut properties = Properties::of(json);
        match properties.text("version") {
            None => return Err(HostJsonError::NoVersion),
            Some("2.0") => {}
            Some(other) => return Err(HostJsonError::WrongVersion(other.to_owned())),
        }
        for (path, value) in settings.host_json_overrides() {
            properties.set(&path, value);
        }
        let runtime = settings.get("FUNCTIONS_WORKER_RUNTIME").unwrap_or_default();
        let is_custom_runtime =
            http_routes::apply_profile(&mut properties)? || runtime.eq_ignore_ascii_case("custom");
        let mut warnings = Vec::new();
        Ok(Self {
            custom_handler: CustomHandler::read(&properties, script_root, settings, &mut warnings)?,
            function_timeout: function_timeout(&properties)?,
            retry: retry(&properties)?,
            http: http(&properties)?,
            service_bus: ServiceBusOptions::read(&properties)?,
            log_levels: LogLevels::read(&properties)?,
            is_custom_runtime,
            extension_bundle: extension_bundle(&properties),
            warnings,
        })
    }
}

/// Default 30 minutes, as on every plan but Consumption; `-1` is unlimited.
fn function_timeout(properties: &Properties) -> Result<Option<Duration>, WrongValue> {
    const DEFAULT: Duration = Duration::from_secs(30 * 60);
    if properties.text("functionTimeout").is_some_and(|text| matches!(text.trim(), "-1" | "-1.00:00:00")) {
        return Ok(None);
    }
    Ok(Some(properties.time_span("functionTimeout")?.unwrap_or(DEFAULT)))
}

fn retry(properties: &Properties) -> Result<Option<RetryPolicy>, RetryPolicyError> {
    const MEMBERS: [&str; 5] =
        ["strategy", "maxRetryCount", "delayInterval", "minimumInterval", "maximumInterval"];
    if !properties.has_section("retry") {
        return Ok(None);
    }
    let given = MEMBERS
        .iter()
        .filter_map(|name| Some((*name, Json::from(properties.text(&format!("retry:{name}"))?))));
    RetryPolicy::from_json(&Json::object(given)).map(Some)
}

fn http(properties: &Properties) -> Result<HttpOptions, WrongValue> {
    let limit = |name: &str| {
        let number: Option<i64> = properties.number(&format!("extensions:http:{name}"))?;
        Ok(number.and_then(|number| usize::try_from(number).ok()))
    };
    let prefix = properties.text("extensions:http:routePrefix").unwrap_or("api");
    Ok(HttpOptions {
        route_prefix: prefix.strip_prefix('/').unwrap_or(prefix).to_owned(),
        max_outstanding_requests: limit("maxOutstandingRequests")?,
        max_concurrent_requests: limit("maxConcurrentRequests")?,
    })
}

fn extension_bundle(properties: &Properties) -> Option<ExtensionBundle> {
    let id = properties.text("extensionBundle:id")?.to_owned();
    let version = properties.text("extensionBundle:version").unwrap_or_default().to_owned();
    Some(ExtensionBundle { id, version })
}

#[cfg(test)]
#[path = "host_json_tests.rs"]
mod tests;
