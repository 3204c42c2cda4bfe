//! What `latchkey host` prints: lines for people, or one JSON object a line.

use std::io::{self, Write};

use functions_host::{FunctionSummary, Host, HostEvent, OutputLevel};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::live::{Colour, short};

/// Prints on stdout, one way or the other.
#[derive(Debug, Clone, Copy)]
pub(super) enum Printer {
    Lines(Colour),
    Json,
}

impl Printer {
    /// The functions and where they are reached, as Core Tools list them; then what was left out, and why.
    pub(super) fn listening(self, host: &Host) {
        match self {
            Self::Json => print(&listening_json(host).to_string()),
            Self::Lines(colour) => print(&listening_text(host, colour)),
        }
    }

    pub(super) fn event(self, event: &HostEvent) {
        match self {
            Self::Json => print(&event_json(event).to_string()),
            Self::Lines(colour) => {
                let (level, text) = event_text(event);
                print(&format!(
                    "{}  {}",
                    colour.paint("2", &format!("[{}]", now())),
                    painted(level, &text, colour)
                ));
            }
        }
    }

    /// Something of this command's own.
    pub(super) fn note(self, text: &str) {
        match self {
            Self::Json => print(&json!({"time": now(), "event": "note", "line": text}).to_string()),
            Self::Lines(_) => print(text),
        }
    }
}

