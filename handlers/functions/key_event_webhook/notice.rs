//! What a delivery of Event Grid says, as far as we need it.
//!
//! Microsoft's page and Microsoft's API description spell the data of Key Vault's events differently, and an example has
//! blanks in names and values: names are compared without case and blanks, and a value may be a text, a number or null.

use azure_ids::KeyUrl;
use serde_json::{Map, Value};

/// A code is a GUID; more of it is not sent back.
const LONGEST_CODE: usize = 100;

/// The events of one delivery.
#[derive(Debug)]
pub(super) struct Notices(Vec<Map<String, Value>>);

impl Notices {
    /// Reads a body: an array of events, or one event.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(body);
        let events = match serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()? {
            Value::Array(events) => events,
            event @ Value::Object(_) => vec![event],
            _ => return None,
        };
        let object = |event| match event {
            Value::Object(event) => Some(event),
            _ => None,
        };
        Some(Self(events.into_iter().filter_map(object).collect()))
    }

    /// The code of a handshake.
    pub(super) fn validation_code(&self) -> Option<String> {
        let code = self.0.iter().filter_map(data_of).find_map(|data| text_of(data, "validationCode"))?;
        (code.len() <= LONGEST_CODE).then_some(code)
    }

    /// Whether one of the events is about this key, in whatever version, or about the access to its vault.
    pub(super) fn concern(&self, key: &KeyUrl) -> bool {
        self.0.iter().filter_map(data_of).any(|data| {
            let is = |name, expected: &str| {
                text_of(data, name).is_some_and(|found| found.eq_ignore_ascii_case(expected))
            };
            let names_key = text_of(data, "id")
                .and_then(|id| id.parse::<KeyUrl>().ok())
                .is_some_and(|named| named.is_same_key(key));
            let in_vault = is("vaultName", key.host().vault_name());
            names_key || in_vault && (is("objectName", key.name()) || is("objectType", "Vault"))
        })
    }
}

fn data_of(event: &Map<String, Value>) -> Option<&Map<String, Value>> {
    field(event, "data")?.as_object()
}

fn text_of(object: &Map<String, Value>, name: &str) -> Option<String> {
    match field(object, name)? {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.iter().find(|(found, _)| found.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key() -> KeyUrl {
        "https://sample-kv.vault.azure.net/keys/newkey/ee059b2bb5bc48398a53b168c6cdcb10".parse().unwrap()
    }

    fn concerns(body: &Value) -> bool {
        Notices::read(body.to_string().as_bytes()).unwrap().concern(&key())
    }

    /// The example of Microsoft's page on Key Vault as a source of events, and its stray blanks.
    fn documented() -> Value {
        json!({"id": "00eccf70-95a7-4e7c-8299-2eb17ee9ad64", "subject": "newkey",
            "topic": "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/sample-kv",
            "eventType": "Microsoft.KeyVault.KeyNewVersionCreated", "eventTime": "2019-07-25T01:08:33.1036736Z",
            "data": {"Id": " https://sample-kv.vault.azure.net/keys/newkey/ee059b2bb5bc48398a53b168c6cdcb10",
                "VaultName": "sample-kv", "ObjectType": "Key", "ObjectName ": "newkey",
                "Version": " ee059b2bb5bc48398a53b168c6cdcb10", "NBF": "1559081980", "EXP": "1559082102"},
            "dataVersion": "1", "metadataVersion": "1"})
    }

    #[test]
    fn every_published_form_is_understood() {
        assert!(concerns(&json!([documented()])), "Event Grid's schema");
        assert!(concerns(&documented()), "one event alone");
        let cloud = json!({"specversion": "1.0", "type": "t", "source": "s", "id": "i", "time": "t",
            "data": {"id": null, "vaultName": "SAMPLE-KV", "objectType": "Key", "objectName": "NewKey", "nbf": 1,
                "exp": null}});
        assert!(concerns(&cloud), "CloudEvents, spelled as in the API description");
        assert!(concerns(&json!([{"data": {}}, 7, {"id": "no data"}, cloud])), "a batch");
        let access =
            json!({"data": {"VaultName": "sample-kv", "ObjectType": "Vault", "ObjectName": "sample-kv"}});
        assert!(concerns(&access), "access to the vault");
        let marked = format!("\u{feff}{}", documented());
        assert!(Notices::read(marked.as_bytes()).unwrap().concern(&key()), "a byte order mark");
    }

    #[test]
    fn another_key_and_another_vault_do_not_concern_it() {
        for data in [
            json!({"VaultName": "sample-kv", "ObjectType": "Key", "ObjectName": "other"}),
            json!({"VaultName": "other-kv", "ObjectType": "Key", "ObjectName": "newkey"}),
            json!({"Id": "https://other-kv.vault.azure.net/keys/newkey"}),
            json!({"VaultName": ["sample-kv"], "ObjectName": {"newkey": 1}}),
            json!("newkey"),
        ] {
            assert!(!concerns(&json!([{"data": data}])), "{data}");
        }
        assert!(!concerns(&json!([])));
    }

    #[test]
    fn what_is_no_event_is_not_read() {
        for body in ["", "newkey", "7", "null", "[", "\"\u{0}\""] {
            assert!(Notices::read(body.as_bytes()).is_none(), "{body}");
        }
        let deep = "[".repeat(60_000);
        assert!(Notices::read(deep.as_bytes()).is_none(), "without using up the stack");
    }

    #[test]
    fn a_code_is_found_and_is_short() {
        let code = |code: &str| {
            let body = json!([{"data": {"validationCode": code, "validationUrl": "https://rp.example/"}}]);
            Notices::read(body.to_string().as_bytes()).unwrap().validation_code()
        };
        assert_eq!(code("512d38b6").as_deref(), Some("512d38b6"));
        assert_eq!(code(&"5".repeat(101)), None);
    }
}
