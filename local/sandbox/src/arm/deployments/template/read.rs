//! Takes the parts of a template.

use serde_json::{Map, Value};

use crate::arm::error::ArmError;
use crate::state::resources::deployment::{DeclaredResource, Template};

use super::{invalid, is_empty, types, unsupported, user_functions};

impl Template {
    /// Takes the parts of a template; anything that is not known, or not supported here, is refused.
    pub(in crate::arm::deployments) fn read(template: &Value) -> Result<Self, ArmError> {
        let Some(parts) = template.as_object() else {
            return Err(invalid("The template is not an object."));
        };
        for required in ["$schema", "contentVersion", "resources"] {
            if !parts.contains_key(required) {
                return Err(invalid(&format!("Required property '{required}' not found in the template.")));
            }
        }
        for (name, value) in parts {
            match name.as_str() {
                "$schema" | "contentVersion" | "metadata" | "parameters" | "variables" | "resources"
                | "outputs" => {}
                "functions" | "definitions" => {}
                "languageVersion" if value == "2.0" => {}
                "apiProfile" | "languageVersion" if is_empty(value) => {}
                "apiProfile" | "languageVersion" => {
                    return Err(unsupported(&format!(
                        "the template element '{name}' with the value {value}"
                    )));
                }
                _ => {
                    return Err(invalid(&format!(
                        "Could not find member '{name}' on object of type 'Template'."
                    )));
                }
            }
        }
        let definitions = section(parts, "definitions")?;
        Ok(Self {
            parameters: parameters(parts, &definitions)?,
            variables: section(parts, "variables")?,
            resources: resources(&parts["resources"])?,
            outputs: section(parts, "outputs")?,
            functions: user_functions::read(parts.get("functions"))?,
            definitions,
        })
    }
}

/// Each with the type that a definition gives it, so that a secret one is known as such.
fn parameters(
    parts: &Map<String, Value>,
    definitions: &Map<String, Value>,
) -> Result<Map<String, Value>, ArmError> {
    let declared = section(parts, "parameters")?.into_iter().map(|(name, declared)| {
        let unreadable = || invalid(&format!("The template parameter '{name}' is not an object."));
        let declared = types::resolved(declared.as_object().ok_or_else(unreadable)?, definitions)?;
        Ok((name, Value::Object(declared)))
    });
    declared.collect()
}

/// A list, or an object in which each has a name.
fn resources(declared: &Value) -> Result<Vec<DeclaredResource>, ArmError> {
    let named: Vec<(Option<String>, &Value)> = match declared {
        Value::Array(resources) => resources.iter().map(|resource| (None, resource)).collect(),
        Value::Object(resources) => {
            resources.iter().map(|(symbol, resource)| (Some(symbol.clone()), resource)).collect()
        }
        _ => return Err(invalid("The template element 'resources' is no array and no object.")),
    };
    let read = named.into_iter().map(|(symbol, resource)| {
        let elements = resource.as_object().cloned();
        let elements = elements.ok_or_else(|| invalid("A resource of the template is not an object."))?;
        Ok(DeclaredResource { symbol, elements })
    });
    read.collect()
}

fn section(parts: &Map<String, Value>, name: &str) -> Result<Map<String, Value>, ArmError> {
    match parts.get(name) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(section)) => Ok(section.clone()),
        Some(_) => Err(invalid(&format!("The template element '{name}' is not an object."))),
    }
}
