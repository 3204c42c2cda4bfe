//! What is in a package: the executable, `host.json`, and a `function.json` for each function of the table.

use anyhow::{Context as _, ensure};
use latchkey_functions::{package, table};
use serde_json::Value;

/// One file of the package.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    /// Whether it is started: everybody may execute it then.
    pub(super) executable: bool,
    pub(super) content: Vec<u8>,
}

/// Every file, sorted by name.
///
/// # Errors
/// When `host.json` names no executable that the package has.
pub(super) fn entries(executable: Vec<u8>) -> anyhow::Result<Vec<Entry>> {
    let host: Value = serde_json::from_str(package::HOST_JSON).context("reading host.json")?;
    let name = host["customHandler"]["description"]["defaultExecutablePath"]
        .as_str()
        .context("host.json names no defaultExecutablePath")?;
    // Relative to the root of the package. The host starts nothing else.
    ensure!(!name.contains(['/', '\\']), "host.json: defaultExecutablePath must be a name, without a folder");
    let mut entries = vec![
        Entry { name: name.to_owned(), executable: true, content: executable },
        text("host.json".to_owned(), package::HOST_JSON.to_owned()),
    ];
    for function in table() {
        ensure!(is_function_name(function.name), "Azure refuses the name of the function {}", function.name);
        entries.push(text(format!("{}/function.json", function.name), package::function_json(function)));
    }
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
}

/// How many functions it has.
pub(super) fn functions(entries: &[Entry]) -> usize {
    entries.iter().filter(|entry| entry.name.ends_with("/function.json")).count()
}

fn text(name: String, content: String) -> Entry {
    Entry { name, executable: false, content: content.into_bytes() }
}

/// The names that the Functions host takes (`Utility.cs`): a letter, then letters, digits, `_` and `-`, at most 128.
fn is_function_name(name: &str) -> bool {
    name.len() <= 128
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '_' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_its_function_json_and_no_settings_are_in_it() {
        let entries = entries(b"program".to_vec()).unwrap();
        assert_eq!(functions(&entries), table().len());
        assert!(entries.iter().all(|entry| !entry.name.contains("settings")), "{entries:?}");
        let started: Vec<_> = entries.iter().filter(|entry| entry.executable).collect();
        assert_eq!(started.len(), 1);
        assert_eq!(started[0].content, b"program");
    }

    #[test]
    fn names_that_the_host_refuses_are_told() {
        assert!(is_function_name("key_shared"));
        for name in ["", "1st", "_x", "a.b", "a/b", "käse", &"a".repeat(129)] {
            assert!(!is_function_name(name), "{name}");
        }
    }
}
