//! `local.settings.json`: the app settings of a developer's machine.
//!
//! Microsoft Learn, "Code and test Azure Functions locally", "Local settings file". It is Core Tools that read it;
//! the host itself knows only the environment that they make of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::json::{Json, JsonError};

/// Why a `local.settings.json` cannot be used. Values are secrets and not shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalSettingsError {
    /// It cannot be read.
    #[error("cannot read '{path}'")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// It is not JSON.
    #[error("cannot parse '{path}'")]
    NotJson {
        /// The file.
        path: PathBuf,
        /// Line and column of the problem.
        source: JsonError,
    },
    /// `IsEncrypted` is true.
    #[error("'{0}' is encrypted; `func settings decrypt` makes it readable")]
    Encrypted(PathBuf),
    /// A value that is not a text, a number or true or false.
    #[error("the value of '{name}' in '{path}' is not a text")]
    NotText {
        /// The file.
        path: PathBuf,
        /// The setting.
        name: String,
    },
}

/// The `Values` of `{script_root}/local.settings.json`; none where there is no such file.
///
/// # Errors
///
/// See [`LocalSettingsError`].
pub fn local_settings(script_root: &Path) -> Result<BTreeMap<String, String>, LocalSettingsError> {
    let path = script_root.join("local.settings.json");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(source) => return Err(LocalSettingsError::Unreadable { path, source }),
    };
    let json = Json::parse_file(&text)
        .map_err(|source| LocalSettingsError::NotJson { path: path.clone(), source })?;
    if json.member("IsEncrypted") == Some(&Json::Bool(true)) {
        return Err(LocalSettingsError::Encrypted(path));
    }
    let Some(Json::Object(values)) = json.member("Values") else { return Ok(BTreeMap::new()) };
    let text = |(name, value): &(String, Json)| match value.to_dotnet_string() {
        Some(text) => Ok((name.clone(), text)),
        None => Err(LocalSettingsError::NotText { path: path.clone(), name: name.clone() }),
    };
    values.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<BTreeMap<String, String>, LocalSettingsError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("local.settings.json"), text).unwrap();
        local_settings(folder.path())
    }

    #[test]
    fn values_become_settings() {
        let found = read(r#"{"IsEncrypted":false,"Values":{"A":"x","N":3,/* no */"B":true}}"#).unwrap();
        let expected = [("A", "x"), ("B", "True"), ("N", "3")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert!(local_settings(tempfile::tempdir().unwrap().path()).unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_its_values() {
        let check = |text: &str, expected: &str| {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("secret"), "{error}");
        };
        check("{", "cannot parse");
        check(r#"{"IsEncrypted":true,"Values":{}}"#, "is encrypted");
        check(r#"{"Values":{"A":["secret"]}}"#, "'A'");
    }
}
