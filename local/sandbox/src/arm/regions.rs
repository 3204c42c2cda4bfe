//! The names of Azure's public regions, and how two spellings of one are compared.

use super::error::ArmError;

/// Microsoft Learn, "List of Azure regions", programmatic names of the public cloud.
const REGIONS: &[&str] = &[
    "australiacentral",
    "australiacentral2",
    "australiaeast",
    "australiasoutheast",
    "austriaeast",
    "belgiumcentral",
    "brazilsouth",
    "brazilsoutheast",
    "canadacentral",
    "canadaeast",
    "centralindia",
    "centralus",
    "centraluseuap",
    "chilecentral",
    "eastasia",
    "eastus",
    "eastus2",
    "eastus2euap",
    "francecentral",
    "francesouth",
    "germanynorth",
    "germanywestcentral",
    "indonesiacentral",
    "israelcentral",
    "italynorth",
    "japaneast",
    "japanwest",
    "jioindiacentral",
    "jioindiawest",
    "koreacentral",
    "koreasouth",
    "malaysiawest",
    "mexicocentral",
    "newzealandnorth",
    "northcentralus",
    "northeurope",
    "norwayeast",
    "norwaywest",
    "polandcentral",
    "qatarcentral",
    "southafricanorth",
    "southafricawest",
    "southcentralus",
    "southeastasia",
    "southindia",
    "spaincentral",
    "swedencentral",
    "swedensouth",
    "switzerlandnorth",
    "switzerlandwest",
    "uaecentral",
    "uaenorth",
    "uksouth",
    "ukwest",
    "westcentralus",
    "westeurope",
    "westindia",
    "westus",
    "westus2",
    "westus3",
];

/// The programmatic form: `West Europe` and `westeurope` are one region.
pub(super) fn normalised(region: &str) -> String {
    region.chars().filter(|letter| !letter.is_whitespace()).collect::<String>().to_ascii_lowercase()
}

/// Whether both spellings name one region.
pub(super) fn same(left: &str, right: &str) -> bool {
    normalised(left) == normalised(right)
}

/// Refuses a missing or unknown region for a resource of this type.
pub(super) fn check(location: Option<&str>, resource_type: &str) -> Result<String, ArmError> {
    let Some(location) = location.filter(|location| !location.trim().is_empty()) else {
        return Err(ArmError::bad_request(
            "LocationRequired",
            "The location property is required for this definition.",
        ));
    };
    if REGIONS.contains(&normalised(location).as_str()) {
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