/// Whoever closed our stdout does not want to hear more; the host goes on without them.
fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// To the millisecond, in UTC.
fn now() -> String {
    const FORM: &[BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::now_utc().format(FORM).expect("every instant has these parts")
}

fn painted(level: OutputLevel, text: &str, colour: Colour) -> String {
    let (code, word) = match level {
        OutputLevel::Information => ("", "info "),
        OutputLevel::Warning => ("33", "warn "),
        OutputLevel::Error => ("31", "error"),
    };
    colour.paint(code, &format!("{word}  {text}"))
}

fn listening_text(host: &Host, colour: Colour) -> String {
    let mut text = String::from("\nFunctions:\n\n");
    for function in host.functions() {
        text.push_str(&format!(
            "        {}: {}\n\n",
            colour.paint("33", &function.name),
            described(function, colour)
        ));
    }
    if host.functions().is_empty() {
        text.push_str("        none: a function is a folder beside host.json that holds a function.json\n\n");
    }
    for error in host.function_errors() {
        text.push_str(&format!("{}\n\n", colour.paint("31", &error.to_string())));
    }
    let unconnected = |error: &functions_host::FunctionError| {
        matches!(error.reason, functions_host::FunctionProblem::Connection(_))
    };
    if host.function_errors().iter().any(unconnected) {
        text.push_str(
            "Set the connection in local.settings.json, or set one for all with --service-bus.\n\n",
        );
    }
    text.push_str(&format!("Listening on {}. Press Ctrl-C to stop.\n", host.url()));
    text
}

/// `[GET,POST] http://…` for HTTP, the trigger and its source for all others.
fn described(function: &FunctionSummary, colour: Colour) -> String {
    let methods = match function.methods.as_slice() {
        [] => String::new(),
        methods => format!("[{}] ", methods.join(",")),
    };
    let is_http = function.trigger == functions_host::TriggerKind::Http;
    let trigger = if is_http { String::new() } else { format!("{} ", function.trigger) };
    let place = function.url.as_ref().map(|url| colour.paint("32", url)).or_else(|| function.entity.clone());
    let off = if function.disabled { " (disabled)" } else { "" };
    format!("{methods}{trigger}{}", place.unwrap_or_default()).trim_end().to_owned() + off
}

fn listening_json(host: &Host) -> Value {
    let function = |function: &FunctionSummary| {
        json!({
            "name": function.name,
            "trigger": function.trigger.to_string(),
            "url": function.url,
            "methods": function.methods,
            "entity": function.entity,
            "disabled": function.disabled,
        })
    };
    let error = |error: &functions_host::FunctionError| json!({"function": error.function, "error": error.reason.to_string()});
    json!({
        "time": now(),
        "event": "listening",
        "url": host.url(),
        "functions": host.functions().iter().map(function).collect::<Vec<_>>(),
        "functionErrors": host.function_errors().iter().map(error).collect::<Vec<_>>(),
    })
}

fn event_text(event: &HostEvent) -> (OutputLevel, String) {
    use OutputLevel::{Error, Information};
    match event {
        HostEvent::HandlerStarted { process_id } => {
            (Information, format!("Handler process {process_id} started."))
        }
        HostEvent::HandlerReady { after } => (Information, format!("Handler ready after {}.", short(*after))),
        HostEvent::HandlerExited { status } => (Information, format!("Handler process ended: {status}.")),
        HostEvent::Output { level, line } => (*level, without_controls(line)),
        HostEvent::InvocationStarted { function, invocation_id, message_id, delivery_count, .. } => {
            let message = match (message_id, delivery_count) {
                (Some(id), Some(count)) => format!(", MessageId={id}, DeliveryCount={count}"),
                (None, Some(count)) => format!(", DeliveryCount={count}"),
                (_, None) => String::new(),
            };
            (
                Information,
                without_controls(&format!("Executing 'Functions.{function}' (Id={invocation_id}{message})")),
            )
        }
        HostEvent::InvocationFinished { function, invocation_id, duration, result, .. } => {
            let milliseconds = duration.as_millis();
            let ended = |how: &str| {
                format!(
                    "Executed 'Functions.{function}' ({how}, Id={invocation_id}, Duration={milliseconds}ms)"
                )
            };
            match result {
                Ok(()) => (Information, ended("Succeeded")),
                Err(error) => (Error, without_controls(&format!("{} {error}", ended("Failed")))),
            }
        }
        HostEvent::Stopped { reason } => (Information, format!("Host stopped: {reason}.")),
    }
}

/// What a handler writes must not drive this terminal.
fn without_controls(text: &str) -> String {
    text.chars()
        .map(|character| if character.is_control() && character != '\t' { ' ' } else { character })
        .collect()
}

fn event_json(event: &HostEvent) -> Value {
    let mut object = match event {
        HostEvent::HandlerStarted { process_id } => {
            json!({"event": "handlerStarted", "processId": process_id})
        }
        HostEvent::HandlerReady { after } => {
            json!({"event": "handlerReady", "afterMs": u64::try_from(after.as_millis()).unwrap_or(u64::MAX)})
        }
        HostEvent::HandlerExited { status } => {
            json!({"event": "handlerExited", "code": status.code(), "status": status.to_string()})
        }
        HostEvent::Output { level, line } => {
            json!({"event": "output", "level": format!("{level:?}").to_lowercase(), "line": line})
        }
        HostEvent::InvocationStarted { function, invocation_id, trigger, message_id, delivery_count } => {
            json!({
                "event": "invocationStarted", "function": function, "invocationId": invocation_id,
                "trigger": trigger.to_string(), "messageId": message_id, "deliveryCount": delivery_count,
            })
        }
        HostEvent::InvocationFinished { function, invocation_id, message_id, duration, result } => json!({
            "event": "invocationFinished", "function": function, "invocationId": invocation_id,
            "messageId": message_id, "durationMs": u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            "succeeded": result.is_ok(), "error": result.as_ref().err(),
        }),
        HostEvent::Stopped { reason } => json!({"event": "stopped", "reason": reason}),
    };
    object["time"] = json!(now());
    object
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use functions_host::TriggerKind;

    use super::*;

    fn finished(result: Result<(), String>) -> HostEvent {
        HostEvent::InvocationFinished {
            function: "orders".into(),
            invocation_id: "id".into(),
            message_id: None,
            duration: Duration::from_millis(12),
            result,
        }
    }

    #[test]
    fn a_failure_is_an_error_with_its_reason_on_one_line() {
        let (level, text) = event_text(&finished(Err("Invalid\nanswer".into())));
        assert_eq!(level, OutputLevel::Error);
        assert_eq!(text, "Executed 'Functions.orders' (Failed, Id=id, Duration=12ms) Invalid answer");
        assert_eq!(event_text(&finished(Ok(()))).0, OutputLevel::Information);
    }

    #[test]
    fn what_a_handler_writes_cannot_drive_the_terminal() {
        let line = "\u{1b}[2Jgone\tx".to_owned();
        let (_, text) =
            event_text(&HostEvent::Output { level: OutputLevel::Information, line: line.clone() });
        assert_eq!(text, " [2Jgone\tx");
        let object = event_json(&HostEvent::Output { level: OutputLevel::Warning, line: line.clone() });
        assert_eq!(
            (object["level"].as_str(), object["line"].as_str()),
            (Some("warning"), Some(line.as_str()))
        );
    }

    #[test]
    fn functions_are_described_as_core_tools_do() {
        let function = FunctionSummary {
            name: "hello".into(),
            trigger: TriggerKind::Http,
            url: Some("http://127.0.0.1:7071/api/hello".into()),
            methods: vec!["GET".into(), "POST".into()],
            entity: None,
            disabled: false,
        };
        let plain = Colour::none();
        assert_eq!(described(&function, plain), "[GET,POST] http://127.0.0.1:7071/api/hello");
        let queue = FunctionSummary {
            trigger: TriggerKind::ServiceBus,
            url: None,
            methods: Vec::new(),
            entity: Some("orders".into()),
            disabled: true,
            ..function
        };
        assert_eq!(described(&queue, plain), "serviceBusTrigger orders (disabled)");
    }
}
