//! What the monitor of a schedule knows, and where it is kept.
//!
//! azure-webjobs-sdk-extensions, `ScheduleMonitor.cs`, `StorageScheduleMonitor.cs`: the real host keeps one blob a function;
//! this one keeps one file for all, in the same form.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::datetime;

use crate::clock;
use crate::json::Json;

/// .NET's default `DateTime`: it stands for what has not happened.
pub(super) const NEVER: OffsetDateTime = datetime!(0001-01-01 00:00 UTC);

/// The status of one schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Status {
    /// When the function ran last.
    pub(super) last: OffsetDateTime,
    /// The occurrence that it runs for next.
    pub(super) next: OffsetDateTime,
    pub(super) last_updated: OffsetDateTime,
}

impl Status {
    pub(super) fn to_json(self) -> Json {
        let text = |instant| Json::from(format!("{}+00:00", clock::utc_text(instant).trim_end_matches('Z')));
        Json::object([
            ("Last", text(self.last)),
            ("Next", text(self.next)),
            ("LastUpdated", text(self.last_updated)),
        ])
    }

    fn of_json(json: &Json) -> Option<Self> {
        let instant = |name| OffsetDateTime::parse(json.member(name)?.as_str()?, &Rfc3339).ok();
        Some(Self { last: instant("Last")?, next: instant("Next")?, last_updated: instant("LastUpdated")? })
    }
}

/// The status of all schedules of a host, by the names of their functions. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Statuses {
    known: Arc<Mutex<BTreeMap<String, Status>>>,
    file: Option<PathBuf>,
}

impl Statuses {
    /// Those of a file; none yet where it does not exist. Without a file they last as long as the host.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or holds something else.
    pub(crate) fn read(file: Option<PathBuf>) -> io::Result<Self> {
        let Some(path) = &file else { return Ok(Self::default()) };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => "{}".to_owned(),
            Err(error) => return Err(error),
        };
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, "it does not hold the status of timers");
        let Ok(Json::Object(members)) = Json::parse(&text) else { return Err(wrong()) };
        let status = |(name, json): (String, Json)| Some((name, Status::of_json(&json)?));
        let known = members.into_iter().map(status).collect::<Option<_>>().ok_or_else(wrong)?;
        Ok(Self { known: Arc::new(Mutex::new(known)), file })
    }

    pub(super) fn of(&self, function: &str) -> Option<Status> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(function).copied()
    }

    /// Notes a status, and writes all of them down.
    pub(super) fn set(&self, function: &str, status: Status) -> io::Result<()> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(function.to_owned(), status);
        let Some(path) = &self.file else { return Ok(()) };
        let all = Json::object(known.iter().map(|(name, status)| (name.clone(), status.to_json())));
        // Whole or not at all, whenever the host ends.
        let new = path.with_extension("new");
        std::fs::write(&new, all.to_indented_text())?;
        std::fs::rename(&new, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("timers.json");
        let status = Status {
            last: NEVER,
            next: datetime!(2026-11-29 21:08 UTC),
            last_updated: datetime!(2026-11-29 21:07:14.5 UTC),
        };
        Statuses::read(Some(file.clone())).unwrap().set("sweep", status).unwrap();
        assert_eq!(Statuses::read(Some(file.clone())).unwrap().of("sweep"), Some(status));
        std::fs::write(&file, "[]").unwrap();
        assert!(Statuses::read(Some(file)).is_err());
    }
}
