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
    /// `Host.LocalHttpPort` is no port.
    #[error("Host.LocalHttpPort in '{0}' is no port")]
    Port(PathBuf),
    /// A value that is not a text, a number or true or false.
    #[error("the value of '{name}' in '{path}' is not a text")]
    NotText {
        /// The file.
        path: PathBuf,
        /// The setting.
        name: String,
    },
}

/// What a `local.settings.json` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalSettings {
    /// `Values`: the app settings.
    pub values: BTreeMap<String, String>,
    /// `Host.LocalHttpPort`: where clients reach the host.
    pub port: Option<u16>,
    /// Members of `Host` that this host does nothing for, as they are written: `CORS`, `CORSCredentials`.
    pub without_effect: Vec<String>,
}

/// What `{script_root}/local.settings.json` says; nothing where there is no such file.
///
/// # Errors
///
/// See [`LocalSettingsError`].
pub fn local_settings(script_root: &Path) -> Result<LocalSettings, LocalSettingsError> {
    let path = script_root.join("local.settings.json");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(LocalSettings::default()),
        Err(source) => return Err(LocalSettingsError::Unreadable { path, source }),
    };
    let json = Json::parse_file(&text)
        .map_err(|source| LocalSettingsError::NotJson { path: path.clone(), source })?;
    if json.member("IsEncrypted") == Some(&Json::Bool(true)) {
        return Err(LocalSettingsError::Encrypted(path));
    }
    let text = |(name, value): &(String, Json)| match value.to_dotnet_string() {
        Some(text) => Ok((name.clone(), text)),
        None => Err(LocalSettingsError::NotText { path: path.clone(), name: name.clone() }),
    };
    let values = match json.member("Values") {
        Some(Json::Object(values)) => values.iter().map(text).collect::<Result<_, _>>()?,
        _ => BTreeMap::new(),
    };
    let host = json.member("Host").unwrap_or(&Json::Null);
    let port = match host.member("LocalHttpPort").and_then(Json::to_dotnet_string) {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| LocalSettingsError::Port(path.clone()))?),
    };
    let is_set = |name: &&str| {
        host.member(name).is_some_and(|value| {
            !matches!(value, Json::Null | Json::Bool(false)) && value.as_str() != Some("")
        })
    };
    let without_effect =
        ["CORS", "CORSCredentials"].iter().filter(|name| is_set(name)).map(ToString::to_string);
    Ok(LocalSettings { values, port, without_effect: without_effect.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<LocalSettings, LocalSettingsError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("local.settings.json"), text).unwrap();
        local_settings(folder.path())
    }

    #[test]
    fn values_become_settings() {
        let text = r#"{"IsEncrypted":false,"Values":{"A":"x","N":3,/* no */"B":true,}, // as people write
            "Host":{"LocalHttpPort":7072,"CORS":"*","CORSCredentials":false},}"#;
        let found = read(text).unwrap();
        let expected = [("A", "x"), ("B", "True"), ("N", "3")];
        assert_eq!((found.port, found.without_effect), (Some(7072), vec!["CORS".to_owned()]));
        assert_eq!(found.values, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert_eq!(local_settings(tempfile::tempdir().unwrap().path()).unwrap(), LocalSettings::default());
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
        check(r#"{"Host":{"LocalHttpPort":"secret"}}"#, "is no port");
    }
}
