//! One binding of a function.json: names and types checked, values read with their `%names%` resolved.

use super::function_problem::FunctionProblem;
use crate::json::Json;
use crate::settings::Settings;

/// The connection of Service Bus bindings that name none.
pub(super) const DEFAULT_CONNECTION: &str = "ServiceBus";

/// Name of the binding that takes an answer's `ReturnValue`.
pub(crate) const RETURN: &str = "$return";

/// `dataType`: which .NET type the real host would bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataType {
    /// Not given: a text, and in a batch whatever the JSON of a body is.
    Absent,
    Text,
    Binary,
    /// Which no Service Bus message can be bound to.
    Stream,
}

/// A binding whose name and type have been checked.
pub(super) struct Binding<'a> {
    pub(super) json: &'a Json,
    settings: &'a Settings,
    pub(super) name: &'a str,
    pub(super) kind: &'a str,
}

impl<'a> Binding<'a> {
    pub(super) fn check(json: &'a Json, settings: &'a Settings) -> Result<Self, FunctionProblem> {
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

    pub(super) fn is_trigger(&self) -> bool {
        self.kind.to_ascii_lowercase().ends_with("trigger")
    }

    pub(super) fn is_out(&self) -> bool {
        let direction = self.json.member("direction").and_then(Json::as_str).unwrap_or("in");
        !direction.eq_ignore_ascii_case("in")
    }

    /// A text with its `%names%` resolved; an empty one counts as absent.
    pub(super) fn text(&self, member: &str) -> Result<Option<String>, FunctionProblem> {
        let Some(text) = self.json.member(member).and_then(Json::as_str) else { return Ok(None) };
        let text = self.settings.resolve(text)?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    pub(super) fn required(&self, member: &'static str) -> Result<String, FunctionProblem> {
        self.text(member)?.ok_or_else(|| self.missing(member))
    }

    pub(super) fn missing(&self, member: &'static str) -> FunctionProblem {
        FunctionProblem::Missing { binding: self.name.to_owned(), kind: self.kind.to_owned(), member }
    }

    pub(super) fn boolean(&self, member: &'static str) -> Result<Option<bool>, FunctionProblem> {
        match self.json.member(member) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Bool(value)) => Ok(Some(*value)),
            Some(Json::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Json::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(other) => Err(FunctionProblem::Value { member, value: other.to_compact_text() }),
        }
    }

    pub(super) fn data_type(&self) -> Result<DataType, FunctionProblem> {
        match self.text("dataType")?.unwrap_or_default().to_ascii_lowercase().as_str() {
            "binary" => Ok(DataType::Binary),
            "" => Ok(DataType::Absent),
            "string" => Ok(DataType::Text),
            "stream" => Ok(DataType::Stream),
            other => Err(FunctionProblem::Value { member: "dataType", value: other.to_owned() }),
        }
    }

    pub(super) fn is_many(&self) -> Result<bool, FunctionProblem> {
        match self.text("cardinality")?.unwrap_or_default().to_ascii_lowercase().as_str() {
            "many" => Ok(true),
            "" | "one" => Ok(false),
            other => Err(FunctionProblem::Value { member: "cardinality", value: other.to_owned() }),
        }
    }

    /// A whole number from 1 on.
    pub(super) fn count(&self, member: &'static str) -> Result<Option<usize>, FunctionProblem> {
        let text = match self.json.member(member) {
            None | Some(Json::Null) => return Ok(None),
            Some(value) => self.settings.resolve(&value.to_dotnet_string().unwrap_or_default())?,
        };
        match text.parse() {
            Ok(count @ 1..) => Ok(Some(count)),
            Ok(0) | Err(_) => Err(FunctionProblem::Value { member, value: text }),
        }
    }

    pub(super) fn connection(&self) -> Result<String, FunctionProblem> {
        Ok(self.text("connection")?.unwrap_or_else(|| DEFAULT_CONNECTION.to_owned()))
    }
}

/// `^[a-zA-Z][a-zA-Z0-9]{0,127}$`
fn is_binding_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|character| character.is_ascii_alphanumeric())
        && name.len() <= 128
}
