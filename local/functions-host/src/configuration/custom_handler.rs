//! `customHandler` of host.json, or `httpWorker`, as it was called once.
//!
//! azure-functions-host, `HttpWorkerOptionsSetup.cs`, `HttpWorkerDescription.cs`, `HttpWorkerOptions.cs`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::host_json_error::HostJsonError;
use super::http_routes::{self, HttpRoute};
use super::properties::{Properties, WrongValue};
use crate::json::Json;
use crate::settings::Settings;

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
    /// HTTP functions that have no function.json.
    pub(crate) routes: Vec<HttpRoute>,
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
    /// The client's request and the handler's answer are streamed through.
    Proxy,
}

/// One of the two sections.
struct Section<'a> {
    properties: &'a Properties,
    settings: &'a Settings,
    name: &'static str,
}

impl CustomHandler {
    pub(super) fn read(
        properties: &Properties,
        script_root: &Path,
        settings: &Settings,
        warnings: &mut Vec<String>,
    ) -> Result<Self, HostJsonError> {
        let name = section_name(properties, warnings)?;
        let section = Section { properties, settings, name };
        let legacy = name == LEGACY;
        if !properties.has_section(&format!("{name}:description")) {
            return Err(HostJsonError::NoDescription);
        }
        let flag = |name: &str| section.properties.boolean(&section.path(name));
        if !legacy && section.text("type").is_some_and(|text| text.eq_ignore_ascii_case("none")) {
            warnings.push("CustomHandlerType None is not supported. Defaulting to Http.".to_owned());
        }
        let executable = section.expanded("description:defaultExecutablePath").unwrap_or_default();
        let worker_directory = section.directory("description:workerDirectory", script_root);
        // Microsoft Learn shows the second name, the host's source the first: both are taken.
        let proxying = flag("enableProxyingHttpRequest")?.or(flag("http:enableProxying")?) == Some(true);
        Ok(Self {
            executable: executable_path(&executable, &worker_directory)?,
            arguments: section.arguments("description:arguments"),
            worker_path: section.expanded("description:defaultWorkerPath"),
            worker_arguments: section.arguments("description:workerArguments"),
            working_directory: section.directory("description:workingDirectory", script_root),
            stderr_is_for_errors_only: flag("description:useStdErrorStreamForErrorsOnly")?.unwrap_or(true),
            forwarding: match flag("enableForwardingHttpRequest")? {
                _ if proxying => Forwarding::Proxy,
                _ if legacy => Forwarding::RawToFunctionName,
                Some(true) => Forwarding::Raw,
                Some(false) | None => Forwarding::Off,
            },
            initialization_timeout: properties
                .time_span(&section.path("initializationTimeout"))?
                .unwrap_or(Duration::from_secs(30)),
            port: if legacy { None } else { section.port()? },
            routes: if legacy { Vec::new() } else { http_routes::read(properties) },
        })
    }
}

const LEGACY: &str = "httpWorker";
const PRESENT: &str = "customHandler";

fn section_name(properties: &Properties, warnings: &mut Vec<String>) -> Result<&'static str, HostJsonError> {
    match (properties.has_section(PRESENT), properties.has_section(LEGACY)) {
        (true, true) => {
            warnings.push(format!(
                "Both {LEGACY} and {PRESENT} sections are specified in host.json file. {PRESENT} takes precedence."
            ));
            Ok(PRESENT)
        }
        (true, false) => Ok(PRESENT),
        (false, true) => {
            warnings.push(format!("Section {LEGACY} will be deprecated. Please use {PRESENT} section."));
            Ok(LEGACY)
        }
        (false, false) => Err(HostJsonError::NoCustomHandler),
    }
}

impl Section<'_> {
    fn path(&self, name: &str) -> String {
        format!("{}:{name}", self.name)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.properties.text(&self.path(name))
    }

    fn expanded(&self, name: &str) -> Option<String> {
        self.text(name).map(|text| self.settings.expand(text))
    }

    fn directory(&self, name: &str, script_root: &Path) -> PathBuf {
        match self.text(name) {
            None | Some("") => script_root.to_owned(),
            Some(path) => script_root.join(path),
        }
    }

    /// A list; or, as an app setting can hold it, one text that is a JSON list and wins.
    fn arguments(&self, name: &str) -> Vec<String> {
        let as_one_text = self.text(name).and_then(|text| match Json::parse(text) {
            Ok(Json::Array(items)) => items.iter().map(Json::to_dotnet_string).collect::<Option<Vec<_>>>(),
            Ok(_) | Err(_) => None,
        });
        let items = as_one_text.unwrap_or_else(|| {
            self.properties.list(&self.path(name)).into_iter().map(str::to_owned).collect()
        });
        items.iter().map(|text| self.settings.expand(text)).collect()
    }

    fn port(&self) -> Result<Option<u16>, WrongValue> {
        Ok(self.properties.number(&self.path("port"))?.filter(|port| *port != 0))
    }
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
