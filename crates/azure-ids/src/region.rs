//! An Azure region, in the one spelling in which two of them can be compared.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An Azure region by its programmatic name, such as `westeurope`.
///
/// ARM accepts and returns display names too (`West Europe`); both parse to the same region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(String);

/// The text cannot name an Azure region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an Azure region such as westeurope")]
pub struct RegionError;

impl FromStr for Region {
    type Err = RegionError;

    fn from_str(text: &str) -> Result<Self, RegionError> {
        let name: String = text.chars().filter(|c| *c != ' ').map(|c| c.to_ascii_lowercase()).collect();
        let valid = (3..=40).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if valid { Ok(Self(name)) } else { Err(RegionError) }
    }
}

impl Region {
    /// The programmatic name, lower case and without blanks.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Region {
    type Error = RegionError;

    fn try_from(text: String) -> Result<Self, RegionError> {
        text.parse()
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_display_name_and_a_programmatic_name_are_one_region() {
        assert_eq!("West Europe".parse::<Region>().unwrap(), "westeurope".parse::<Region>().unwrap());
        for bad in ["", "  ", "eu", "west/europe", "west\u{0435}urope"] {
            assert_eq!(bad.parse::<Region>(), Err(RegionError), "{bad}");
        }
    }
}
