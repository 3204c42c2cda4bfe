//! What names a disk encryption set for disks that it makes later, and is not among the set's associated resources: images,
//! versions of images in a gallery, and scale sets.
//!
//! Places of the names: Microsoft Learn, the REST references of images, gallery image versions and virtual machine scale
//! sets. Whoever looks for a name in one place only overlooks the data disks, or a region.

use azure_ids::ArmId;
use serde_json::Value;

/// A managed image.
pub const IMAGES: &str = "Microsoft.Compute/images";
/// A version of an image in a gallery.
pub const GALLERY_VERSIONS: &str = "Microsoft.Compute/galleries/images/versions";
/// A scale set of virtual machines.
pub const SCALE_SETS: &str = "Microsoft.Compute/virtualMachineScaleSets";

/// The version of the API with which this is read; none for a type that names no sets.
pub(super) fn api_version(id: &ArmId) -> Option<&'static str> {
    if id.is_of_type(IMAGES) || id.is_of_type(SCALE_SETS) {
        Some("2024-07-01")
    } else {
        id.is_of_type(GALLERY_VERSIONS).then_some("2024-03-03")
    }
}

/// The sets that it names, in whatever place: `diskEncryptionSet.id` and `diskEncryptionSetId`.
pub(super) fn of(resource: &Value) -> Vec<ArmId> {
    let mut found = vec![];
    collect(resource, &mut found);
    found
}

fn collect(value: &Value, found: &mut Vec<ArmId>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let id = match name.as_str() {
                    "diskEncryptionSet" => value["id"].as_str(),
                    "diskEncryptionSetId" => value.as_str(),
                    _ => None,
                };
                match id.and_then(|id| id.parse().ok()) {
                    Some(id) => found.push(id),
                    None => collect(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BELOW: &str = "/subscriptions/0a1b2c3d-1111-2222-3333-444455556666/resourceGroups/rg1/providers";

    fn set(name: &str) -> String {
        format!("{BELOW}/Microsoft.Compute/diskEncryptionSets/{name}")
    }

    #[test]
    fn sets_are_found_in_images_in_versions_of_every_region_and_in_scale_sets() {
        let image = json!({"properties": {"storageProfile": {
            "osDisk": {"diskEncryptionSet": {"id": set("a")}},
            "dataDisks": [{"lun": 0, "diskEncryptionSet": {"id": set("b")}}]}}});
        let version = json!({"properties": {"publishingProfile": {"targetRegions": [
            {"name": "East US", "encryption": {"osDiskImage": {"diskEncryptionSetId": set("a")}}},
            {"name": "West US", "encryption": {"dataDiskImages": [{"lun": 1, "diskEncryptionSetId": set("b")}]}}]}}});
        let scale_set = json!({"properties": {"virtualMachineProfile": {"storageProfile": {
            "osDisk": {"managedDisk": {"diskEncryptionSet": {"id": set("a")}}},
            "dataDisks": [{"managedDisk": {"diskEncryptionSet": {"id": set("b")}}}]}}}});
        for resource in [image, version, scale_set] {
            let mut names: Vec<String> = of(&resource).iter().map(|set| set.name().to_owned()).collect();
            names.sort();
            assert_eq!(names, ["a", "b"], "{resource}");
        }
        assert_eq!(of(&json!({"properties": {"diskEncryptionSetId": null, "osDisk": {}}})), []);
    }

    #[test]
    fn only_what_names_sets_is_read() {
        let read = |rest: &str| api_version(&format!("{BELOW}/{rest}").parse().unwrap()).is_some();
        assert!(read("Microsoft.Compute/images/i") && read("microsoft.compute/VIRTUALMACHINESCALESETS/v"));
        assert!(read("Microsoft.Compute/galleries/g/images/i/versions/1.0.0"));
        assert!(!read("Microsoft.Compute/galleries/g/images/i") && !read("Microsoft.Compute/disks/d"));
    }
}
