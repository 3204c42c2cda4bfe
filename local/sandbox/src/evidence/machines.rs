//! Snapshots, virtual machines, and whole resource groups.

use super::Evidence::{Documented, OurGuess, Recorded, Reported};
use super::Row;

const LEARN_DISKS: &str = "Microsoft Learn, server-side encryption of Azure managed disks";
const LEARN_SNAPSHOTS: &str = "Microsoft Learn, incremental snapshots of managed disks";
const LEARN_STATES: &str = "Microsoft Learn, states and billing of Azure virtual machines";
const CLI_VM: &str = "azure-cli's recordings, module vm";
const NO_TEXT: &str = "the rules are documented, the texts are not";

pub(super) const MACHINES: &[Row] = &[
    (
        "A snapshot that says nothing of encryption is under its disk's key, and counts as a user of the set",
        Recorded,
        CLI_VM,
        "arm/stores/snapshot.rs",
        "a_snapshot_is_under_its_disks_key_and_counts_as_a_user_of_the_set",
    ),
    (
        "An incremental snapshot binds its disk to the set it has",
        Documented,
        LEARN_SNAPSHOTS,
        "arm/stores/snapshot.rs",
        "an_incremental_snapshot_binds_its_disk_to_the_set",
    ),
    (
        "Codes and words of what is refused of snapshots",
        OurGuess,
        NO_TEXT,
        "arm/stores/snapshot.rs",
        "a_snapshot_is_under_its_disks_key_and_counts_as_a_user_of_the_set",
    ),
    (
        "A running machine pins its disks, a deallocated one frees them",
        Documented,
        LEARN_STATES,
        "arm/virtual_machines/mod.rs",
        "a_machine_pins_its_disks_until_it_is_deallocated",
    ),
    (
        "A machine whose key is disabled stops within about an hour and does not start until the key works again",
        Documented,
        LEARN_DISKS,
        "arm/virtual_machines/power.rs",
        "a_machine_whose_key_is_disabled_stops_after_a_while_and_starts_when_it_is_back",
    ),
    (
        "An expired key leaves a running machine alone and keeps it from starting",
        Reported,
        "Microsoft's staff in a public thread, against the documentation",
        "arm/virtual_machines/power.rs",
        "an_expired_key_leaves_a_running_machine_alone_and_keeps_it_from_starting",
    ),
    (
        "That while counts from when somebody first looks after the loss; the machine is then stopped, not deallocated",
        OurGuess,
        "only the hour is documented",
        "arm/virtual_machines/power.rs",
        "a_machine_whose_key_is_disabled_stops_after_a_while_and_starts_when_it_is_back",
    ),
    (
        "Which disks a machine is refused, in which words, and its size when it names none",
        OurGuess,
        NO_TEXT,
        "arm/virtual_machines/input.rs",
        "a_machine_is_made_of_disks_that_it_may_have",
    ),
    (
        "A group takes everything in it along",
        Documented,
        "Microsoft Learn, delete resource groups and resources",
        "arm/resource_groups.rs",
        "a_group_takes_everything_in_it_along",
    ),
    (
        "A group whose set a disk outside uses is refused at once",
        OurGuess,
        "the service tries, and fails later",
        "arm/resource_groups.rs",
        "a_group_stays_while_a_disk_outside_needs_its_set",
    ),
];
