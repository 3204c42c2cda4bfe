//! What the sandbox does on its own account. None of it claims to be Azure, except for the words of its faults.

use super::Evidence::{Documented, OurGuess, Recorded};
use super::Row;

pub(super) const OWN: &[Row] = &[
    (
        "A throttled Compute call is 429 without an error around its code, with Retry-After and x-ms-failure-cause",
        Documented,
        "Microsoft Learn, troubleshooting API throttling errors",
        "faults/answers.rs",
        "services_refuse_in_their_own_words",
    ),
    (
        "A throttled vault is 429 Throttled",
        Documented,
        "Microsoft Learn, Azure Key Vault throttling guidance",
        "faults/answers.rs",
        "services_refuse_in_their_own_words",
    ),
    (
        "503 of Resource Manager is ServerTimeout",
        Recorded,
        "azure-cli's recordings, module vm",
        "faults/answers.rs",
        "a_call_answered_500_or_503_has_no_effect_unless_the_script_says_so",
    ),
    (
        "Under its local name a vault that does not exist is 502, as by the proxy",
        OurGuess,
        "Azure has no such names",
        "edge/exchange.rs",
        "a_vault_challenges_with_local_names_and_one_that_is_not_there_has_none",
    ),
    (
        "The bodies of every other fault",
        OurGuess,
        "clients have to act on status and Retry-After",
        "faults/answers.rs",
        "services_refuse_in_their_own_words",
    ),
];
