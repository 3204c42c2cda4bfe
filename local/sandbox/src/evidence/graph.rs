//! Graph, and the managed identity endpoint.

use super::Evidence::{Documented, OurGuess, Recorded, Specified};
use super::Row;

const LEARN_FIC: &str = "Microsoft Learn, configure an application to trust a managed identity";
const LEARN_RESTORE: &str = "Microsoft Learn, restore deleted item (directory object)";
const LEARN_MI: &str = "Microsoft Learn, managed identities for App Service and Azure Functions";
const CLI_ROLE: &str = "azure-cli's recordings, module role";

pub(super) const GRAPH: &[Row] = &[
    (
        "Applications are made with 201, found by filter, changed with 204 and deleted with 204",
        Recorded,
        CLI_ROLE,
        "graph/applications.rs",
        "an_application_is_made_found_changed_and_deleted",
    ),
    (
        "Deleted applications and service principals can be restored or purged for thirty days",
        Documented,
        LEARN_RESTORE,
        "deleted.rs",
        "what_was_deleted_is_kept_for_thirty_days",
    ),
    (
        "An application's service principal at home is deleted with it, and restored only by itself",
        Documented,
        LEARN_RESTORE,
        "graph/deleted_items.rs",
        "a_deleted_application_comes_back_as_it_was_and_its_service_principal_by_itself",
    ),
    (
        "A service principal is not restored (409) where the application was let in again",
        OurGuess,
        "no text is known",
        "graph/deleted_items.rs",
        "a_consent_that_is_given_again_makes_another_service_principal_without_the_roles",
    ),
    (
        "Without signInAudience an application is AzureADMyOrg",
        Recorded,
        "azure-cli's recordings of 2025",
        "directory.rs",
        "an_application_is_made_found_changed_and_deleted",
    ),
    (
        "A secret is shown once and gets a token",
        Documented,
        "Microsoft Learn, application: addPassword",
        "graph/applications.rs",
        "a_secret_made_by_graph_gets_a_token",
    ),
    (
        "At most 20 federated credentials for an application, one audience each",
        Documented,
        LEARN_FIC,
        "graph/federated_credentials.rs",
        "federated_credentials_are_kept_by_name_and_limited_to_twenty",
    ),
    (
        "The wording of the refusal of the 21st",
        OurGuess,
        "no text is known",
        "graph/federated_credentials.rs",
        "federated_credentials_are_kept_by_name_and_limited_to_twenty",
    ),
    (
        "A service principal is made once for an application and tenant; the second try is 409",
        Recorded,
        CLI_ROLE,
        "graph/service_principals.rs",
        "a_service_principal_is_made_once_and_says_whose_application_it_is",
    ),
    (
        "The service principal of a managed identity cannot be deleted",
        OurGuess,
        "the wording",
        "graph/service_principals.rs",
        "the_service_principal_of_a_managed_identity_lives_and_dies_with_its_resource",
    ),
    (
        "getByIds answers each object with its @odata.type",
        Specified,
        "Graph's CSDL, and what az reads",
        "graph/objects.rs",
        "objects_are_found_by_id_with_their_type",
    ),
    (
        "A new object may be 404 for a while",
        Documented,
        "Microsoft Learn, best practices of Graph: replication delay",
        "graph/request.rs",
        "a_new_object_may_take_a_while_to_be_found",
    ),
    (
        "Errors carry code, message and innerError",
        Recorded,
        CLI_ROLE,
        "graph/fault.rs",
        "graph_wants_a_token_of_its_own_and_a_path_that_it_knows",
    ),
];

pub(super) const MANAGED_IDENTITY: &[Row] = &[
    (
        "The endpoint wants X-IDENTITY-HEADER and api-version 2019-08-01, and selects by client_id, principal_id or mi_res_id",
        Documented,
        LEARN_MI,
        "managed_identity.rs",
        "an_attached_identity_gets_tokens_by_client_id",
    ),
    (
        "expires_on is a string of Unix seconds",
        Documented,
        LEARN_MI,
        "managed_identity.rs",
        "an_attached_identity_gets_tokens_by_client_id",
    ),
    (
        "An identity that the app does not have is 400 with a fixed text",
        Documented,
        LEARN_MI,
        "managed_identity.rs",
        "an_identity_is_served_once_it_is_attached",
    ),
    (
        "Every other refusal's status and text",
        OurGuess,
        "not documented",
        "managed_identity.rs",
        "the_endpoint_refuses_what_it_should",
    ),
];
