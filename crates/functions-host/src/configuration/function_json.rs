//! function.json: what makes a function run, and where its outputs go.
//!
//! Rules and refusals: azure-functions-host, `FunctionDescriptorProvider.cs`, `Utility.ValidateBinding`,
//! `HostFunctionMetadataProvider.cs`; Microsoft Learn, "Azure Functions triggers and bindings".

use std::path::{Path, PathBuf};

use crate::event::TriggerKind;
use crate::http::route::{RouteTemplate, RouteTemplateError};
use crate::json::Json;
use crate::service_bus::sdk::ConnectionError;
use crate::settings::{Settings, UnresolvedName};
use crate::timer::schedule::{Schedule, ScheduleError};

/// One function: a folder with a function.json.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    /// The folder's name, in its case.
    pub(crate) name: String,
    pub(crate) trigger: Trigger,
    pub(crate) outputs: Vec<Output>,
    pub(crate) disabled: bool,
    /// The file, for `GET /admin/functions`.
    pub(crate) configuration: Json,
}

#[derive(Debug, Clone)]
pub(crate) enum Trigger {
    Http(HttpTrigger),
    ServiceBus(ServiceBusTrigger),
    Timer(TimerTrigger),
}

#[derive(Debug, Clone)]
pub(crate) struct HttpTrigger {
    pub(crate) name: String,
    /// Upper case; empty for all.
    pub(crate) methods: Vec<String>,
    pub(crate) route: RouteTemplate,
}

#[derive(Debug, Clone)]
pub(crate) struct ServiceBusTrigger {
    pub(crate) name: String,
    /// `queue`, or `topic/Subscriptions/subscription`.
    pub(crate) entity_path: String,
    pub(crate) connection: String,
    pub(crate) binary: bool,
    pub(crate) auto_complete: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct TimerTrigger {
    pub(crate) name: String,
    pub(crate) schedule: Schedule,
    pub(crate) run_on_startup: bool,
    pub(crate) use_monitor: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) binary: bool,
    pub(crate) target: OutputTarget,
}

#[derive(Debug, Clone)]
pub(crate) enum OutputTarget {
    Http,
    ServiceBus { entity: String, connection: String },
}

/// Name of the binding that takes an answer's `ReturnValue`.
pub(crate) const RETURN: &str = "$return";

impl Trigger {
    pub(crate) fn kind(&self) -> TriggerKind {
        match self {
            Self::Http(_) => TriggerKind::Http,
            Self::ServiceBus(_) => TriggerKind::ServiceBus,
            Self::Timer(_) => TriggerKind::Timer,
        }
    }
}

impl Function {
    /// One HTTP trigger and one HTTP output and nothing else: what the forwarding modes apply to
    /// (azure-functions-host, `FunctionMetadataExtensions.IsHttpInAndOutFunction`).
    pub(crate) fn is_http_in_and_out(&self) -> bool {
        matches!(self.trigger, Trigger::Http(_))
            && matches!(self.outputs.as_slice(), [Output { target: OutputTarget::Http, .. }])
    }
}

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
    NotJson(serde_json::Error),
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
    /// A `connection` leads nowhere.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The route template cannot be understood.
    #[error(transparent)]
    Route(#[from] RouteTemplateError),
    /// The timer's schedule cannot be understood.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// Something the real host can do and this one cannot.
    #[error("{0} is not supported by this host")]
    Unsupported(&'static str),
}

impl From<UnresolvedName> for FunctionProblem {
    fn from(error: UnresolvedName) -> Self {
        Self::Setting(error.to_string())
    }
}

/// Reads every `{script_root}/{name}/function.json`, in the order of the names.
pub(crate) fn read_all(
    script_root: &Path,
    settings: &Settings,
) -> std::io::Result<(Vec<Function>, Vec<FunctionError>)> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(script_root)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    folders.sort();
    let (mut functions, mut errors) = (Vec::new(), Vec::new());
    for folder in folders.iter().filter(|folder| folder.join("function.json").is_file()) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match read(folder, &name, settings) {
            Ok(function) => functions.push(function),
            Err(reason) => errors.push(FunctionError { function: name, reason }),
        }
    }
    Ok((functions, errors))
}

fn read(folder: &Path, name: &str, settings: &Settings) -> Result<Function, FunctionProblem> {
    let text = std::fs::read_to_string(folder.join("function.json")).map_err(FunctionProblem::Unreadable)?;
    let json = Json::parse(text.trim_start_matches('\u{feff}')).map_err(FunctionProblem::NotJson)?;
    from_json(name, json, settings)
}

