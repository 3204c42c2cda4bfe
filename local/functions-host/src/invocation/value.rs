//! How values travel in `Data` and `Metadata`.
//!
//! azure-functions-host, `ScriptInvocationContextExtensions.cs`: objects are nested, byte arrays are base64, dates
//! lose their fraction, and everything else becomes a JSON string that holds the JSON text of the value.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::clock;
use crate::json::Json;

/// A value by the .NET type that the real host would hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum WireValue {
    /// Anything but the other variants: a string, a number, an object.
    Json(Json),
    /// `byte[]`
    Bytes(Vec<u8>),
    /// `DateTime`, which loses its zone on the way.
    DateTime(OffsetDateTime),
    /// `DateTimeOffset`
    DateTimeOffset(OffsetDateTime),
}

impl WireValue {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Json(Json::String(text.into()))
    }

    pub(crate) fn encode(&self) -> Json {
        match self {
            Self::Json(object @ Json::Object(_)) => object.clone(),
            Self::Json(other) => Json::String(other.to_compact_text()),
            Self::Bytes(bytes) => Json::String(STANDARD.encode(bytes)),
            Self::DateTime(instant) => Json::String(clock::second_text(*instant)),
            Self::DateTimeOffset(instant) => Json::String(format!("{}+00:00", clock::second_text(*instant))),
        }
    }
}

/// What becomes `Metadata`: names compared without regard to case, the first spelling of a name stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct BindingData(Vec<(String, WireValue)>);

impl BindingData {
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Option<WireValue>>) {
        let Some(value) = value.into() else { return };
        match self.0.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, known)) => *known = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    pub(crate) fn set_text(&mut self, name: &str, text: Option<&str>) {
        self.set(name, text.map(WireValue::text));
    }

    /// `sys`, which every invocation has (azure-webjobs-sdk, `SystemBindingData.cs`). Where a client's body has brought
    /// its own, this one is called `$sys`.
    pub(crate) fn set_system(&mut self, function: &str, now: OffsetDateTime) {
        let is_taken = self.0.iter().any(|(name, _)| name.eq_ignore_ascii_case("sys"));
        let system = Json::object([
            ("MethodName", Json::from(function)),
            ("UtcNow", Json::from(clock::utc_text(now))),
            ("RandGuid", Json::from(Uuid::new_v4().to_string())),
        ]);
        self.set(if is_taken { "$sys" } else { "sys" }, WireValue::Json(system));
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// Copies the top-level properties of a text that is a JSON object over what is here.
    ///
    /// The real host does this to every trigger value that is a string (azure-functions-host,
    /// `Utility.ApplyBindingData`), so a body can replace what the broker said about it.
    pub(crate) fn overlay_properties_of(&mut self, text: &str) {
        let trimmed = text.trim();
        if !(trimmed.starts_with('{') && trimmed.ends_with('}')) {
            return;
        }
        let Ok(Json::Object(members)) = Json::parse_with_dates(trimmed) else { return };
        for (name, value) in members {
            self.set(&name, leaked(value));
        }
    }

    /// The same for a trigger's value, if it is a string.
    pub(crate) fn overlay_properties_of_value(&mut self, value: &WireValue) {
        if let WireValue::Json(Json::String(text)) = value {
            self.overlay_properties_of(text);
        }
    }

    /// The members of `Metadata`: without the names that end in "trigger".
    pub(crate) fn into_metadata(self) -> Json {
        let members = self.0.into_iter().filter(|(name, _)| !name.to_ascii_lowercase().ends_with("trigger"));
        Json::object(members.map(|(name, value)| (name, value.encode())))
    }
}

/// Objects stay objects, scalars become .NET strings, arrays and nulls are left out.
fn leaked(value: Json) -> Option<WireValue> {
    match value {
        object @ Json::Object(_) => Some(WireValue::Json(object)),
        scalar => scalar.to_dotnet_string().map(WireValue::text),
    }
}

/// `{"Data":…,"Metadata":…}`, exactly these two and in this order.
pub(crate) fn envelope(data: Vec<(String, WireValue)>, metadata: BindingData) -> Json {
    let data = Json::object(data.into_iter().map(|(name, value)| (name, value.encode())));
    Json::object([("Data", data), ("Metadata", metadata.into_metadata())])
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_real_hosts_own_test_request_has_this_body() {
        let mut metadata = BindingData::default();
        let day = datetime!(2019-10-01 00:00 UTC);
        metadata.set("dequeueCount", WireValue::Json(Json::from(4)));
        metadata.set("VisibleTime", WireValue::DateTime(day));
        metadata.set("VisibleTimeOffset", WireValue::DateTimeOffset(day));
        metadata.set("helloString", WireValue::text("helloMetadata"));
        metadata.set("httpTrigger", WireValue::text("dropped"));
        let data = vec![("myqueueItem".to_owned(), WireValue::text("HelloWorld"))];
        assert_eq!(
            envelope(data, metadata).to_compact_text(),
            r#"{"Data":{"myqueueItem":"\"HelloWorld\""},"Metadata":{"dequeueCount":"4","VisibleTime":"2019-10-01T00:00:00","VisibleTimeOffset":"2019-10-01T00:00:00+00:00","helloString":"\"helloMetadata\""}}"#
        );
    }

    #[test]
    fn every_kind_of_value_has_its_form_on_the_wire() {
        let check = |value: WireValue, expected: &str| assert_eq!(value.encode().to_compact_text(), expected);
        check(WireValue::text("hello"), r#""\"hello\"""#);
        check(WireValue::Json(Json::from(4)), r#""4""#);
        check(WireValue::Json(Json::from(true)), r#""true""#);
        check(WireValue::Json(Json::parse(r#"["a","b"]"#).unwrap()), r#""[\"a\",\"b\"]""#);
        check(WireValue::Json(Json::parse(r#"{"b":1,"a":2}"#).unwrap()), r#"{"b":1,"a":2}"#);
        check(WireValue::Bytes(b"{\"message\"".to_vec()), r#""eyJtZXNzYWdlIg==""#);
    }

    #[test]
    fn properties_of_a_json_body_replace_what_the_broker_said() {
        let mut metadata = BindingData::default();
        metadata.set_text("MessageId", Some("broker"));
        metadata.set("DeliveryCount", WireValue::Json(Json::from(1)));
        metadata.overlay_properties_of(
            r#" {"messageid":"x","DeliveryCount":99,"on":true,"list":[1],"none":null,"o":{"a":1},
                "when":"2023-10-12T20:13:49.5Z","later":"2023-10-12T22:13:49+02:00","f":1.0} "#,
        );
        assert_eq!(
            metadata.into_metadata().to_compact_text(),
            r#"{"MessageId":"\"x\"","DeliveryCount":"\"99\"","on":"\"True\"","o":{"a":1},"when":"\"10/12/2023 20:13:49\"","later":"\"10/12/2023 20:13:49\"","f":"\"1\""}"#
        );
    }

    #[test]
    fn bodies_that_are_no_json_objects_leak_nothing() {
        for body in ["", "hello", "[1,2]", "{broken}", "12", "{\"a\":1} x"] {
            let mut metadata = BindingData::default();
            metadata.overlay_properties_of(body);
            assert_eq!(metadata.into_metadata().to_compact_text(), "{}", "{body}");
        }
    }
}
