//! What the real host takes in silence and makes something else of than its author meant.
//!
//! Nothing is changed here: a line at level Warning tells what will happen, and what to write instead.

use super::answer::Answer;
use crate::configuration::function_json::{Function, OutputTarget, RETURN};
use crate::json::Json;
use crate::service_bus::output::is_base64;

/// One line a trap that this answer walks into.
pub(crate) fn traps(function: &Function, answer: &Answer) -> Vec<String> {
    let returns = function.outputs.iter().any(|output| output.name == RETURN);
    let mut lines = Vec::new();
    for output in &function.outputs {
        let Some(value) = answer.output(&output.name, returns) else { continue };
        let name = &output.name;
        match &output.target {
            OutputTarget::ServiceBus { .. } => {
                if let (Json::String(text), false) = (value, output.binary)
                    && is_base64(text)
                {
                    lines.push(format!(
                        "The text for output '{name}' can be read as base64: the Functions host sends a message with \
                         the body 'System.Byte[]' instead of it. Answer a list of texts, [\"…\"]."
                    ));
                }
            }
            OutputTarget::Http if name != RETURN => lines.extend(traps_of_response(name, value)),
            OutputTarget::Http => {}
        }
    }
    if answer.return_value.is_some() && answer.outputs.is_none() && !returns && function.is_http() {
        lines.push(
            "The answer has a ReturnValue and no binding is called '$return': the Functions host answers it to the client \
             as it is, with status 200."
                .to_owned(),
        );
    }
    lines.extend(names_without_binding(function, answer));
    lines
}

fn traps_of_response(name: &str, value: &Json) -> Vec<String> {
    let parsed = value.as_str().and_then(|text| Json::parse(text).ok());
    let object = parsed.as_ref().unwrap_or(value);
    let mut lines = Vec::new();
    if object.member("status").is_some() && object.member("statusCode").is_none() {
        lines.push(format!(
            "The response in output '{name}' has a 'status', which the Functions host passes over: it answers 200. \
             Write 'statusCode'."
        ));
    }
    let status = object.member("statusCode").and_then(Json::to_dotnet_string);
    let status = status.and_then(|text| text.trim().parse::<i32>().ok());
    if status.is_some_and(|status| !(200..=999).contains(&status)) {
        lines.push(format!(
            "The statusCode in output '{name}' is no status of HTTP for an answer: the Functions host sends it all the same. \
             Here the client gets 500."
        ));
    }
    if let Some(Json::Object(headers)) = object.member("headers") {
        let is_text = |value: &Json| value.to_dotnet_string().is_some_and(|text| text.is_ascii());
        for (header, _) in headers.iter().filter(|(_, value)| !is_text(value)) {
            lines.push(format!(
                "The header '{header}' in output '{name}' is no ASCII text: the Functions host answers 500, although the \
                 function succeeded."
            ));
        }
    }
    if object.member("cookies").is_some() {
        lines.push(format!(
            "The response in output '{name}' has 'cookies', which the Functions host passes over."
        ));
    }
    lines
}

fn names_without_binding(function: &Function, answer: &Answer) -> Vec<String> {
    let known = |name: &str| function.outputs.iter().any(|output| output.name == name);
    let unknown = answer.outputs.iter().flatten().filter(|(name, _)| !known(name));
    unknown
        .map(|(name, _)| {
            format!(
                "No output binding of '{}' is called '{name}': the Functions host passes its value over.",
                function.name
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::function_json::from_json;
    use crate::settings::Settings;

    fn told(outputs: &str) -> Vec<String> {
        let bindings = r#"{"bindings":[{"type":"httpTrigger","name":"req"},
            {"type":"http","direction":"out","name":"res"},
            {"type":"serviceBus","direction":"out","name":"next","queueName":"q"}]}"#;
        let function = from_json("test", Json::parse(bindings).unwrap(), &Settings::empty()).unwrap();
        let Json::Object(outputs) = Json::parse(outputs).unwrap() else { panic!("an object") };
        traps(&function, &Answer { outputs: Some(outputs), ..Answer::default() })
    }

    #[test]
    fn every_trap_is_told_with_what_to_write_instead() {
        let check = |outputs: &str, expected: &str| {
            let lines = told(outputs);
            assert_eq!(lines.len(), 1, "{outputs}: {lines:?}");
            assert!(lines[0].contains(expected), "{outputs}: {lines:?}");
        };
        check(r#"{"next":"abcd1234"}"#, "'System.Byte[]'");
        check(r#"{"res":{"status":404,"body":"x"}}"#, "Write 'statusCode'");
        check(r#"{"res":"{\"status\":404}"}"#, "Write 'statusCode'");
        check(
            r#"{"res":{"headers":{"set-cookie":["a","b"]}}}"#,
            "'set-cookie' in output 'res' is no ASCII text",
        );
        check(r#"{"res":{"headers":{"x":null}}}"#, "answers 500");
        check(r#"{"res":{"statusCode":99}}"#, "no status of HTTP");
        check(r#"{"res":{"cookies":[]}}"#, "'cookies'");
        check(r#"{"Next":"x y z"}"#, "is called 'Next'");
    }

    #[test]
    fn an_answer_without_traps_is_taken_in_silence() {
        for outputs in [
            r#"{"next":["abcd1234"],"res":{"statusCode":404,"status":404,"body":"x","headers":{"a":"b"}}}"#,
            r#"{"next":"plain text","res":{}}"#,
            "{}",
        ] {
            assert_eq!(told(outputs), Vec::<String>::new(), "{outputs}");
        }
    }
}
