//! What the real host takes in a function.json in silence, and does not do.

use super::function_json::{DataType, Function, Trigger};
use crate::json::Json;

/// One line a trap, for a function that is loaded.
pub(crate) fn traps(function: &Function) -> Vec<String> {
    let name = &function.name;
    let mut lines = Vec::new();
    if function.configuration.member("disabled").is_some_and(|disabled| *disabled != Json::Bool(false)) {
        lines.push(format!(
            "'disabled' in the function.json of '{name}' has no effect: the Functions host runs the function. Set the app \
             setting AzureWebJobs.{name}.Disabled to true."
        ));
    }
    if let Trigger::ServiceBus(trigger) = &function.trigger
        && trigger.data_type == DataType::Stream
    {
        lines.push(format!(
            "Every message for '{name}' will fail: the Functions host cannot bind the dataType 'stream'. Use 'string' or \
             'binary'."
        ));
    }
    if let Trigger::Http(trigger) = &function.trigger
        && trigger.methods.as_ref().is_some_and(Vec::is_empty)
    {
        lines.push(format!("No request reaches '{name}': the list of its methods is empty."));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::function_json::from_json;
    use crate::settings::Settings;

    #[test]
    fn what_has_no_effect_is_told() {
        let told =
            |text: &str| traps(&from_json("f", Json::parse(text).unwrap(), &Settings::empty()).unwrap());
        let http = r#"{"type":"httpTrigger","name":"r"}"#;
        assert!(
            told(&format!(r#"{{"disabled":true,"bindings":[{http}]}}"#))[0]
                .contains("AzureWebJobs.f.Disabled")
        );
        assert!(
            told(r#"{"bindings":[{"type":"httpTrigger","name":"r","methods":[]}]}"#)[0].contains("is empty")
        );
        let stream = r#"{"type":"serviceBusTrigger","name":"m","queueName":"q","dataType":"stream"}"#;
        assert!(told(&format!(r#"{{"bindings":[{stream}]}}"#))[0].contains("'stream'"));
        assert!(told(&format!(r#"{{"disabled":false,"bindings":[{http}]}}"#)).is_empty());
    }
}
