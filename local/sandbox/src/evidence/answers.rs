//! What all answers of Resource Manager have in common, and what is refused of names and source vaults.

use super::Evidence::{Documented, OurGuess, Recorded};
use super::Row;

const POWERSHELL: &str = "azure-powershell's session records, Compute";
const CLI: &str = "azure-cli's recordings, modules vm and role";

pub(super) const ANSWERS: &[Row] = &[
    (
        "Moments have up to seven digits of a second and no zero at the end; the disk provider writes +00:00, others Z",
        Recorded,
        CLI,
        "moments.rs",
        "moments_have_at_most_seven_digits_and_no_zeros_at_the_end",
    ),
    (
        "Every answer has ids of the request, of its route and of its correlation, is not to be cached, and asks for HTTPS",
        Recorded,
        POWERSHELL,
        "arm/stamp.rs",
        "answers_carry_the_headers_and_the_moments_that_recordings_show",
    ),
    (
        "The region that a route's id names",
        OurGuess,
        "the gateway nearest to the client, in recordings",
        "arm/stamp.rs",
        "",
    ),
    (
        "A client's correlation is taken over; its own id is echoed if it asks for that",
        Documented,
        "Microsoft Learn, Azure REST API, common request headers",
        "arm/stamp.rs",
        "a_correlation_is_taken_over_and_a_clients_own_id_is_echoed_on_request",
    ),
    (
        "An empty answer has no content type",
        Recorded,
        CLI,
        "arm/request.rs",
        "answers_carry_the_headers_and_the_moments_that_recordings_show",
    ),
    (
        "A write of a disk says Retry-After: 2",
        Recorded,
        POWERSHELL,
        "arm/outcomes.rs",
        "answers_carry_the_headers_and_the_moments_that_recordings_show",
    ),
    (
        "All other operations say Retry-After: 1",
        OurGuess,
        "no recording has kept it",
        "arm/outcomes.rs",
        "answers_carry_the_headers_and_the_moments_that_recordings_show",
    ),
    (
        "The operations of machines say Azure-AsyncNotification: Enabled",
        Recorded,
        CLI,
        "arm/operations.rs",
        "a_machine_pins_its_disks_until_it_is_deallocated",
    ),
    (
        "What is not found says x-ms-failure-cause: gateway",
        Recorded,
        CLI,
        "arm/error.rs",
        "a_refusal_says_whether_it_is_the_gateways",
    ),
    (
        "So do the other refusals that no provider is asked about, and no provider's do",
        OurGuess,
        "recorded for what is not found",
        "arm/error.rs",
        "a_refusal_says_whether_it_is_the_gateways",
    ),
];

pub(super) const INPUT: &[Row] = &[
    (
        "The name of an identity has 3 to 128 letters, digits, hyphens and underscores, the first a letter or a digit",
        Documented,
        "Microsoft Learn, naming rules and restrictions for Azure resources",
        "arm/identities.rs",
        "bad_resources_are_refused_by_name",
    ),
    (
        "Code and words for another name",
        OurGuess,
        "Azure CLI sends any name, the API description has no pattern",
        "arm/identities.rs",
        "bad_resources_are_refused_by_name",
    ),
    (
        "sourceVault without the name of a vault, as Azure CLI makes it of --source-vault \"\", is refused",
        OurGuess,
        "no text is known",
        "arm/disk_encryption_sets/input.rs",
        "bad_sets_are_refused_before_the_key_is_tried",
    ),
];
