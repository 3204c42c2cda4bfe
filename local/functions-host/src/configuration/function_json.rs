//! function.json: what makes a function run, and where its outputs go.
//!
//! Rules and refusals: azure-functions-host, `FunctionDescriptorProvider.cs`, `Utility.ValidateBinding`,
//! `HostFunctionMetadataProvider.cs`; Microsoft Learn, "Azure Functions triggers and bindings".

use std::path::{Path, PathBuf};

use super::binding::Binding;
pub(crate) use super::binding::{DataType, RETURN};
pub use super::function_problem::{FunctionError, FunctionProblem};
use super::retry::RetryPolicy;
use crate::event::TriggerKind;
use crate::json::Json;
use crate::settings::Settings;
use crate::timer::schedule::Schedule;

/// One function: a folder with a function.json.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    /// The folder's name, in its case.
    pub(crate) name: String,
    pub(crate) trigger: Trigger,
    pub(crate) outputs: Vec<Output>,
    pub(crate) disabled: bool,
    pub(crate) retry: Option<RetryPolicy>,
    /// The file, for `GET /admin/functions`.
    pub(crate) configuration: Json,
}

#[derive(Debug, Clone)]
pub(crate) enum Trigger {
    Http(HttpTrigger),
    ServiceBus(ServiceBusTrigger),
    Timer(TimerTrigger),
    EventGrid(EventGridTrigger),
}

#[derive(Debug, Clone)]
pub(crate) struct HttpTrigger {
    pub(crate) name: String,
    /// Upper case; `None` for all.
    pub(crate) methods: Option<Vec<String>>,
    /// As written, or the function's name.
    pub(crate) route: String,
}

#[derive(Debug, Clone)]
pub(crate) struct ServiceBusTrigger {
    pub(crate) name: String,
    /// `queue`, or `topic/Subscriptions/subscription`.
    pub(crate) entity_path: String,
    pub(crate) connection: String,
    pub(crate) data_type: DataType,
    pub(crate) auto_complete: bool,
    /// `cardinality: many`: a list of messages an invocation.
    pub(crate) batch: bool,
    pub(crate) sessions: bool,
    /// The binding's own limit, which wins over host.json's.
    pub(crate) max_message_batch_size: Option<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct TimerTrigger {
    pub(crate) name: String,
    pub(crate) schedule: Schedule,
    pub(crate) run_on_startup: bool,
    pub(crate) use_monitor: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct EventGridTrigger {
    pub(crate) name: String,
    /// `cardinality: many`: all events of a delivery an invocation.
    pub(crate) batch: bool,
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

impl Trigger {
    pub(crate) fn kind(&self) -> TriggerKind {
        match self {
            Self::Http(_) => TriggerKind::Http,
            Self::ServiceBus(_) => TriggerKind::ServiceBus,
            Self::Timer(_) => TriggerKind::Timer,
            Self::EventGrid(_) => TriggerKind::EventGrid,
        }
    }
}

impl Function {
    pub(crate) fn is_http(&self) -> bool {
        matches!(self.trigger, Trigger::Http(_))
    }

    /// One HTTP trigger and one HTTP output and nothing else: what the forwarding modes apply to
    /// (azure-functions-host, `FunctionMetadataExtensions.IsHttpInAndOutFunction`).
    pub(crate) fn is_http_in_and_out(&self) -> bool {
        matches!(self.trigger, Trigger::Http(_))
            && matches!(self.outputs.as_slice(), [Output { target: OutputTarget::Http, .. }])
    }
}

/// Reads every `{script_root}/{name}/function.json`, in the order of the names.
pub(crate) fn read_all(
    script_root: &Path,
    settings: &Settings,
) -> std::io::Result<(Vec<Function>, Vec<FunctionError>)> {
    let (mut functions, mut errors) = (Vec::new(), Vec::new());
    for folder in function_folders(script_root)? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match read(&folder, &name, settings) {
            Ok(function) => functions.push(function),
            Err(reason) => errors.push(FunctionError { function: name, reason }),
        }
    }
    Ok((functions, errors))
}

/// The folders that hold a function.json, in the order of their names.
pub(super) fn function_folders(script_root: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(script_root)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    folders.retain(|folder| folder.join("function.json").is_file());
    folders.sort();
    Ok(folders)
}

fn read(folder: &Path, name: &str, settings: &Settings) -> Result<Function, FunctionProblem> {
    let text = std::fs::read_to_string(folder.join("function.json")).map_err(FunctionProblem::Unreadable)?;
    let json = Json::parse_file(&text).map_err(FunctionProblem::NotJson)?;
    if let Some(file) = json.member("scriptFile").and_then(Json::as_str)
        && !folder.join(file).is_file()
    {
        return Err(FunctionProblem::NoScriptFile(file.to_owned()));
    }
    from_json(name, json, settings)
}

/// Names are compared without regard to case within a binding, and with regard to it here.
fn bindings_of(json: &Json) -> Option<&[Json]> {
    let Json::Object(members) = json else { return None };
    match members.iter().find(|(name, _)| name == "bindings") {
        Some((_, Json::Array(bindings))) if !bindings.is_empty() => Some(bindings),
        _ => None,
    }
}

pub(crate) fn from_json(name: &str, json: Json, settings: &Settings) -> Result<Function, FunctionProblem> {
    if !is_function_name(name) {
        return Err(FunctionProblem::Name(name.to_owned()));
    }
    let bindings = bindings_of(&json).ok_or(FunctionProblem::NoBindings)?;
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
    let disabled = is_disabled(name, settings);
    let retry =
        json.member("retry").filter(|retry| !retry.is_null()).map(RetryPolicy::from_json).transpose()?;
    Ok(Function { name: name.to_owned(), trigger, outputs, disabled, retry, configuration: json })
}

/// `^[a-z][a-z0-9_\-]{0,127}$`, any case, and not `host`.
fn is_function_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && characters.all(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '-'))
        && name.len() <= 128
        && !name.eq_ignore_ascii_case("host")
}

