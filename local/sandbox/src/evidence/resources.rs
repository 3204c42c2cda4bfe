//! Resource Manager and the disk provider.

use super::Evidence::{Documented, OurGuess, Recorded, Reported, Specified};
use super::Row;

const CLI_VM: &str = "azure-cli's recordings, module vm";
const POWERSHELL: &str = "azure-powershell's session records, Compute";
const REST: &str = "Azure REST API descriptions, Compute, disk encryption sets";
const LEARN_CMK: &str = "Microsoft Learn, encrypt managed disks with cross-tenant customer-managed keys";
const LEARN_RBAC: &str = "Microsoft Learn, troubleshoot Azure RBAC";
const LEARN_ASYNC: &str = "Microsoft Learn, track asynchronous Azure operations";

pub(super) const GATEWAY: &[Row] = &[
    (
        "The gateway checks token, api-version, subscription and role in this order",
        Documented,
        "Microsoft Learn, resource provider request design",
        "arm/dispatch.rs",
        "the_gateway_checks_token_version_subscription_and_role_in_this_order",
    ),
    (
        "A token of another tenant is 401 with the right authority in the challenge",
        Reported,
        "texts that users quote",
        "arm/tenancy.rs",
        "the_gateway_checks_token_version_subscription_and_role_in_this_order",
    ),
    (
        "A caller sees the subscriptions of its token's tenant in which it has a role",
        Documented,
        "Azure REST API, subscriptions: list",
        "arm/subscriptions.rs",
        "a_caller_sees_its_tenant_and_the_subscriptions_it_has_a_role_in",
    ),
    (
        "A tenant may have several subscriptions",
        Documented,
        "Microsoft Learn, Azure subscriptions",
        "arm/subscriptions.rs",
        "a_new_tenant_is_a_whole_organisation_and_survives_a_restart",
    ),
    (
        "Resource ids are compared without case and shown as they were made",
        Documented,
        "Microsoft Learn, resource provider request design",
        "arm/path.rs",
        "groups_identities_and_vaults_are_made_read_and_kept_whatever_the_case_of_their_ids",
    ),
    (
        "The ids of identities say resourcegroups in lower case",
        Recorded,
        "azure-cli's recordings, module identity",
        "arm/identities.rs",
        "groups_identities_and_vaults_are_made_read_and_kept_whatever_the_case_of_their_ids",
    ),
    (
        "A role assignment is 201 when new, 200 when repeated, 409 under another name, 400 when it would change",
        Recorded,
        "azure-cli's recordings, module role",
        "arm/role_assignments.rs",
        "role_assignments_repeat_conflict_and_go",
    ),
    (
        "An assignment and its removal take a while to spread",
        Documented,
        LEARN_RBAC,
        "arm/role_assignments.rs",
        "roles_count_at_every_scope_once_they_have_spread_and_until_their_removal_has",
    ),
    (
        "A role can be assigned at a key only if its vault exists",
        OurGuess,
        "not documented",
        "arm/role_assignments.rs",
        "role_assignments_repeat_conflict_and_go",
    ),
    (
        "Built-in roles have Microsoft's ids and actions",
        Documented,
        "Microsoft Learn, Azure built-in roles",
        "arm/roles.rs",
        "each_role_allows_what_it_should_and_no_more",
    ),
    (
        "A write answers 202 with two addresses: one that tells the state in its body, one that answers 202 until the end",
        Documented,
        LEARN_ASYNC,
        "arm/operations.rs",
        "a_disk_of_one_tenant_is_encrypted_under_a_key_of_another",
    ),
    (
        "An operation ends after a number of looks, not after a time",
        OurGuess,
        "so that a client always meets \"in progress\" and a test never waits",
        "arm/operations.rs",
        "a_disk_of_one_tenant_is_encrypted_under_a_key_of_another",
    ),
    (
        "A second write ends the first one's operation",
        OurGuess,
        "the real service may refuse it instead",
        "arm/operations.rs",
        "",
    ),
    (
        "A failed operation is 400 at its Location address",
        OurGuess,
        "not documented",
        "arm/operations.rs",
        "a_refusal_can_be_made_to_come_with_the_operation",
    ),
];

