//! Vaults, and the events they raise.

use super::Evidence::{Documented, OurGuess, Recorded, Reported, Specified};
use super::Row;

const CLI_KV: &str = "azure-cli's recordings, module keyvault";
const LEARN_EVENTS: &str = "Microsoft Learn, Azure Key Vault as Event Grid source";
const LEARN_DELIVERY: &str = "Microsoft Learn, Event Grid message delivery and retry";
const LEARN_SOFT_DELETE: &str = "Microsoft Learn, Azure Key Vault soft-delete overview";
const LEARN_VALIDATION: &str = "Microsoft Learn, webhook event delivery: endpoint validation";

pub(super) const VAULTS: &[Row] = &[
    (
        "PUT is 200, whether the vault is new or not",
        Recorded,
        CLI_KV,
        "arm/vaults/write.rs",
        "groups_identities_and_vaults_are_made_read_and_kept_whatever_the_case_of_their_ids",
    ),
    (
        "enablePurgeProtection is shown only where it is on",
        Recorded,
        CLI_KV,
        "arm/vaults/mod.rs",
        "groups_identities_and_vaults_are_made_read_and_kept_whatever_the_case_of_their_ids",
    ),
    (
        "A vault of another tenant than its subscription's is refused",
        Documented,
        "Microsoft Learn, move a vault to another tenant",
        "arm/vaults/write.rs",
        "bad_resources_are_refused_by_name",
    ),
    (
        "The words of that refusal, and that adding an access policy replaces an object's permissions",
        OurGuess,
        "no text is known; the real service merges",
        "arm/vaults/write.rs",
        "older_vaults_obey_access_policies_and_firewalls_come_first",
    ),
    (
        "The firewall is looked at before roles and policies, and lets the disk service in by its bypass",
        Documented,
        "Microsoft Learn, network security for Azure Key Vault",
        "key_vault/access.rs",
        "a_firewall_lets_the_disk_service_in_only_with_its_bypass",
    ),
    (
        "A deleted vault is listed with when it was deleted and when it will be gone, by the days of its retention",
        Specified,
        "Azure REST API, Microsoft.KeyVault, deletedVaults",
        "arm/vaults/deleted.rs",
        "a_deleted_vault_is_shown_and_comes_back_with_its_keys_and_without_its_roles",
    ),
    (
        "createMode recover brings a vault back as it was, without its role assignments and event subscriptions",
        Documented,
        LEARN_SOFT_DELETE,
        "arm/vaults/deleted.rs",
        "a_deleted_vault_is_shown_and_comes_back_with_its_keys_and_without_its_roles",
    ),
    (
        "The name of a deleted vault is taken: 409 ConflictError in its subscription, VaultAlreadyExists elsewhere",
        Reported,
        "texts that users quote",
        "arm/vaults/write.rs",
        "the_name_of_a_deleted_vault_is_taken_until_it_is_purged",
    ),
    (
        "A recovery where there is nothing to recover is 404",
        OurGuess,
        "no text is known",
        "arm/vaults/write.rs",
        "purge_protection_and_missing_rights_refuse_a_purge_and_time_alone_ends_it",
    ),
    (
        "Purge protection refuses a purge: 405 MethodNotAllowed, DeletedVaultPurge",
        Reported,
        "texts that users quote",
        "arm/vaults/deleted.rs",
        "purge_protection_and_missing_rights_refuse_a_purge_and_time_alone_ends_it",
    ),
    (
        "A deleted vault, or a deleted key, is gone when its retention is over",
        Documented,
        LEARN_SOFT_DELETE,
        "key_vault/passing_time.rs",
        "a_deleted_key_is_gone_when_its_time_is_over",
    ),
    (
        "A vault's name resolves only while the vault is there: the proxy answers 502",
        OurGuess,
        "what a forward proxy says when a name does not resolve",
        "edge/proxy.rs",
        "a_vault_that_does_not_exist_cannot_be_connected_to",
    ),
];

