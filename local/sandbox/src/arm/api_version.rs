//! Which `api-version` each resource type takes.
//!
//! Azure demands the parameter on every request. Clients of different ages send different versions, so every type
//! takes a range; the disk types take exactly the versions that their provider has published.

use std::sync::LazyLock;

use super::error::ArmError;

/// The versions of Microsoft.Compute's disk provider, as published in Azure's REST API descriptions.
pub(super) static DISK_VERSIONS: LazyLock<Vec<String>> = LazyLock::new(|| {
    serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/data/disk_api_versions.json")))
        .expect("the versions are compiled in, and the tests of this module read them")
});

/// How the versions of a type are known.
#[derive(Debug, Clone, Copy)]
pub(super) enum Versions {
    /// Any date from this one on, previews included.
    Since(&'static str),
    /// The disk provider's own list.
    Disks,
}

/// Refuses a version that there is not.
pub(super) fn check(given: Option<&str>, versions: Versions, resource_type: &str) -> Result<(), ArmError> {
    let Some(given) = given.filter(|given| !given.is_empty()) else {
        return Err(ArmError::bad_request(
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        ));
    };
    let accepted = match versions {
        Versions::Since(first) => is_date(given) && given >= first,
        Versions::Disks => DISK_VERSIONS.iter().any(|version| version == given),
    };
    if accepted {
        return Ok(());
    }
    let supported = match versions {
        Versions::Since(first) => format!("{first} and later"),
        Versions::Disks => DISK_VERSIONS.join(", "),
    };
    Err(ArmError::bad_request(
        "NoRegisteredProviderFound",
        format!(
            "No registered resource provider found for API version '{given}' for type '{resource_type}'. The supported \
             api-versions are '{supported}'."
        ),
    ))
}

/// `2024-03-01`, with or without `-preview`.
fn is_date(text: &str) -> bool {
    let date = text.strip_suffix("-preview").unwrap_or(text);
    date.len() == 10
        && date.char_indices().all(|(at, letter)| match at {
            4 | 7 => letter == '-',
            _ => letter.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_demanded_and_checked() {
        let since = Versions::Since("2018-11-30");
        let table = [
            (None, since, Err("MissingApiVersionParameter")),
            (Some(""), since, Err("MissingApiVersionParameter")),
            (Some("2018-11-30"), since, Ok(())),
            (Some("2025-05-31-preview"), since, Ok(())),
            (Some("2017-01-01"), since, Err("NoRegisteredProviderFound")),
            (Some("latest"), since, Err("NoRegisteredProviderFound")),
            (Some("2024-13"), since, Err("NoRegisteredProviderFound")),
            (Some("2021-12-01"), Versions::Disks, Ok(())),
            (Some("2026-03-02"), Versions::Disks, Ok(())),
            (Some("2024-07-01"), Versions::Disks, Err("NoRegisteredProviderFound")),
        ];
        for (given, versions, expected) in table {
            let given = given.map(str::to_owned);
            let found = check(given.as_deref(), versions, "t").map_err(|error| error.code);
            assert_eq!(found, expected, "{given:?} {versions:?}");
        }
    }
}
