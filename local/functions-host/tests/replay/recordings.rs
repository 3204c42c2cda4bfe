//! The recordings, where they are at hand.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

/// One recorded file as JSON; `None` where there are no recordings on this machine.
pub(crate) fn recording(file: &str) -> Option<Value> {
    let folder = PathBuf::from(std::env::var_os("LATCHKEY_HOST_RECORDINGS")?);
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(serde_json::from_str(&text).unwrap())
}

/// The cases of a file that holds them by their names: all members but those that describe the whole file.
pub(crate) fn named_cases(file: &Value) -> impl Iterator<Item = (&str, &Value)> {
    file.as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| !name.starts_with('_'))
        .map(|(name, case)| (name.as_str(), case))
}

/// What the recording handler did at one request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    pub(crate) status: Option<u16>,
    pub(crate) headers: Option<Vec<(String, String)>>,
    pub(crate) body: Option<String>,
    pub(crate) body_b64: Option<String>,
    pub(crate) body_size: Option<usize>,
    /// The whole answer, instead of the members before.
    pub(crate) raw: Option<String>,
    /// The whole answer in pieces, each with the seconds to wait after it.
    pub(crate) pieces: Option<Vec<(String, f64)>>,
    /// Seconds before the answer.
    pub(crate) delay: Option<f64>,
    /// Closes the connection instead of answering.
    #[serde(default)]
    pub(crate) close: bool,
    #[serde(default)]
    pub(crate) close_after: bool,
}