pub(super) const EVENTS: &[Row] = &[
    (
        "KeyNewVersionCreated is raised for each new version",
        Documented,
        LEARN_EVENTS,
        "event_grid/observer.rs",
        "a_new_version_is_told_in_event_grids_form_after_the_handshake",
    ),
    (
        "KeyNearExpiry comes 30 days before the expiry of the current version, or when its rotation policy says; KeyExpired at it",
        Documented,
        LEARN_EVENTS,
        "event_grid/observer.rs",
        "a_rotation_policy_says_when_the_end_is_announced_and_its_rotation_is_told",
    ),
    (
        "Only versions made after the subscription are told of",
        Documented,
        "Microsoft Learn, monitoring Key Vault with Event Grid",
        "event_grid/observer.rs",
        "expiry_comes_with_time_for_versions_made_after_the_subscription",
    ),
    (
        "VaultAccessPolicyChanged is raised for access policies and for a change of the permission model",
        Documented,
        LEARN_EVENTS,
        "event_grid/observer.rs",
        "disabling_and_deleting_raise_nothing_and_a_change_of_access_does",
    ),
    (
        "Nothing is raised when a key is disabled or deleted",
        Documented,
        "Microsoft Learn, Azure Key Vault as Event Grid source: no such type is listed",
        "event_grid/mod.rs",
        "disabling_and_deleting_raise_nothing_and_a_change_of_access_does",
    ),
    (
        "How a vault fills the data of VaultAccessPolicyChanged",
        OurGuess,
        "no example is published",
        "event_grid/observer.rs",
        "",
    ),
    (
        "Events come as an array of one in Event Grid's schema, alone as a CloudEvent 1.0",
        Documented,
        LEARN_DELIVERY,
        "event_grid/event.rs",
        "cloud_events_have_their_own_handshake_and_form",
    ),
    (
        "data is spelled as in the documentation with text moments, or as in the API description with numbers",
        Documented,
        "both are Microsoft's; a receiver has to survive both",
        "event_grid/event.rs",
        "cloud_events_have_their_own_handshake_and_form",
    ),
    (
        "A moment that was never set is null",
        OurGuess,
        "no example is published",
        "event_grid/event.rs",
        "a_new_version_is_told_in_event_grids_form_after_the_handshake",
    ),
    (
        "An endpoint repeats a validation code, or opens an address within ten minutes",
        Documented,
        LEARN_VALIDATION,
        "event_grid/handshake.rs",
        "a_silent_endpoint_is_validated_by_hand",
    ),
    (
        "A CloudEvents endpoint answers OPTIONS with WebHook-Allowed-Origin",
        Specified,
        "CloudEvents, HTTP 1.1 web hooks for event delivery",
        "event_grid/handshake.rs",
        "nobody_is_sent_events_who_did_not_agree",
    ),
    (
        "The handshake carries the delivery's own headers",
        OurGuess,
        "so that an endpoint with a password can be subscribed",
        "event_grid/handshake.rs",
        "",
    ),
    (
        "A failed delivery is repeated after 10 s, 30 s, 1 min, ... up to 30 times in 24 h; 400, 401, 403 and 413 are not repeated",
        Documented,
        LEARN_DELIVERY,
        "event_grid/delivery.rs",
        "a_failed_delivery_is_repeated_on_the_documented_schedule",
    ),
    (
        "The schedule has no randomness, and no attempt is skipped",
        OurGuess,
        "the service adds some and may skip",
        "event_grid/mod.rs",
        "a_failed_delivery_is_repeated_on_the_documented_schedule",
    ),
    (
        "Deliveries may repeat and come out of order",
        Documented,
        LEARN_DELIVERY,
        "control/events.rs",
        "events_can_be_sent_again_in_any_order_and_from_a_forged_topic",
    ),
    (
        "The topic of a delivery may be forged by whoever knows the endpoint",
        Reported,
        "what an unauthenticated webhook means",
        "control/events.rs",
        "events_can_be_sent_again_in_any_order_and_from_a_forged_topic",
    ),
];
