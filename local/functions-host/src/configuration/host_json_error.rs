//! Why the host does not start with a host.json.

use crate::json::JsonError;
use std::path::PathBuf;

use super::http_routes::UnknownProfile;
use super::properties::WrongValue;
use super::retry::RetryPolicyError;
use super::service_bus_options::ServiceBusOptionsError;

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
        source: JsonError,
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
    /// Limits of `extensions.serviceBus` cannot be used.
    #[error(transparent)]
    ServiceBus(#[from] ServiceBusOptionsError),
    /// The `configurationProfile` is not known.
    #[error(transparent)]
    Profile(#[from] UnknownProfile),
}
