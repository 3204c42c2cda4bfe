//! What a webhook's body says, as far as we need it.
//!
//! Everything else in it is skipped without a look, and what we use may be missing or of another type: none of that
//! makes the marketplace's word less true. Two publishers reported ids of the form `org:GUID,GUID`, which cannot be asked
//! for as operations (MicrosoftDocs/azure-docs, 40907 and 47736).

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use uuid::Uuid;

/// What we need of the payload. Of 2022's forms one names the action `operationType` and has no `id`.
#[derive(Debug, Default)]
pub(super) struct Notice {
    id: String,
    subscription_id: String,
    action: String,
    operation_type: String,
    time_stamp: String,
    /// The id of the subscription that the payload holds.
    inside: String,
}

impl Notice {
    /// Reads a body, if it is a JSON object.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(body);
        serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()
    }

    /// The subscription that it is about, if it names one.
    pub(super) fn subscription(&self) -> Option<Uuid> {
        guid(&self.subscription_id).or_else(|| guid(&self.inside))
    }

    /// The operation that the marketplace can be asked for.
    pub(super) fn operation(&self) -> Option<Uuid> {
        guid(&self.id)
    }

    /// What happened, as the marketplace names it; empty when it does not.
    pub(super) fn action(&self) -> String {
        let action = if self.action.is_empty() { &self.operation_type } else { &self.action };
        action.chars().take(64).collect()
    }

    /// The marketplace repeats a webhook up to 500 times within 8 hours: the same operation is the same event. Whether
    /// an id that names no operation comes only once is not known, so there everything together is the identity.
    pub(super) fn identity(&self) -> String {
        match (self.operation(), self.subscription()) {
            (Some(operation), _) => operation.to_string(),
            (None, subscription) => {
                let subscription = subscription.unwrap_or_default();
                format!("{subscription}\n{}\n{}\n{}", self.id, self.action(), self.time_stamp)
            }
        }
    }
}

fn guid(text: &str) -> Option<Uuid> {
    Uuid::parse_str(text.trim()).ok().filter(|id| !id.is_nil())
}

impl<'de> Deserialize<'de> for Notice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Body;
        impl<'de> Visitor<'de> for Body {
            type Value = Notice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Notice, A::Error> {
                let mut notice = Notice::default();
                while let Some(name) = map.next_key::<String>()? {
                    match name.as_str() {
                        "id" => notice.id = map.next_value::<Loose>()?.text,
                        "subscriptionId" => notice.subscription_id = map.next_value::<Loose>()?.text,
                        "action" => notice.action = map.next_value::<Loose>()?.text,
                        "operationType" => notice.operation_type = map.next_value::<Loose>()?.text,
                        "timeStamp" => notice.time_stamp = map.next_value::<Loose>()?.text,
                        "subscription" => notice.inside = map.next_value::<Loose>()?.id,
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(notice)
            }
        }
        deserializer.deserialize_map(Body)
    }
}

/// Any value: a text or a number as text, an object by its `id`, and nothing of everything else.
#[derive(Default)]
struct Loose {
    text: String,
    id: String,
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Loose;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
                Ok(Loose { text: text.to_owned(), ..Loose::default() })
            }

            fn visit_u64<E>(self, number: u64) -> Result<Loose, E> {
                Ok(Loose { text: number.to_string(), ..Loose::default() })
            }

            fn visit_i64<E>(self, number: i64) -> Result<Loose, E> {
                Ok(Loose { text: number.to_string(), ..Loose::default() })
            }

            fn visit_f64<E>(self, number: f64) -> Result<Loose, E> {
                Ok(Loose { text: number.to_string(), ..Loose::default() })
            }

            fn visit_bool<E>(self, _: bool) -> Result<Loose, E> {
                Ok(Loose::default())
            }

            fn visit_unit<E>(self) -> Result<Loose, E> {
                Ok(Loose::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Loose, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Loose::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
                let mut found = Loose::default();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "id" {
                        found.id = map.next_value::<Loose>()?.text;
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(found)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
#[path = "notice_tests.rs"]
mod tests;