pub(crate) fn from_json(name: &str, json: Json, settings: &Settings) -> Result<Function, FunctionProblem> {
    if !is_function_name(name) {
        return Err(FunctionProblem::Name(name.to_owned()));
    }
    let bindings = match json.member("bindings") {
        Some(Json::Array(bindings)) if !bindings.is_empty() => bindings,
        _ => return Err(FunctionProblem::NoBindings),
    };
    let bindings: Vec<Binding<'_>> =
        bindings.iter().map(|json| Binding::check(json, settings)).collect::<Result<_, _>>()?;
    refuse_equal_names(&bindings)?;
    let (triggers, others): (Vec<_>, Vec<_>) = bindings.iter().partition(|binding| binding.is_trigger());
    let trigger = match triggers.as_slice() {
        [] => return Err(FunctionProblem::NoTrigger),
        [trigger] => self::trigger(name, trigger)?,
        _ => return Err(FunctionProblem::SeveralTriggers),
    };
    let outputs = others.into_iter().map(output).collect::<Result<_, _>>()?;
    let disabled = is_disabled(name, &json, settings);
    Ok(Function { name: name.to_owned(), trigger, outputs, disabled, configuration: json })
}

/// `^[a-z][a-z0-9_\-]{0,127}$`, any case, and not `host`.
fn is_function_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && characters.all(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '-'))
        && name.len() <= 128
        && !name.eq_ignore_ascii_case("host")
}

/// The setting `AzureWebJobs.{name}.Disabled` wins; else `disabled`, which is true or names a setting.
fn is_disabled(name: &str, json: &Json, settings: &Settings) -> bool {
    let truth = |text: &str| text == "1" || text.eq_ignore_ascii_case("true");
    if let Some(value) = settings.get(&format!("AzureWebJobs.{name}.Disabled")) {
        return truth(value);
    }
    match json.member("disabled") {
        Some(Json::Bool(disabled)) => *disabled,
        Some(Json::String(setting)) => settings.get(setting.trim_matches('%')).is_some_and(truth),
        _ => false,
    }
}

fn refuse_equal_names(bindings: &[Binding<'_>]) -> Result<(), FunctionProblem> {
    for (index, binding) in bindings.iter().enumerate() {
        if bindings[..index].iter().any(|earlier| earlier.name.eq_ignore_ascii_case(binding.name)) {
            return Err(FunctionProblem::SameName(binding.name.to_owned()));
        }
    }
    Ok(())
}

fn trigger(function: &str, binding: &Binding<'_>) -> Result<Trigger, FunctionProblem> {
    match binding.kind.to_ascii_lowercase().as_str() {
        "httptrigger" => http_trigger(function, binding).map(Trigger::Http),
        "servicebustrigger" => service_bus_trigger(binding).map(Trigger::ServiceBus),
        "timertrigger" => timer_trigger(binding).map(Trigger::Timer),
        _ => Err(FunctionProblem::UnknownType(binding.kind.to_owned())),
    }
}

fn http_trigger(function: &str, binding: &Binding<'_>) -> Result<HttpTrigger, FunctionProblem> {
    let methods = match binding.json.member("methods") {
        Some(Json::Array(methods)) => {
            methods.iter().filter_map(Json::as_str).map(str::to_ascii_uppercase).collect()
        }
        _ => Vec::new(),
    };
    let route = binding.text("route")?.unwrap_or_else(|| function.to_owned());
    Ok(HttpTrigger { name: binding.name.to_owned(), methods, route: RouteTemplate::parse(&route)? })
}

fn service_bus_trigger(binding: &Binding<'_>) -> Result<ServiceBusTrigger, FunctionProblem> {
    if binding.boolean("isSessionsEnabled")?.unwrap_or(false) {
        return Err(FunctionProblem::Unsupported("a Service Bus trigger with sessions"));
    }
    if binding.text("cardinality")?.is_some_and(|value| value.eq_ignore_ascii_case("many")) {
        return Err(FunctionProblem::Unsupported("a Service Bus trigger with cardinality 'many'"));
    }
    let entity_path = match (binding.text("queueName")?, binding.text("topicName")?) {
        (Some(queue), _) => queue,
        (None, Some(topic)) => format!("{topic}/Subscriptions/{}", binding.required("subscriptionName")?),
        (None, None) => return Err(binding.missing("queueName")),
    };
    Ok(ServiceBusTrigger {
        name: binding.name.to_owned(),
        entity_path,
        connection: binding.connection()?,
        binary: binding.is_binary()?,
        auto_complete: binding.boolean("autoCompleteMessages")?.unwrap_or(true),
    })
}

fn timer_trigger(binding: &Binding<'_>) -> Result<TimerTrigger, FunctionProblem> {
    let schedule = Schedule::parse(&binding.required("schedule")?)?;
    // The WebJobs timer extension turns monitoring off for schedules that run more often than once a minute.
    let use_monitor = binding.boolean("useMonitor")?.unwrap_or(true) && !schedule.is_faster_than_a_minute();
    Ok(TimerTrigger {
        name: binding.name.to_owned(),
        schedule,
        run_on_startup: binding.boolean("runOnStartup")?.unwrap_or(false),
        use_monitor,
    })
}

fn output(binding: &Binding<'_>) -> Result<Output, FunctionProblem> {
    let target = match (binding.kind.to_ascii_lowercase().as_str(), binding.is_out()) {
        ("http", true) => OutputTarget::Http,
        ("servicebus", true) => {
            let entity = match (binding.text("queueName")?, binding.text("topicName")?) {
                (Some(entity), _) | (None, Some(entity)) => entity,
                (None, None) => return Err(binding.missing("queueName")),
            };
            OutputTarget::ServiceBus { entity, connection: binding.connection()? }
        }
        _ => return Err(FunctionProblem::UnknownType(binding.kind.to_owned())),
    };
    Ok(Output { name: binding.name.to_owned(), binary: binding.is_binary()?, target })
}

/// A binding whose name and type have been checked.
struct Binding<'a> {
    json: &'a Json,
    settings: &'a Settings,
    name: &'a str,
    kind: &'a str,
}

