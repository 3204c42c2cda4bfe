//! Regions as requests name them.

use crate::names::regions::{REGIONS, is_region};

use super::error::ArmError;

pub(super) use crate::names::regions::{normalised, same};

/// Refuses a missing or unknown region for a resource of this type.
pub(super) fn check(location: Option<&str>, resource_type: &str) -> Result<String, ArmError> {
    let Some(location) = location.filter(|location| !location.trim().is_empty()) else {
        return Err(ArmError::bad_request(
            "LocationRequired",
            "The location property is required for this definition.",
        ));
    };
    if is_region(location) {
        return Ok(location.to_owned());
    }
    Err(ArmError::bad_request(
        "LocationNotAvailableForResourceType",
        format!(
            "The provided location '{location}' is not available for resource type '{resource_type}'. List of available \
             regions for the resource type is '{}'.",
            REGIONS.join(",")
        ),
    ))
}

/// Refuses to move an existing resource by writing it with another region.
pub(super) fn check_unmoved(existing: &str, given: &str, name: &str, group: &str) -> Result<(), ArmError> {
    if same(existing, given) {
        return Ok(());
    }
    Err(ArmError::conflict(
        "InvalidResourceLocation",
        format!(
            "The resource '{name}' already exists in location '{existing}' in resource group '{group}'. A resource with \
             the same name cannot be created in location '{given}'. Please select a new resource name."
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_and_programmatic_names_are_one() {
        assert!(same("West Europe", "westeurope"));
        assert_eq!(check(Some("East US 2"), "t"), Ok("East US 2".to_owned()));
        assert_eq!(check(Some("narnia"), "t").unwrap_err().code, "LocationNotAvailableForResourceType");
        assert_eq!(check(None, "t").unwrap_err().code, "LocationRequired");
    }
}
