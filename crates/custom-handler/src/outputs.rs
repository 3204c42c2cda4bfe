//! What a function sends through its output bindings, in the forms that arrive as they were meant.
//!
//! The host guesses: a queue output that is one string is taken apart if it looks like a JSON array, printed anew if it
//! looks like an object, and sent as the text `System.Byte[]` if it happens to be valid base64. Strings in an array are
//! sent as they are, so that is how messages are written here. (azure-functions-host,
//! `HttpScriptInvocationResultExtensions.cs`, `FunctionBinding.cs`.)

use serde::Serialize;
use serde_json::{Map, Value, json};

/// The binding that takes a function's return value, which has a place of its own in the answer.
const RETURN_BINDING: &str = "$return";

/// What a function sends through its output bindings, and what it adds to the function's log.
///
/// The host acts on it only when the invocation succeeds, after the function has ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outputs {
    bindings: Map<String, Value>,
    logs: Vec<String>,
}

impl Outputs {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a message to a queue or topic output (`serviceBus`, `queue`); `binding` is the binding's `name`, which may be
    /// `$return`. The host
    /// sends the text alone: message id, properties and the rest cannot be set from a custom handler, nor can bytes
    /// that are not text be sent. A text that is nothing but an ISO 8601 timestamp may be reformatted on its way.
    #[must_use]
    pub fn message(mut self, binding: &str, text: impl Into<String>) -> Self {
        let text = Value::String(text.into());
        match self.bindings.get_mut(binding) {
            Some(Value::Array(messages)) => messages.push(text),
            _ => {
                self.bindings.insert(binding.to_owned(), Value::Array(vec![text]));
            }
        }
        self
    }

    /// Adds a message whose text is JSON.
    ///
    /// # Errors
    /// When `body` cannot be written as JSON.
    pub fn json_message(self, binding: &str, body: &impl Serialize) -> serde_json::Result<Self> {
        Ok(self.message(binding, serde_json::to_string(body)?))
    }

    /// Sets the value of a binding of another kind, as it is.
    #[must_use]
    pub fn value(mut self, binding: &str, value: Value) -> Self {
        self.bindings.insert(binding.to_owned(), value);
        self
    }

    /// Adds a line to the function's own log (category `Function.{name}.User`), correlated with the invocation.
    #[must_use]
    pub fn log(mut self, line: impl Into<String>) -> Self {
        self.logs.push(line.into());
        self
    }

    /// The body of the answer: an object, whatever is in it.
    pub(crate) fn into_answer(mut self) -> Value {
        let mut answer = Map::new();
        if let Some(returned) = self.bindings.remove(RETURN_BINDING) {
            answer.insert("ReturnValue".to_owned(), returned);
        }
        if !self.bindings.is_empty() {
            answer.insert("Outputs".to_owned(), self.bindings.into());
        }
        if !self.logs.is_empty() {
            answer.insert("Logs".to_owned(), json!(self.logs));
        }
        answer.into()
    }
}

impl From<()> for Outputs {
    fn from((): ()) -> Self {
        Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_strings_in_an_array_whatever_they_look_like() {
        for text in ["hello", "test", "{\"a\":1}", "[1,2]", "", "\u{1F980}"] {
            let answer = Outputs::new().message("out", text).into_answer();
            assert_eq!(answer, json!({ "Outputs": { "out": [text] } }));
        }
        let two = Outputs::new().message("out", "a").json_message("out", &json!({ "b": 1 })).unwrap();
        assert_eq!(two.into_answer(), json!({ "Outputs": { "out": ["a", "{\"b\":1}"] } }));
    }

    #[test]
    fn the_return_binding_has_its_own_place() {
        let answer = Outputs::new().message("$return", "test").message("$return", "{}").into_answer();
        assert_eq!(answer, json!({ "ReturnValue": ["test", "{}"] }));
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        assert_eq!(Outputs::from(()).into_answer(), json!({}));
        assert_eq!(Outputs::new().log("one").into_answer(), json!({ "Logs": ["one"] }));
        let table = Outputs::new().value("table", json!({ "RowKey": "1" }));
        assert_eq!(table.into_answer(), json!({ "Outputs": { "table": { "RowKey": "1" } } }));
    }
}
