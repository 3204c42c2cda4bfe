//! Keys, and how they rotate.

use super::Evidence::{Documented, OurGuess, Recorded, Reported, Specified};
use super::Row;

const CLI_KV: &str = "azure-cli's recordings, module keyvault";
const JS: &str = "azure-sdk-for-js, recordings of keyvault-keys";
const REST: &str = "Azure Key Vault REST API";
const LEARN_CODES: &str = "Microsoft Learn, Azure Key Vault REST API error codes";
const LEARN_ATTRIBUTES: &str = "Microsoft Learn, about keys: key attributes";
const LEARN_ROTATION: &str = "Microsoft Learn, configure cryptographic key auto-rotation";

pub(super) const KEYS: &[Row] = &[
    (
        "A request without a token is 401 with the vault's tenant in the challenge and its region in a header",
        Recorded,
        CLI_KV,
        "key_vault/wire.rs",
        "without_a_token_a_vault_tells_its_tenant_and_region_and_nothing_else",
    ),
    (
        "A token of another tenant is 401 AKV10032",
        Reported,
        "texts that users quote",
        "key_vault/wire.rs",
        "tokens_of_another_tenant_or_for_another_service_are_refused",
    ),
    (
        "Codes and words of other bad tokens, bodies, paths and versions",
        OurGuess,
        "no texts are known",
        "key_vault/wire.rs",
        "bad_requests_are_told_what_is_wrong",
    ),
    (
        "403 has an inner code: ForbiddenByRbac, AccessDenied, ForbiddenByFirewall, ForbiddenByConnection",
        Documented,
        LEARN_CODES,
        "key_vault/access.rs",
        "older_vaults_obey_access_policies_and_firewalls_come_first",
    ),
    (
        "A missing key is 404 KeyNotFound in these words",
        Recorded,
        JS,
        "key_vault/error.rs",
        "keys_are_made_read_listed_rotated_changed_and_deleted",
    ),
    (
        "A disabled key is shown like any other",
        Recorded,
        CLI_KV,
        "key_vault/calls/mod.rs",
        "keys_are_made_read_listed_rotated_changed_and_deleted",
    ),
    (
        "Versions are not listed in the order they were made",
        Recorded,
        CLI_KV,
        "key_vault/calls/mod.rs",
        "keys_are_made_read_listed_rotated_changed_and_deleted",
    ),
    (
        "Words for values that are not base64url",
        OurGuess,
        "no texts are known",
        "key_vault/calls/using.rs",
        "bad_requests_are_told_what_is_wrong",
    ),
    (
        "Words for operations that no key has",
        OurGuess,
        "no texts are known",
        "key_vault/calls/mod.rs",
        "bad_requests_are_told_what_is_wrong",
    ),
    (
        "Words for types of key and for what is imported and is no RSA key",
        OurGuess,
        "no texts are known",
        "key_vault/calls/making.rs",
        "an_imported_key_is_a_version_like_any_other_and_a_broken_one_is_refused",
    ),
    (
        "Words for a purge under protection",
        OurGuess,
        "no text is known",
        "key_vault/calls/deleted.rs",
        "keys_are_made_read_listed_rotated_changed_and_deleted",
    ),
    (
        "recoveryLevel tells purge protection",
        Recorded,
        CLI_KV,
        "key_vault/keys.rs",
        "the_recovery_level_tells_purge_protection",
    ),
    (
        "Before nbf and after exp wrap is refused and unwrap works",
        Documented,
        LEARN_ATTRIBUTES,
        "key_vault/crypto.rs",
        "what_each_state_allows",
    ),
    (
        "Codes and words of those refusals, and of a key that may not be used so",
        OurGuess,
        "no texts are known",
        "key_vault/crypto.rs",
        "what_each_state_allows",
    ),
    (
        "No minute of clock difference is forgiven at nbf and exp",
        OurGuess,
        "the service forgives some; this is stricter",
        "key_vault/keys.rs",
        "the_window_of_validity_includes_its_start_and_not_its_end",
    ),
    (
        "Wrapping is real RSA-OAEP, RSA-OAEP-256 and RSA1_5",
        Specified,
        REST,
        "key_vault/material.rs",
        "wrapping_is_real_and_obeys_the_state_of_the_key",
    ),
    (
        "Keys are RSA of 2048, 3072 or 4096 bits; HSM-typed ones need a premium vault",
        Documented,
        "Microsoft Learn, about keys",
        "key_vault/calls/making.rs",
        "bad_requests_are_told_what_is_wrong",
    ),
    (
        "Deleted keys are recoverable, and their names taken, until they are purged",
        Documented,
        "Microsoft Learn, soft-delete overview",
        "key_vault/calls/deleted.rs",
        "keys_are_made_read_listed_rotated_changed_and_deleted",
    ),
    (
        "A key is imported as a JSON Web Key whose parts belong together; its private half is never shown",
        Specified,
        REST,
        "key_vault/calls/making.rs",
        "an_imported_key_is_a_version_like_any_other_and_a_broken_one_is_refused",
    ),
    (
        "RSA1_5, RSA-OAEP and RSA-OAEP-256 agree with OpenSSL both ways, with keys of every size",
        Specified,
        "RFC 8017, with OpenSSL as its judge",
        "key_vault/material.rs",
        "what_the_vault_wraps_openssl_unwraps_and_the_other_way_round",
    ),
    (
        "sign and verify take a digest, by RS256 to RS512 and PS256 to PS512",
        Specified,
        REST,
        "key_vault/signatures.rs",
        "what_the_vault_signs_openssl_verifies_and_the_other_way_round",
    ),
    (
        "Lists have 25 lines a page or fewer, and nextLink names the port 443",
        Recorded,
        CLI_KV,
        "key_vault/paging.rs",
        "lists_come_in_pages_that_name_the_port_and_lose_nothing",
    ),
    (
        "Words for a size of page or a $skiptoken that cannot be",
        OurGuess,
        "no texts are known",
        "key_vault/paging.rs",
        "lists_come_in_pages_that_name_the_port_and_lose_nothing",
    ),
];

