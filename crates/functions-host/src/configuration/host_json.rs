//! host.json, as far as it matters to a custom handler.
//!
//! Names, defaults and refusals: azure-functions-host, `HttpWorkerOptionsSetup.cs`, `HttpWorkerDescription.cs`,
//! `HostJsonFileConfigurationSource.cs`, `ScriptJobHostOptionsSetup.cs`; azure-sdk-for-net, `ServiceBusOptions.cs`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::properties::{Properties, WrongValue};
use super::retry::{RetryPolicy, RetryPolicyError};
use crate::json::Json;
use crate::settings::Settings;

/// What host.json and its overrides say.
#[derive(Debug, Clone)]
pub(crate) struct HostJson {
    pub(crate) custom_handler: CustomHandler,
    /// How long one invocation may take; `None` is unlimited.
    pub(crate) function_timeout: Option<Duration>,
    pub(crate) retry: Option<RetryPolicy>,
    /// Without slashes at its ends; empty for none.
    pub(crate) route_prefix: String,
    pub(crate) service_bus: ServiceBusOptions,
    pub(crate) extension_bundle: Option<ExtensionBundle>,
    /// Lines to be logged at the start.
    pub(crate) warnings: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct CustomHandler {
    /// Absolute where it was found under the worker directory, else as written, to be looked up on PATH.
    pub(crate) executable: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) worker_path: Option<String>,
    pub(crate) worker_arguments: Vec<String>,
    pub(crate) working_directory: PathBuf,
    pub(crate) stderr_is_for_errors_only: bool,
    pub(crate) forwarding: Forwarding,
    pub(crate) initialization_timeout: Duration,
    /// `None`: any free port.
    pub(crate) port: Option<u16>,
}

/// What becomes of functions with one HTTP trigger and one HTTP output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forwarding {
    /// They get the JSON envelope like all others.
    Off,
    /// The client's request goes to its own path.
    Raw,
    /// Legacy section `httpWorker`: the client's request goes to `/{function}`.
    RawToFunctionName,
}

#[derive(Debug, Clone)]
pub(crate) struct ServiceBusOptions {
    pub(crate) max_concurrent_calls: usize,
    /// `None` renews for ever.
    pub(crate) max_auto_lock_renewal: Option<Duration>,
}

#[derive(Debug, Clone)]
pub(crate) struct ExtensionBundle {
    pub(crate) id: String,
    pub(crate) version: String,
}

