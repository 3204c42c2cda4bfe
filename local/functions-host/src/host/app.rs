//! An app as its files and settings describe it.

use std::path::Path;
use std::sync::Arc;

use super::StartError;
use super::loading::Loading;
use crate::configuration::function_json::{self, Function, FunctionError, Trigger};
use crate::configuration::function_traps::traps;
use crate::configuration::host_json::HostJson;
use crate::configuration::http_routes;
use crate::event::{Observer, OutputLevel};
use crate::http::site::{Route, routes};
use crate::invocation::executor::LoadedFunction;
use crate::service_bus::sdk::Connections;
use crate::settings::Settings;

const DEFAULT_BODY_LIMIT: usize = 104_857_600;

/// An app as its files and settings describe it.
pub(super) struct App {
    pub(super) host_json: HostJson,
    pub(super) settings: Settings,
    pub(super) functions: Vec<Arc<LoadedFunction>>,
    pub(super) routes: Vec<Route>,
    pub(super) errors: Vec<FunctionError>,
    pub(super) connections: Connections,
    pub(super) body_limit: usize,
    pub(super) host_id: String,
}

impl App {
    pub(super) fn read(
        script_root: &Path,
        host_json: HostJson,
        settings: Settings,
        observer: &Observer,
    ) -> Result<Self, StartError> {
        host_json.warnings.iter().for_each(|line| observer.line(OutputLevel::Warning, line));
        let body_limit = body_limit(&settings)?;
        let (functions, errors) = functions(script_root, &host_json, &settings, observer)?;
        let has_extensions =
            host_json.extension_bundle.is_some() || script_root.join("bin/extensions.json").is_file();
        let mut loading = Loading {
            settings: &settings,
            has_extensions,
            connections: Connections::default(),
            errors,
            routes: Vec::new(),
        };
        let functions: Vec<_> = functions.into_iter().filter_map(|function| loading.load(function)).collect();
        let Loading { connections, errors, .. } = loading;
        errors.iter().for_each(|error| observer.line(OutputLevel::Error, error.to_string()));
        let lines = functions.iter().flat_map(|loaded| traps(&loaded.function));
        lines.for_each(|line| observer.line(OutputLevel::Warning, line));
        if functions.iter().any(|loaded| matches!(loaded.function.trigger, Trigger::Timer(_))) {
            time_zone_lines(&settings).for_each(|line| observer.line(OutputLevel::Warning, line));
        }
        storage_line(&settings).iter().for_each(|line| observer.line(OutputLevel::Information, line));
        let routes = routes(&functions, &host_json.http.route_prefix)?;
        let host_id = host_id(script_root);
        Ok(Self { host_json, settings, functions, routes, errors, connections, body_limit, host_id })
    }
}

/// Those of the function.json files, or else those of `customHandler.http.routes`; never both.
fn functions(
    script_root: &Path,
    host_json: &HostJson,
    settings: &Settings,
    observer: &Observer,
) -> Result<(Vec<Function>, Vec<FunctionError>), StartError> {
    let (functions, errors) = function_json::read_all(script_root, settings)
        .map_err(|source| StartError::ScriptRoot { path: script_root.to_owned(), source })?;
    let routes = &host_json.custom_handler.routes;
    if routes.is_empty() {
        return Ok((functions, errors));
    }
    if !host_json.is_custom_runtime {
        // The real host says nothing, and its user wonders.
        let line = "customHandler.http.routes has no effect: FUNCTIONS_WORKER_RUNTIME is not 'custom'.";
        observer.line(OutputLevel::Warning, line);
        return Ok((functions, errors));
    }
    if !functions.is_empty() {
        return Err(StartError::RoutesAndFunctions);
    }
    let (functions, route_errors) = http_routes::functions(routes, settings);
    Ok((functions, errors.into_iter().chain(route_errors).collect()))
}

/// The real host runs timers in the zone of its process, and knows no other setting on Linux.
fn time_zone_lines(settings: &Settings) -> impl Iterator<Item = String> {
    let other = |name: &str| {
        settings.get(name).filter(|zone| !matches!(*zone, "" | "UTC" | "Etc/UTC")).map(str::to_owned)
    };
    let website = other("WEBSITE_TIME_ZONE").map(|zone| {
        format!(
            "WEBSITE_TIME_ZONE is '{zone}': on Linux the Functions host passes it over. Timers run in UTC."
        )
    });
    let process = other("TZ").map(|zone| {
        format!(
            "TZ is '{zone}': the Functions host would run timers in that zone. This one runs them in UTC."
        )
    });
    website.into_iter().chain(process)
}

/// An app that is deployed names the account of its host. Nothing of it is needed here.
fn storage_line(settings: &Settings) -> Option<String> {
    let account = settings.get("AzureWebJobsStorage__accountName")?;
    Some(format!(
        "AzureWebJobsStorage__accountName is '{account}': this host uses no storage account. The status of timers \
         is in a file, if one is named; keys are not required."
    ))
}

fn body_limit(settings: &Settings) -> Result<usize, StartError> {
    const NAME: &str = "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT";
    let Some(value) = settings.get(NAME) else { return Ok(DEFAULT_BODY_LIMIT) };
    value.parse().map_err(|_| StartError::Setting { name: NAME, value: value.to_owned() })
}

/// Our guess at a form: the real id is made of machine and folder names in a way that nobody relies on.
fn host_id(script_root: &Path) -> String {
    let name = script_root.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let kept: String = name.chars().filter(|character| character.is_ascii_alphanumeric()).collect();
    format!("local-{kept}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_that_names_the_account_of_its_host_is_told_that_none_is_used() {
        let line = |settings: &[(&str, &str)]| storage_line(&Settings::only(settings));
        let told = line(&[("AzureWebJobsStorage__accountName", "contoso")]).unwrap();
        assert!(told.contains("'contoso'") && told.contains("uses no storage account"), "{told}");
        assert_eq!(line(&[("AzureWebJobsStorage", "UseDevelopmentStorage=true")]), None);
    }
}
