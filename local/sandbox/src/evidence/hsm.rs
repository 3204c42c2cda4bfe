//! Managed HSMs.

use super::Evidence::{Documented, OurGuess, Recorded, Specified};
use super::Row;

const CLI_HSM: &str = "azure-cli's recordings, test_keyvault_hsm_role";
const REST_ARM: &str = "Azure REST API, Microsoft.KeyVault, managedHSMs";

pub(super) const HSMS: &[Row] = &[
    (
        "An HSM answers under its own domain, and its challenge names its own resource",
        Recorded,
        CLI_HSM,
        "key_vault/wire.rs",
        "an_hsm_challenges_for_its_own_resource_and_takes_no_token_of_a_vault",
    ),
    (
        "The body of that challenge, and the codes of refused tokens, are those of a vault",
        OurGuess,
        "the recording has an empty word there",
        "key_vault/wire.rs",
        "an_hsm_challenges_for_its_own_resource_and_takes_no_token_of_a_vault",
    ),
    (
        "An HSM is read, listed, deleted, recovered and purged apart from vaults",
        Specified,
        REST_ARM,
        "arm/vaults/hsm.rs",
        "an_hsm_is_deleted_listed_recovered_and_purged_apart_from_vaults",
    ),
    (
        "An HSM is ready at once, and needs no security domain; its codes and words are those of vaults",
        OurGuess,
        "the real one takes half an hour, and its activation is not simulated",
        "arm/vaults/hsm.rs",
        "an_hsm_is_deleted_listed_recovered_and_purged_apart_from_vaults",
    ),
    (
        "Whoever makes an HSM names its administrators, who hold the local role of that name",
        Specified,
        REST_ARM,
        "arm/vaults/hsm.rs",
        "keys_of_an_hsm_are_made_rotated_and_used_under_local_roles_alone",
    ),
    (
        "Keys are RSA-HSM and nothing else",
        Documented,
        "Microsoft Learn, about keys",
        "key_vault/calls/making.rs",
        "keys_of_an_hsm_are_made_rotated_and_used_under_local_roles_alone",
    ),
    (
        "Local roles, their ids and actions, and the shapes of assignments; Resource Manager's roles count for nothing",
        Recorded,
        CLI_HSM,
        "key_vault/local_roles.rs",
        "keys_of_an_hsm_are_made_rotated_and_used_under_local_roles_alone",
    ),
    (
        "Who may write keys of an HSM may rotate them and set their policies",
        OurGuess,
        "the recording is older than rotation",
        "key_vault/local_roles.rs",
        "a_local_role_counts_at_its_scope_and_below_and_for_its_actions_alone",
    ),
    (
        "The words when a local role is missing",
        OurGuess,
        "no text is known",
        "key_vault/access.rs",
        "keys_of_an_hsm_are_made_rotated_and_used_under_local_roles_alone",
    ),
    (
        "Codes and words for assignments that are refused; they count at once",
        OurGuess,
        "no texts are known",
        "key_vault/calls/local_roles.rs",
        "keys_of_an_hsm_are_made_rotated_and_used_under_local_roles_alone",
    ),
    (
        "A disk encryption set takes a key of an HSM, and its identity needs the local role there",
        Documented,
        "Microsoft Learn, customer-managed keys of managed disks",
        "arm/disk_encryption_sets/key_check.rs",
        "a_set_takes_a_key_of_an_hsm_once_its_identity_has_the_local_role",
    ),
];
