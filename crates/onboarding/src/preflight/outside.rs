//! What was made from disks and is not encrypted with them: snapshots, images, versions of images in galleries.

use std::collections::{BTreeMap, BTreeSet};

use azure_ids::ArmId;

/// Of what names its sources, what was made from these disks or virtual machines: at once, or by way of one another, as a
/// version in a gallery is made of an image, and that of a snapshot.
#[must_use]
pub fn made_from(from: &BTreeSet<ArmId>, named: &BTreeMap<ArmId, Vec<ArmId>>) -> BTreeSet<ArmId> {
    let mut made = BTreeSet::new();
    loop {
        let next: Vec<ArmId> = named
            .iter()
            .filter(|(id, _)| !made.contains(*id) && !from.contains(*id))
            .filter(|(_, sources)| {
                sources.iter().any(|source| from.contains(source) || made.contains(source))
            })
            .map(|(id, _)| id.clone())
            .collect();
        if next.is_empty() {
            return made;
        }
        made.extend(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{disk, machine};

    fn id(rest: &str) -> ArmId {
        let below = "/subscriptions/0a1b2c3d-1111-2222-3333-444455556666/resourceGroups/g/providers";
        format!("{below}/Microsoft.Compute/{rest}").parse().unwrap()
    }

    #[test]
    fn copies_of_copies_are_found_and_those_of_other_disks_are_not() {
        let (snapshot, image) = (id("snapshots/s"), id("images/i"));
        let (version, of_machine) = (id("galleries/g/images/i/versions/1.0.0"), id("images/m"));
        let named = BTreeMap::from([
            (version.clone(), vec![image.clone()]),
            (image.clone(), vec![snapshot.clone()]),
            (snapshot.clone(), vec![disk("d1")]),
            (of_machine.clone(), vec![machine("m1")]),
            (id("snapshots/other"), vec![disk("d9")]),
            // Names itself, and nothing else.
            (id("images/itself"), vec![id("images/itself")]),
        ]);
        let from = BTreeSet::from([disk("d1"), machine("m1")]);
        assert_eq!(made_from(&from, &named), BTreeSet::from([snapshot, image, version, of_machine]));
        assert_eq!(made_from(&BTreeSet::new(), &named), BTreeSet::new());
    }
}