/// Only by the setting `AzureWebJobs.{name}.Disabled`: the file's own `disabled` has no effect.
fn is_disabled(name: &str, settings: &Settings) -> bool {
    let value = settings.get(&format!("AzureWebJobs.{name}.Disabled"));
    value.is_some_and(|text| text == "1" || text.eq_ignore_ascii_case("true"))
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
        "eventgridtrigger" => Ok(Trigger::EventGrid(EventGridTrigger {
            name: binding.name.to_owned(),
            batch: binding.is_many()?,
        })),
        _ => Err(FunctionProblem::UnknownType(binding.kind.to_owned())),
    }
}

fn http_trigger(function: &str, binding: &Binding<'_>) -> Result<HttpTrigger, FunctionProblem> {
    let methods = match binding.json.member("methods") {
        None | Some(Json::Null) => None,
        Some(Json::Array(methods)) => {
            Some(methods.iter().filter_map(Json::as_str).map(str::to_ascii_uppercase).collect())
        }
        Some(other) => return Err(FunctionProblem::value("methods", other)),
    };
    const LEVELS: [&str; 5] = ["anonymous", "user", "function", "system", "admin"];
    match binding.json.member("authLevel") {
        None | Some(Json::Null) => {}
        Some(Json::String(level)) if LEVELS.contains(&level.to_ascii_lowercase().as_str()) => {}
        Some(other) => return Err(FunctionProblem::value("authLevel", other)),
    }
    // Unlike other texts of a binding it is taken as it is written: `%NAME%` is no setting here.
    let route = binding.json.member("route").and_then(Json::as_str).filter(|route| !route.is_empty());
    let route = route.unwrap_or(function).to_owned();
    let lower = route.trim_matches('/').to_ascii_lowercase();
    if lower.starts_with("admin") || lower.starts_with("runtime") {
        return Err(FunctionProblem::BuiltInRoute);
    }
    Ok(HttpTrigger { name: binding.name.to_owned(), methods, route })
}

fn service_bus_trigger(binding: &Binding<'_>) -> Result<ServiceBusTrigger, FunctionProblem> {
    // Of a queue and a topic the real host listens to the topic.
    let entity_path = match (binding.text("queueName")?, binding.text("topicName")?) {
        (_, Some(topic)) => format!("{topic}/Subscriptions/{}", binding.required("subscriptionName")?),
        (Some(queue), None) => queue,
        (None, None) => return Err(binding.missing("queueName")),
    };
    Ok(ServiceBusTrigger {
        name: binding.name.to_owned(),
        entity_path,
        connection: binding.connection()?,
        data_type: binding.data_type()?,
        auto_complete: binding.boolean("autoCompleteMessages")?.unwrap_or(true),
        batch: binding.is_many()?,
        sessions: binding.boolean("isSessionsEnabled")?.unwrap_or(false),
        max_message_batch_size: binding.count("maxMessageBatchSize")?,
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
            if entity.contains('{') {
                return Err(FunctionProblem::Unsupported(
                    "a binding expression in the name of a queue or topic",
                ));
            }
            OutputTarget::ServiceBus { entity, connection: binding.connection()? }
        }
        _ => return Err(FunctionProblem::UnknownType(binding.kind.to_owned())),
    };
    Ok(Output { name: binding.name.to_owned(), binary: binding.data_type()? == DataType::Binary, target })
}

#[cfg(test)]
#[path = "function_json_tests.rs"]
mod tests;
