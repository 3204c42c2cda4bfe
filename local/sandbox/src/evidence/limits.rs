//! What is too much.

use super::Evidence::{Documented, OurGuess, Recorded, Specified};
use super::Row;

const COMPUTE: &str = "compute_tells_what_is_left_and_refuses_what_is_too_much_by_region_and_time";
const GATEWAY: &str = "resource_manager_has_a_bucket_for_each_kind_of_call_that_fills_up_again";

pub(super) const LIMITS: &[Row] = &[
    (
        "Compute counts groups of operations by subscription and region in windows of three and thirty minutes, and tells what is left",
        Recorded,
        "azure-cli's recordings, module vm",
        "arm/limits/compute.rs",
        COMPUTE,
    ),
    (
        "What is too much for Compute is 429 with Retry-After and no error around its code",
        Documented,
        "Microsoft Learn, troubleshooting API throttling errors",
        "arm/limits/compute.rs",
        COMPUTE,
    ),
    (
        "Snapshots count as disks, and switching a machine as its update; lists are not counted",
        OurGuess,
        "no recording tells",
        "arm/limits/compute.rs",
        COMPUTE,
    ),
    (
        "The windows begin with their first call, and a restart begins with nothing counted",
        OurGuess,
        "not documented",
        "arm/limits/mod.rs",
        COMPUTE,
    ),
    (
        "Resource Manager has a bucket for each caller and subscription: 250 reads, 25 more a second; 200 writes and deletes, 10 more",
        Documented,
        "Microsoft Learn, understand how Azure Resource Manager throttles requests",
        "arm/limits/gateway.rs",
        GATEWAY,
    ),
    (
        "The words of its refusal, and that it asks to wait for a second",
        OurGuess,
        "the code and the header are documented",
        "arm/limits/gateway.rs",
        GATEWAY,
    ),
    (
        "5,000 disk encryption sets in one region of one subscription",
        Documented,
        "Microsoft Learn, restrictions of customer-managed keys for managed disks",
        "arm/disk_encryption_sets/write.rs",
        "a_region_of_a_subscription_takes_only_so_many_sets",
    ),
    (
        "Lists come in pages with nextLink",
        Specified,
        "Azure REST API descriptions, every list",
        "arm/limits/pages.rs",
        "lists_come_in_pages",
    ),
    (
        "1,000 resources on a page, and the token that leads to the next",
        OurGuess,
        "the services differ and do not say",
        "arm/limits/pages.rs",
        "lists_come_in_pages",
    ),
    (
        "Code and words for one more",
        OurGuess,
        "no text is known",
        "arm/disk_encryption_sets/write.rs",
        "a_region_of_a_subscription_takes_only_so_many_sets",
    ),
];
