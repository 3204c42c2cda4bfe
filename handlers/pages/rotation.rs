//! The version in use, and how far a new one has come: for people and for programs, the same facts.

use azure_ids::KeyUrl;
use maud::{Markup, html};
use onboarding::{Onboarding, finding::Finding, rotation::Rotation};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};

/// The version in use: which, how old, until when.
pub(crate) fn version_in_use(onboarding: &Onboarding, now: OffsetDateTime) -> Value {
    onboarding.key().map_or(Value::Null, |key| {
        json!({
            "version": key.version.version(),
            "created": key.created.and_then(text_of),
            "ageDays": key.created.map(|created| (now - created).whole_days()),
            "expires": key.expires.and_then(text_of),
        })
    })
}

/// The rotation that was seen last; `null`: none was.
pub(crate) fn json(onboarding: &Onboarding) -> Value {
    of_one_key(onboarding).map_or(Value::Null, |rotation| {
        let Rotation { from, to, made_at, seen_at, taken_over_at, over_at } = rotation;
        json!({
            "from": versions(from),
            "to": version_of(to),
            "madeAt": made_at.and_then(text_of),
            "seenAt": text_of(*seen_at),
            "takenOverAt": taken_over_at.and_then(text_of),
            "overAt": over_at.and_then(text_of),
            "lagSeconds": rotation.lag().map(|lag| lag.as_secs()),
        })
    })
}

/// The rotation, unless it is the change to another key.
fn of_one_key(onboarding: &Onboarding) -> Option<&Rotation> {
    onboarding.rotation().filter(|rotation| rotation.other_keys().next().is_none())
}

/// What the customer may do with which version.
pub(crate) fn section(onboarding: &Onboarding) -> Markup {
    let Some(rotation) = of_one_key(onboarding) else { return html! {} };
    let (from, to) = (versions(&rotation.from), version_of(&rotation.to));
    let all = || from.iter().copied().chain([to]);
    html! {
        h2 { "Key rotation" }
        @match (rotation.taken_over_at, rotation.over_at) {
            (None, _) => {
                p { "Your key has a new version, " (to) ". Azure starts to use it without further action, normally within an hour." }
                p { "Until this page says that an older version is no longer needed, keep all of these versions enabled:" }
                (list(all()))
            }
            (Some(since), None) => {
                p {
                    "Azure changed the disk encryption set to version " (to) " of your key (" (moment(since))
                    "). It can take an hour until all disks use it."
                }
                p { "Until this page says that an older version is no longer needed, keep all of these versions enabled:" }
                (list(all()))
            }
            (Some(since), Some(_)) => {
                p { "All disks use version " (to) " of your key. Azure changed to it on " (moment(since)) "." }
                p { "The disks no longer need these versions. You can disable them:" }
                (list(from.iter().copied()))
            }
        }
    }
}

/// That the key in use expires soon, once a reminder of it was due.
pub(crate) fn reminder(onboarding: &Onboarding) -> Option<Finding> {
    let (key, reminder) = (onboarding.key()?, onboarding.reminder()?);
    Some(Finding::KeyExpires { key: key.version.clone(), at: reminder.expires })
}

fn list<'a>(versions: impl Iterator<Item = &'a str>) -> Markup {
    html! { ul { @for version in versions { li { (version) } } } }
}

fn versions(keys: &[KeyUrl]) -> Vec<&str> {
    keys.iter().map(version_of).collect()
}

fn version_of(key: &KeyUrl) -> &str {
    key.version().unwrap_or_default()
}

fn text_of(at: OffsetDateTime) -> Option<String> {
    at.format(&Rfc3339).ok()
}

fn moment(at: OffsetDateTime) -> String {
    let utc = at.to_offset(time::UtcOffset::UTC);
    utc.format(format_description!("[year]-[month]-[day] [hour]:[minute] UTC")).unwrap_or_default()
}
