//! What can be wrong with a function.json, in the real host's words where they are known.

use super::retry::RetryPolicyError;
use crate::json::{Json, JsonError};
use crate::service_bus::sdk::ConnectionError;
use crate::settings::UnresolvedName;
use crate::timer::schedule::ScheduleError;

/// A function that the host leaves out, and why. The host runs all others, as the real one does.
#[derive(Debug, thiserror::Error)]
#[error("The '{function}' function is in error: {reason}")]
pub struct FunctionError {
    /// The function's folder name.
    pub function: String,
    /// What is wrong with its function.json.
    pub reason: FunctionProblem,
}

/// What is wrong with a function.json.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FunctionProblem {
    /// The file cannot be read.
    #[error("cannot read function.json: {0}")]
    Unreadable(std::io::Error),
    /// The file is not JSON.
    #[error("Unable to parse the function.json file: {0}")]
    NotJson(JsonError),
    /// The folder's name cannot be a function's name.
    #[error("'{0}' is not a valid function name.")]
    Name(String),
    /// A binding's name is missing or cannot be one.
    #[error("The binding name {0} is invalid. Please assign a valid name to the binding.")]
    BindingName(String),
    /// `$return` is not an output.
    #[error("$return bindings must specify a direction of 'out'.")]
    ReturnDirection,
    /// A binding has no type.
    #[error("Binding '{0}' is invalid. Bindings must specify a Type.")]
    NoType(String),
    /// Two bindings share a name.
    #[error("Multiple bindings with name '{0}' discovered. Binding names must be unique.")]
    SameName(String),
    /// There are no bindings at all.
    #[error("At least one binding must be declared.")]
    NoBindings,
    /// More than one binding is a trigger.
    #[error("Multiple trigger bindings defined. A function can only have a single trigger binding.")]
    SeveralTriggers,
    /// No binding is a trigger.
    #[error("No trigger binding specified. A function must have a trigger input binding.")]
    NoTrigger,
    /// A type that this host does not know.
    #[error(
        "The binding type(s) '{0}' are not registered. Please ensure the type is correct and the binding \
         extension is installed."
    )]
    UnknownType(String),
    /// A member that has to be there is not.
    #[error("The binding '{binding}' of type {kind} has no '{member}'.")]
    Missing {
        /// The binding's name.
        binding: String,
        /// The binding's type.
        kind: String,
        /// What is missing.
        member: &'static str,
    },
    /// A member has a value that it cannot have.
    #[error(
        "Error parsing function.json. Invalid value specified for binding property '{member}': '{value}'."
    )]
    Value {
        /// The member's name.
        member: &'static str,
        /// What it holds.
        value: String,
    },
    /// A `%name%` that no app setting defines.
    #[error("{0}")]
    Setting(String),
    /// A route of `customHandler.http.routes` is refused.
    #[error("{0}")]
    HttpRoute(&'static str),
    /// A binding that needs an extension, in an app that installs none.
    #[error(
        "The binding type(s) '{0}' were not found in the configured extension bundle. Please ensure the type is \
         correct and the correct version of extension bundle is configured: host.json has no 'extensionBundle', and \
         there is no bin/extensions.json."
    )]
    NoExtension(String),
    /// A `connection` leads nowhere.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The script file that it names is not there.
    #[error("The function script file '{0}' does not exist.")]
    NoScriptFile(String),
    /// The route lies where the host's own are.
    #[error("The specified route conflicts with one or more built in routes.")]
    BuiltInRoute,
    /// Another function has the route, with one of its methods.
    #[error("The route specified conflicts with the route defined by function '{0}'.")]
    SameRoute(String),
    /// The timer's schedule cannot be understood.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The retry policy cannot be used.
    #[error(transparent)]
    Retry(#[from] RetryPolicyError),
    /// Something the real host can do and this one cannot.
    #[error("{0} is not supported by this host")]
    Unsupported(&'static str),
}

impl FunctionProblem {
    pub(super) fn value(member: &'static str, value: &Json) -> Self {
        let value = value.to_dotnet_string().unwrap_or_else(|| value.to_compact_text());
        Self::Value { member, value }
    }
}

impl From<UnresolvedName> for FunctionProblem {
    fn from(error: UnresolvedName) -> Self {
        Self::Setting(error.to_string())
    }
}
