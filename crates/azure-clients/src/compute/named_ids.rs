//! What names other resources and is not among a set's associated resources: images, versions of images in a gallery, and
//! scale sets. They name the sets for disks that they make later, and what they were made from.
//!
//! Places of the names: Microsoft Learn, the REST references of images, gallery image versions and virtual machine scale
//! sets. Whoever looks for a name in one place only overlooks the data disks, or a region; so every name counts.

use azure_ids::ArmId;
use serde_json::Value;

/// A managed image.
pub const IMAGES: &str = "Microsoft.Compute/images";
/// A version of an image in a gallery.
pub const GALLERY_VERSIONS: &str = "Microsoft.Compute/galleries/images/versions";
/// A scale set of virtual machines.
pub const SCALE_SETS: &str = "Microsoft.Compute/virtualMachineScaleSets";

/// The version of the API with which this is read; none for a type that is not one of these.
pub(super) fn api_version(id: &ArmId) -> Option<&'static str> {
    if id.is_of_type(IMAGES) || id.is_of_type(SCALE_SETS) {
        Some("2024-07-01")
    } else {
        id.is_of_type(GALLERY_VERSIONS).then_some("2024-03-03")
    }
}

/// The resources that it names, in whatever place, its own id included.
pub(super) fn of(resource: &Value) -> Vec<ArmId> {
    let mut found = vec![];
    collect(resource, &mut found);
    found
}

fn collect(value: &Value, found: &mut Vec<ArmId>) {
    match value {
        Value::Object(fields) => fields.values().for_each(|value| collect(value, found)),
        Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        Value::String(text) => found.extend(text.parse::<ArmId>()),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
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
    }

    #[test]
    fn what_images_and_versions_were_made_from_is_found() {
        let from = |kind: &str, name: &str| format!("{BELOW}/Microsoft.Compute/{kind}/{name}");
        let image = json!({"id": from("images", "i"), "properties": {"storageProfile": {
            "osDisk": {"osType": "Linux", "managedDisk": {"id": from("disks", "d")}},
            "dataDisks": [{"lun": 0, "snapshot": {"id": from("snapshots", "s")}}]},
            "sourceVirtualMachine": {"id": from("virtualMachines", "m")}}});
        let version = json!({"properties": {"storageProfile": {
            "source": {"id": from("images", "i")},
            "osDiskImage": {"hostCaching": "ReadOnly", "source": {"id": from("snapshots", "s")}}}}});
        let names = |resource| -> Vec<String> {
            let mut names: Vec<String> = of(resource).iter().map(|id| id.name().to_owned()).collect();
            names.sort();
            names
        };
        assert_eq!(
            (names(&image), names(&version)),
            (
                vec!["d", "i", "m", "s"].into_iter().map(str::to_owned).collect(),
                vec!["i".to_owned(), "s".to_owned()]
            )
        );
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
