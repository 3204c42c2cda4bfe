//! Texts that Newtonsoft.Json takes for dates: it makes a `DateTime` of them, and that is another text later on.

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// A .NET `DateTime`. This host's zone is UTC, as that of Azure's Linux hosts is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Date {
    instant: OffsetDateTime,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Utc,
    /// It had an offset, and was turned into the zone of the host.
    Local,
    Unspecified,
}

impl Date {
    /// An ISO 8601 instant, or the form that Microsoft's older serialisers wrote, `/Date(0)/`.
    pub(crate) fn of(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")) {
            let nanoseconds = i128::from(inner.parse::<i64>().ok()?) * 1_000_000;
            let instant = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok()?;
            return Some(Self { instant, kind: Kind::Utc });
        }
        if text.as_bytes().get(10) != Some(&b'T') {
            return None;
        }
        let has_offset = text.get(19..)?.contains(['+', '-']);
        let kind = match text.ends_with('Z') {
            true => Kind::Utc,
            false if has_offset => Kind::Local,
            false => Kind::Unspecified,
        };
        let zoned = if kind == Kind::Unspecified { format!("{text}Z") } else { text.to_owned() };
        let instant = OffsetDateTime::parse(&zoned, &Rfc3339).ok()?.checked_to_offset(UtcOffset::UTC)?;
        // Outside of these years there is no `DateTime`.
        (1..=9999).contains(&instant.year()).then_some(Self { instant, kind })
    }

    /// As .NET's invariant culture writes it: `10/12/2023 20:13:49`.
    pub(crate) fn to_dotnet(&self) -> String {
        let (date, time) = (self.instant.date(), self.instant.time());
        format!(
            "{:02}/{:02}/{:04} {:02}:{:02}:{:02}",
            u8::from(date.month()),
            date.day(),
            date.year(),
            time.hour(),
            time.minute(),
            time.second()
        )
    }

    /// As it stands in JSON: without zeros at the end of its fraction.
    pub(crate) fn to_json(&self) -> String {
        let utc = crate::clock::utc_text(self.instant);
        let naive = utc.trim_end_matches('Z');
        match self.kind {
            Kind::Utc => utc,
            Kind::Local => format!("{naive}+00:00"),
            Kind::Unspecified => naive.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_instants_that_dotnet_has_are_dates() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let written = Date::of(text).map(|date| (date.to_dotnet(), date.to_json()));
            let written = written.as_ref().map(|(dotnet, json)| (dotnet.as_str(), json.as_str()));
            assert_eq!(written, expected, "{text}");
        };
        check("2023-10-12T20:13:49", Some(("10/12/2023 20:13:49", "2023-10-12T20:13:49")));
        check("2023-10-12T20:13:49.120Z", Some(("10/12/2023 20:13:49", "2023-10-12T20:13:49.12Z")));
        let local = "2023-10-12T18:13:49.123+00:00";
        check("2023-10-12T20:13:49.123+02:00", Some(("10/12/2023 18:13:49", local)));
        check("/Date(0)/", Some(("01/01/1970 00:00:00", "1970-01-01T00:00:00Z")));
        check("2023-10-12", None);
        check("2023-10-12T20:13", None);
        check("9999-12-31T23:59:59-01:00", None);
        check("0001-01-01T00:00:00+01:00", None);
        check("0000-01-01T00:00:00Z", None);
        // A character that begins before the nineteenth byte and ends behind it.
        check("2023-10-12T20:13:4é.1", None);
        check("漢字漢字漢T漢字漢字", None);
    }
}