impl<'a> Binding<'a> {
    fn check(json: &'a Json, settings: &'a Settings) -> Result<Self, FunctionProblem> {
        let name = json.member("name").and_then(Json::as_str).unwrap_or_default();
        if name != RETURN && !is_binding_name(name) {
            return Err(FunctionProblem::BindingName(name.to_owned()));
        }
        let Some(kind) = json.member("type").and_then(Json::as_str) else {
            return Err(FunctionProblem::NoType(name.to_owned()));
        };
        let binding = Self { json, settings, name, kind };
        match binding.text("direction")?.unwrap_or_else(|| "in".to_owned()).to_ascii_lowercase().as_str() {
            "in" if name == RETURN => return Err(FunctionProblem::ReturnDirection),
            "in" | "out" | "inout" => {}
            other => return Err(FunctionProblem::Value { member: "direction", value: other.to_owned() }),
        }
        Ok(binding)
    }

    fn is_trigger(&self) -> bool {
        self.kind.to_ascii_lowercase().ends_with("trigger")
    }

    fn is_out(&self) -> bool {
        let direction = self.json.member("direction").and_then(Json::as_str).unwrap_or("in");
        !direction.eq_ignore_ascii_case("in")
    }

    /// A text with its `%names%` resolved; an empty one counts as absent.
    fn text(&self, member: &str) -> Result<Option<String>, FunctionProblem> {
        let Some(text) = self.json.member(member).and_then(Json::as_str) else { return Ok(None) };
        let text = self.settings.resolve(text)?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    fn required(&self, member: &'static str) -> Result<String, FunctionProblem> {
        self.text(member)?.ok_or_else(|| self.missing(member))
    }

    fn missing(&self, member: &'static str) -> FunctionProblem {
        FunctionProblem::Missing { binding: self.name.to_owned(), kind: self.kind.to_owned(), member }
    }

    fn boolean(&self, member: &'static str) -> Result<Option<bool>, FunctionProblem> {
        match self.json.member(member) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Bool(value)) => Ok(Some(*value)),
            Some(Json::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Json::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(other) => Err(FunctionProblem::Value { member, value: other.to_compact_text() }),
        }
    }

    fn is_binary(&self) -> Result<bool, FunctionProblem> {
        match self.text("dataType")?.unwrap_or_default().to_ascii_lowercase().as_str() {
            "binary" => Ok(true),
            "" | "string" | "stream" => Ok(false),
            other => Err(FunctionProblem::Value { member: "dataType", value: other.to_owned() }),
        }
    }

    fn connection(&self) -> Result<String, FunctionProblem> {
        Ok(self.text("connection")?.unwrap_or_else(|| "AzureWebJobsServiceBus".to_owned()))
    }
}

/// `^[a-zA-Z][a-zA-Z0-9]{0,127}$`
fn is_binding_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|character| character.is_ascii_alphanumeric())
        && name.len() <= 128
}

#[cfg(test)]
#[path = "function_json_tests.rs"]
mod tests;