pub(super) const SETS: &[Row] = &[
    (
        "PUT is 202 and echoes what was sent, without id, name and type",
        Recorded,
        CLI_VM,
        "arm/disk_encryption_sets/write.rs",
        "a_disk_of_one_tenant_is_encrypted_under_a_key_of_another",
    ),
    (
        "PATCH of tags alone is 200 at once; any other is 202 with the whole old resource",
        Recorded,
        CLI_VM,
        "arm/disk_encryption_sets/write.rs",
        "patches_change_what_they_name",
    ),
    (
        "After a PATCH of the identity its ids come back in lower case",
        Recorded,
        CLI_VM,
        "arm/disk_encryption_sets/write.rs",
        "patches_change_what_they_name",
    ),
    (
        "federatedClientId \"None\" clears it, and GET leaves it out; an empty one is 400",
        Recorded,
        CLI_VM,
        "arm/disk_encryption_sets/input.rs",
        "the_multi_tenant_application_is_a_guid_or_the_word_none",
    ),
    (
        "The last words of that 400",
        OurGuess,
        "users quote its beginning",
        "arm/disk_encryption_sets/input.rs",
        "the_multi_tenant_application_is_a_guid_or_the_word_none",
    ),
    (
        "A key URL without a version is refused",
        Specified,
        REST,
        "arm/disk_encryption_sets/input.rs",
        "only_versioned_key_urls_of_vaults_are_taken",
    ),
    (
        "sourceVault of another subscription is refused",
        Specified,
        REST,
        "arm/disk_encryption_sets/input.rs",
        "a_source_vault_must_share_the_subscription",
    ),
    (
        "A set with a user-assigned identity is checked at PUT: exchange, get, wrap, unwrap; 400 KeyVaultAccessForbidden",
        Reported,
        "texts that users quote",
        "arm/disk_encryption_sets/key_check.rs",
        "a_set_is_refused_for_as_long_as_any_link_of_the_chain_is_missing",
    ),
    (
        "The refusal can come with the operation instead",
        Reported,
        "both have been reported",
        "arm/disk_encryption_sets/key_check.rs",
        "a_refusal_can_be_made_to_come_with_the_operation",
    ),
    (
        "The code for an expired key",
        OurGuess,
        "its words are quoted in public",
        "arm/disk_encryption_sets/key_check.rs",
        "a_set_is_refused_for_as_long_as_any_link_of_the_chain_is_missing",
    ),
    (
        "Vault, set and disks share one region",
        Documented,
        LEARN_CMK,
        "arm/disk_encryption_sets/key_check.rs",
        "bad_sets_are_refused_before_the_key_is_tried",
    ),
    (
        "Code and words for another region",
        OurGuess,
        "no text is known",
        "arm/disk_encryption_sets/key_check.rs",
        "bad_sets_are_refused_before_the_key_is_tried",
    ),
    (
        "A set needs the right to assign its identity (LinkedAuthorizationFailed)",
        Documented,
        "Microsoft Learn, Managed Identity Operator",
        "arm/access.rs",
        "the_vendors_identity_needs_a_role_on_the_group_and_on_the_identity_it_gives_away",
    ),
    (
        "With rotation on, a new version is taken up; the old one is shown in previousKeys until the disks are wrapped anew",
        Specified,
        REST,
        "arm/disk_encryption_sets/rotation.rs",
        "a_new_version_of_the_key_is_taken_up_after_a_while_or_its_refusal_stays",
    ),
    (
        "A rotation that fails leaves autoKeyRotationError until the set is written",
        Specified,
        REST,
        "arm/disk_encryption_sets/rotation.rs",
        "rotation_stops_when_the_identity_of_the_set_is_gone",
    ),
    (
        "Which code a refused rotation leaves",
        OurGuess,
        "that of a refused write",
        "arm/disk_encryption_sets/rotation.rs",
        "a_new_version_of_the_key_is_taken_up_after_a_while_or_its_refusal_stays",
    ),
    (
        "A set that disks still use is not deleted",
        Reported,
        "public issues of Terraform",
        "arm/disk_encryption_sets/write.rs",
        "disks_are_refused_a_set_they_cannot_use",
    ),
    (
        "Code and words of that refusal, of a set without an identity or with several, and of another encryption type",
        OurGuess,
        "no text is known",
        "arm/disk_encryption_sets/write.rs",
        "bad_sets_are_refused_before_the_key_is_tried",
    ),
    (
        "associatedResources lists ids with group and name in capitals",
        Recorded,
        POWERSHELL,
        "arm/disk_encryption_sets/mod.rs",
        "a_disk_of_one_tenant_is_encrypted_under_a_key_of_another",
    ),
];

pub(super) const DISKS: &[Row] = &[
    (
        "PUT is 202 with id, name and type",
        Recorded,
        CLI_VM,
        "arm/stores/calls.rs",
        "a_disk_of_one_tenant_is_encrypted_under_a_key_of_another",
    ),
    (
        "The resource group in diskEncryptionSetId comes back in capitals once the write has ended",
        Recorded,
        CLI_VM,
        "arm/path.rs",
        "the_disk_service_shouts_the_group",
    ),
    (
        "The encryption of a disk on a running machine cannot be changed",
        Documented,
        LEARN_CMK,
        "arm/stores/disk.rs",
        "disks_are_refused_a_set_they_cannot_use",
    ),
    (
        "The words of that refusal",
        OurGuess,
        "no text is known",
        "arm/stores/disk.rs",
        "disks_are_refused_a_set_they_cannot_use",
    ),
    (
        "A disk and its set share subscription and region, and the types of encryption fit",
        Documented,
        LEARN_CMK,
        "arm/stores/encryption.rs",
        "disks_are_refused_a_set_they_cannot_use",
    ),
    (
        "Codes and words of those refusals",
        OurGuess,
        "the rules are documented, the texts are not",
        "arm/stores/encryption.rs",
        "disks_are_refused_a_set_they_cannot_use",
    ),
    (
        "A platform key with a set left in the body is InvalidParameter",
        Reported,
        "a text that users quote",
        "arm/stores/encryption.rs",
        "disks_are_refused_a_set_they_cannot_use",
    ),
];