/// Why the host does not start with this host.json.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostJsonError {
    /// There is no host.json, or it cannot be read.
    #[error("cannot read the host configuration file '{path}'")]
    Unreadable {
        /// Where it should be.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// It is not JSON.
    #[error("Unable to parse host configuration file '{path}'.")]
    NotJson {
        /// The file.
        path: PathBuf,
        /// Line and column of the problem.
        source: serde_json::Error,
    },
    /// It has no `version`.
    #[error(
        "The host.json file is missing the required 'version' property. See https://aka.ms/functions-hostjson \
         for steps to migrate the configuration file."
    )]
    NoVersion,
    /// Its `version` is not `2.0`.
    #[error(
        "'{0}' is an invalid value for host.json 'version' property. We recommend you set the 'version' property \
         to '2.0'. See https://aka.ms/functions-hostjson for valid values."
    )]
    WrongVersion(String),
    /// Neither `customHandler` nor `httpWorker` is there: this host runs custom handlers only.
    #[error("host.json has no 'customHandler' section: this host runs custom handlers and nothing else")]
    NoCustomHandler,
    /// `customHandler` has no `description`.
    #[error("Missing worker Description.")]
    NoDescription,
    /// `defaultExecutablePath` is missing or empty.
    #[error("WorkerDescription DefaultExecutablePath cannot be empty")]
    NoExecutable,
    /// A value cannot be read.
    #[error(transparent)]
    WrongValue(#[from] WrongValue),
    /// The retry policy cannot be used.
    #[error(transparent)]
    Retry(#[from] RetryPolicyError),
    /// Something the real host can do and this one cannot.
    #[error("{0} is not supported by this host")]
    Unsupported(&'static str),
}

impl HostJson {
    /// Reads `{script_root}/host.json` and lays the overrides of the environment over it.
    pub(crate) fn read(script_root: &Path, settings: &Settings) -> Result<Self, HostJsonError> {
        let path = script_root.join("host.json");
        let text = std::fs::read_to_string(&path)
            .map_err(|source| HostJsonError::Unreadable { path: path.clone(), source })?;
        let json =
            Json::parse_with_comments(&text).map_err(|source| HostJsonError::NotJson { path, source })?;
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
        let mut warnings = Vec::new();
        Ok(Self {
            custom_handler: custom_handler(&properties, script_root, settings, &mut warnings)?,
            function_timeout: function_timeout(&properties)?,
            retry: retry(&properties)?,
            route_prefix: route_prefix(&properties),
            service_bus: service_bus(&properties)?,
            extension_bundle: extension_bundle(&properties),
            warnings,
        })
    }
}

fn custom_handler(
    properties: &Properties,
    script_root: &Path,
    settings: &Settings,
    warnings: &mut Vec<String>,
) -> Result<CustomHandler, HostJsonError> {
    let legacy = !properties.has_section("customHandler");
    let section = if legacy { "httpWorker" } else { "customHandler" };
    if !properties.has_section(section) {
        return Err(HostJsonError::NoCustomHandler);
    }
    if legacy {
        warnings.push("Section httpWorker will be deprecated. Please use customHandler section.".to_owned());
    }
    let description = |name: &str| format!("{section}:description:{name}");
    if !properties.has_section(&format!("{section}:description")) {
        return Err(HostJsonError::NoDescription);
    }
    refuse_what_is_missing_here(properties, section)?;

    let directory = |name: &str| match properties.text(&description(name)) {
        None | Some("") => script_root.to_owned(),
        Some(path) => script_root.join(path),
    };
    let expanded = |text: &str| settings.expand(text);
    let list = |name: &str| properties.list(&description(name)).into_iter().map(expanded).collect();
    let executable = properties.text(&description("defaultExecutablePath")).unwrap_or_default();
    let forwarding = match properties.boolean(&format!("{section}:enableForwardingHttpRequest"))? {
        _ if legacy => Forwarding::RawToFunctionName,
        Some(true) => Forwarding::Raw,
        Some(false) | None => Forwarding::Off,
    };
    Ok(CustomHandler {
        executable: executable_path(&expanded(executable), &directory("workerDirectory"))?,
        arguments: list("arguments"),
        worker_path: properties.text(&description("defaultWorkerPath")).map(expanded),
        worker_arguments: list("workerArguments"),
        working_directory: directory("workingDirectory"),
        stderr_is_for_errors_only: properties
            .boolean(&description("useStdErrorStreamForErrorsOnly"))?
            .unwrap_or(true),
        forwarding,
        initialization_timeout: properties
            .time_span(&format!("{section}:initializationTimeout"))?
            .unwrap_or(Duration::from_secs(30)),
        port: properties.number(&format!("{section}:port"))?.filter(|port| *port != 0),
    })
}

fn refuse_what_is_missing_here(properties: &Properties, section: &str) -> Result<(), HostJsonError> {
    let proxying = ["enableProxyingHttpRequest", "http:enableProxying"];
    for name in proxying {
        if properties.boolean(&format!("{section}:{name}"))? == Some(true) {
            return Err(HostJsonError::Unsupported("customHandler.enableProxyingHttpRequest"));
        }
    }
    if properties.has_section(&format!("{section}:http:routes")) {
        return Err(HostJsonError::Unsupported("customHandler.http.routes"));
    }
    Ok(())
}

/// A relative path that exists under the worker directory becomes absolute; any other is left to PATH.
fn executable_path(written: &str, worker_directory: &Path) -> Result<String, HostJsonError> {
    if written.is_empty() {
        return Err(HostJsonError::NoExecutable);
    }
    let under = worker_directory.join(written);
    Ok(if Path::new(written).is_relative() && under.is_file() {
        under.to_string_lossy().into_owned()
    } else {
        written.to_owned()
    })
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

fn route_prefix(properties: &Properties) -> String {
    properties.text("extensions:http:routePrefix").unwrap_or("api").trim_matches('/').to_owned()
}

/// `maxConcurrentCalls` defaults to 16 a processor. Names of earlier versions are read first, as the real ones are.
fn service_bus(properties: &Properties) -> Result<ServiceBusOptions, WrongValue> {
    const SECTION: &str = "extensions:serviceBus";
    const INFINITE: &str = "-00:00:00.0010000";
    let calls = match properties.number(&format!("{SECTION}:maxConcurrentCalls"))? {
        Some(calls) => Some(calls),
        None => properties.number(&format!("{SECTION}:messageHandlerOptions:maxConcurrentCalls"))?,
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let name = format!("{SECTION}:maxAutoLockRenewalDuration");
    let older = format!("{SECTION}:messageHandlerOptions:maxAutoRenewDuration");
    let name = if properties.text(&name).is_some() { name } else { older };
    let renewal = match properties.text(&name) {
        Some(text) if text.trim() == INFINITE => None,
        _ => Some(properties.time_span(&name)?.unwrap_or(Duration::from_secs(5 * 60))),
    };
    Ok(ServiceBusOptions {
        max_concurrent_calls: calls.filter(|calls| *calls > 0).unwrap_or(16 * processors),
        max_auto_lock_renewal: renewal,
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
