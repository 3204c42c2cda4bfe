//! Invocations as the Functions host writes them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use uuid::Uuid;

/// An invocation as the host sends it.
#[derive(Debug, Clone)]
pub struct Invocation {
    pub(super) function: String,
    pub(super) id: String,
    pub(super) body: Value,
}

impl Invocation {
    /// A message's invocation, still without a body.
    #[must_use]
    pub fn queue(function: &str) -> Self {
        let nothing = json!({});
        let metadata = json!({
            "MessageReceiver": nothing, "MessageSession": nothing, "MessageActions": nothing,
            "SessionActions": nothing, "ReceiveActions": nothing, "DeliveryCount": "1",
            "LockToken": wrapped(&json!(Uuid::new_v4())), "SequenceNumber": "1",
            "EnqueuedTimeUtc": "2026-01-02T03:04:05", "EnqueuedTime": "2026-01-02T03:04:05+00:00",
            "ApplicationProperties": nothing, "UserProperties": nothing,
        });
        Self::new(function, "message", json!(""), metadata)
    }

    /// A timer's invocation: on time, for the first time.
    #[must_use]
    pub fn timer(function: &str) -> Self {
        let timer =
            json!({ "Schedule": { "AdjustForDST": true }, "ScheduleStatus": null, "IsPastDue": false });
        Self::new(function, "timer", timer, json!({}))
    }

    /// Any invocation: `data` as the host encodes it.
    #[must_use]
    pub fn new(function: &str, binding: &str, data: Value, mut metadata: Value) -> Self {
        metadata["sys"] = json!({ "MethodName": function, "UtcNow": "2026-01-02T03:04:05.678901Z", "RandGuid": Uuid::new_v4() });
        let body = json!({ "Data": { binding: data }, "Metadata": metadata });
        Self { function: function.to_owned(), id: Uuid::new_v4().to_string(), body }
    }

    /// The message's body, as it comes with `"dataType": "binary"`.
    #[must_use]
    pub fn binary(self, body: impl AsRef<[u8]>) -> Self {
        let base64 = json!(STANDARD.encode(body));
        self.data(base64)
    }

    /// The message's body, as it comes with `"dataType": "string"` or without a data type: the properties of a JSON
    /// object overwrite the metadata, so set the metadata first.
    #[must_use]
    pub fn text(mut self, body: &str) -> Self {
        if let Ok(Value::Object(properties)) = serde_json::from_str(body) {
            for (name, value) in
                properties.into_iter().filter(|(_, value)| !value.is_array() && !value.is_null())
            {
                self = self.leaked(&name, value);
            }
        }
        self.data(wrapped(&json!(body)))
    }

    /// The message's body as a JSON document, binary.
    ///
    /// # Panics
    /// When `body` cannot be written as JSON.
    #[must_use]
    pub fn json(self, body: &impl serde::Serialize) -> Self {
        let json = serde_json::to_vec(body).expect("the body can be written as JSON");
        self.binary(json)
    }

    /// The message's id.
    #[must_use]
    pub fn message_id(self, id: &str) -> Self {
        self.metadata("MessageId", wrapped(&json!(id)))
    }

    /// How often the message was delivered.
    #[must_use]
    pub fn delivery_count(self, count: u32) -> Self {
        self.metadata("DeliveryCount", wrapped(&json!(count)))
    }

    /// A property that the sender set.
    #[must_use]
    pub fn application_property(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        self.body["Metadata"]["UserProperties"][name] = value.clone();
        self.body["Metadata"]["ApplicationProperties"][name] = value;
        self
    }

    /// Any value of the metadata, as the host encodes it.
    #[must_use]
    pub fn metadata(mut self, name: &str, value: Value) -> Self {
        self.body["Metadata"][name] = value;
        self
    }

    /// The trigger's value, as the host encodes it.
    #[must_use]
    pub fn data(mut self, value: Value) -> Self {
        if let Some(data) = self.body["Data"].as_object_mut() {
            data.values_mut().for_each(|old| *old = value.clone());
        }
        self
    }

    /// The host's id for the run.
    #[must_use]
    pub fn invocation_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.id);
        self
    }

    /// The host's dictionary ignores case; scalars become .NET strings.
    fn leaked(mut self, name: &str, value: Value) -> Self {
        let metadata = &mut self.body["Metadata"];
        let taken =
            metadata.as_object().and_then(|map| map.keys().find(|key| key.eq_ignore_ascii_case(name)));
        let name = taken.cloned().unwrap_or_else(|| name.to_owned());
        metadata[name] = match value {
            object @ Value::Object(_) => object,
            Value::Bool(true) => wrapped(&json!("True")),
            Value::Bool(false) => wrapped(&json!("False")),
            Value::String(text) => wrapped(&json!(text)),
            scalar => wrapped(&json!(scalar.to_string())),
        };
        self
    }
}

/// JSON in a string, as the host writes everything that is not an object.
fn wrapped(value: &Value) -> Value {
    Value::String(value.to_string())
}
