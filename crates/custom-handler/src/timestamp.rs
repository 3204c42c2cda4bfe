//! Timestamps as the Functions host writes them: with an offset, with `Z`, or without a zone, which then means UTC.
//!
//! Source: azure-functions-host, `ScriptInvocationContextExtensions.cs` (a `DateTime` loses its fraction and its zone
//! on the way); the .NET `DateTime.MinValue` stands for "never".

use serde::{Deserialize as _, Deserializer};
use serde_json::Value;
use time::{
    OffsetDateTime, PrimitiveDateTime,
    format_description::well_known::{Iso8601, Rfc3339},
};

use crate::wire;

/// The instant that a text means; `None` if it means none.
pub(crate) fn parse(text: &str) -> Option<OffsetDateTime> {
    let text = text.trim();
    let moment = OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| PrimitiveDateTime::parse(text, &Iso8601::DEFAULT).map(PrimitiveDateTime::assume_utc))
        .ok()?;
    (moment.year() > 1).then_some(moment)
}

/// The instant in a value of the wire.
pub(crate) fn read(value: &Value) -> Option<OffsetDateTime> {
    parse(&wire::text(value)?)
}

/// For fields: absent, null, "never" and anything that is not a date are all `None`.
pub(crate) fn lenient<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<OffsetDateTime>, D::Error> {
    Ok(Option::<Value>::deserialize(deserializer)?.as_ref().and_then(read))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn dates_are_read_with_and_without_a_zone() {
        let expected = datetime!(2023-10-12 20:13:49 UTC);
        for text in [
            "2023-10-12T20:13:49",
            "2023-10-12T20:13:49Z",
            "2023-10-12T20:13:49+00:00",
            "2023-10-12T22:13:49+02:00",
            "\"2023-10-12T20:13:49Z\"",
        ] {
            assert_eq!(read(&json!(text)), Some(expected), "{text}");
        }
        assert_eq!(parse("2023-10-12T20:13:49.640002"), Some(datetime!(2023-10-12 20:13:49.640002 UTC)));
        assert_eq!(parse("9999-12-31T23:59:59+00:00"), Some(datetime!(9999-12-31 23:59:59 UTC)));
        for never in ["0001-01-01T00:00:00", "0001-01-01T00:00:00+00:00", "", "soon", "2023-10-12"] {
            assert_eq!(parse(never), None, "{never}");
        }
    }
}
