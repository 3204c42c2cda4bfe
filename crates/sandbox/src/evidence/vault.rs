//! Vaults, their keys, and the events they raise.

use super::Evidence::{Documented, OurGuess, Recorded, Reported, Specified};
use super::Row;

const CLI_KV: &str = "azure-cli's recordings, module keyvault";
const JS: &str = "azure-sdk-for-js, recordings of keyvault-keys";
const REST: &str = "Azure Key Vault REST API";
const LEARN_CODES: &str = "Microsoft Learn, Azure Key Vault REST API error codes";
const LEARN_ATTRIBUTES: &str = "Microsoft Learn, about keys: key attributes";
const LEARN_EVENTS: &str = "Microsoft Learn, Azure Key Vault as Event Grid source";
const LEARN_DELIVERY: &str = "Microsoft Learn, Event Grid message delivery and retry";
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
        "A vault's name resolves only while the vault is there: the proxy answers 502",
        OurGuess,
        "what a forward proxy says when a name does not resolve",
        "edge/proxy.rs",
        "a_vault_that_does_not_exist_cannot_be_connected_to",
    ),
];

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
        "key_vault/calls.rs",
        "keys_are_made_read_listed_rotated_changed_and_deleted",
    ),
    (
        "Versions are not listed in the order they were made",
        Recorded,
        CLI_KV,
        "key_vault/calls.rs",
        "keys_are_made_read_listed_rotated_changed_and_deleted",
    ),
    (
        "Words for values that are not base64url, for key types and for a purge under protection",
        OurGuess,
        "no texts are known",
        "key_vault/calls.rs",
        "bad_requests_are_told_what_is_wrong",
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
        "key_vault/calls.rs",
        "bad_requests_are_told_what_is_wrong",
    ),
    (
        "Deleted keys are recoverable, and their names taken, until they are purged",
        Documented,
        "Microsoft Learn, soft-delete overview",
        "key_vault/calls.rs",
        "keys_are_made_read_listed_rotated_changed_and_deleted",
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
        "KeyNearExpiry comes 30 days before the expiry of the current version, KeyExpired at it",
        Documented,
        LEARN_EVENTS,
        "event_grid/observer.rs",
        "expiry_comes_with_time_for_versions_made_after_the_subscription",
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