pub(super) const ROTATION: &[Row] = &[
    (
        "A policy is answered with its id and moments; a version that is rotated gets the policy's expiry, to the second",
        Recorded,
        CLI_KV,
        "key_vault/rotation_policy.rs",
        "a_policy_is_kept_and_shown_and_gives_rotated_versions_their_expiry",
    ),
    (
        "A key without a policy shows one that announces its end 30 days before, and has no moments",
        Documented,
        "Microsoft Learn, Get-AzKeyVaultKeyRotationPolicy",
        "key_vault/rotation_policy.rs",
        "a_policy_is_kept_and_shown_and_gives_rotated_versions_their_expiry",
    ),
    (
        "Rotation is seven days or more after a version is made and before it expires; expiryTime is 28 days or more",
        Documented,
        LEARN_ROTATION,
        "key_vault/rotation_policy.rs",
        "the_documented_limits_are_kept",
    ),
    (
        "A rotation before expiry needs an expiryTime in the policy, and happens only to a version that expires",
        Documented,
        LEARN_ROTATION,
        "key_vault/rotation_policy.rs",
        "a_rotation_is_due_by_age_or_by_expiry_and_never_for_a_disabled_key",
    ),
    (
        "Code and words for a policy that is refused; a disabled key is not rotated",
        OurGuess,
        "no text is known, and no document speaks of disabled keys",
        "key_vault/rotation_policy.rs",
        "policies_that_break_the_limits_are_refused_and_so_is_who_may_not_set_them",
    ),
    (
        "A month counts 30 days and a year 365",
        OurGuess,
        "recordings show days alone",
        "key_vault/iso_duration.rs",
        "durations_are_read_in_iso_form_and_in_nothing_else",
    ),
    (
        "A key rotates itself when it is due, and a set with automatic rotation follows",
        Documented,
        LEARN_ROTATION,
        "key_vault/passing_time.rs",
        "a_set_follows_a_key_that_rotates_itself",
    ),
    (
        "A jump of the clock over several rotations makes one version",
        OurGuess,
        "time does not jump in Azure",
        "key_vault/passing_time.rs",
        "a_key_rotates_itself_when_its_policy_says_so",
    ),
    (
        "Policies need keyrotationpolicies/read and /write, or getrotationpolicy and setrotationpolicy in older vaults",
        Documented,
        LEARN_ROTATION,
        "key_vault/access.rs",
        "policies_that_break_the_limits_are_refused_and_so_is_who_may_not_set_them",
    ),
];
