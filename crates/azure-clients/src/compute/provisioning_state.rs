//! How a change of a resource goes.

use serde::Deserialize;

/// How far the last change of a resource has come.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "String")]
pub enum ProvisioningState {
    /// Under way.
    Updating,
    /// Done.
    Succeeded,
    /// Failed: the resource may be half of what it should be.
    Failed,
    /// A state that we do not know, as Azure spells it.
    Other(String),
    /// The resource does not say.
    #[default]
    Unknown,
}

impl From<String> for ProvisioningState {
    fn from(text: String) -> Self {
        match text.as_str() {
            "Updating" | "Creating" => Self::Updating,
            "Succeeded" => Self::Succeeded,
            "Failed" => Self::Failed,
            "" => Self::Unknown,
            _ => Self::Other(text),
        }
    }
}
