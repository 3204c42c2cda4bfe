//! Entra, Graph, and the managed identity endpoint.

use super::Evidence::{Documented, OurGuess, Recorded, Reported, Specified};
use super::Row;

const LEARN_FIC: &str = "Microsoft Learn, configure an application to trust a managed identity";
const LEARN_CONSENT: &str = "Microsoft Learn, admin consent on the Microsoft identity platform";
const LEARN_ERRORS: &str = "Microsoft Learn, Microsoft Entra authentication and authorization error codes";
const LEARN_MI: &str = "Microsoft Learn, managed identities for App Service and Azure Functions";
const CLI_ROLE: &str = "azure-cli's recordings, module role";

pub(super) const ENTRA: &[Row] = &[
    (
        "A managed identity's token for api://AzureADTokenExchange is a client assertion in another tenant",
        Documented,
        LEARN_FIC,
        "entra/grant.rs",
        "the_managed_identity_speaks_for_the_application_in_the_customers_tenant",
    ),
    (
        "Issuer, subject and audience of a federated credential are compared byte for byte (70021, 700211, 700212, 700213)",
        Documented,
        LEARN_FIC,
        "entra/assertion.rs",
        "issuer_subject_and_audience_are_compared_byte_for_byte",
    ),
    (
        "A subject that differs in case alone has a number of its own (7002138)",
        Reported,
        "public issues since September 2024",
        "entra/fault.rs",
        "issuer_subject_and_audience_are_compared_byte_for_byte",
    ),
    ("The wording of 7002138", OurGuess, "only the number is quoted in public", "entra/fault.rs", ""),
    (
        "A new federated credential takes its time to spread (70021 before)",
        Documented,
        LEARN_FIC,
        "entra/assertion.rs",
        "a_federated_credential_takes_its_time_to_spread",
    ),
    (
        "An application without a service principal in the tenant is refused with 7000229",
        Documented,
        LEARN_ERRORS,
        "entra/grant.rs",
        "a_service_principal_is_missed_until_it_has_spread_and_again_once_it_is_gone",
    ),
    (
        "An assertion that Entra did not make for an identity is refused",
        Documented,
        LEARN_ERRORS,
        "entra/assertion.rs",
        "an_assertion_that_entra_did_not_make_for_an_identity_is_refused",
    ),
    (
        "An identity of another tenant than the application's is refused (700236)",
        Documented,
        LEARN_FIC,
        "entra/fault.rs",
        "an_identity_of_another_tenant_than_the_applications_is_refused",
    ),
    ("The wording of 700236", OurGuess, "only the number is documented", "entra/fault.rs", ""),
    (
        "A disabled service principal is refused with 7000112",
        Reported,
        "texts that users quote",
        "entra/fault.rs",
        "",
    ),
    ("The HTTP status of 7000112", OurGuess, "nobody quotes it", "entra/fault.rs", ""),
    (
        "An assertion type that Entra does not know is refused with a number of ours",
        OurGuess,
        "no text is known",
        "entra/fault.rs",
        "a_request_that_is_wrong_is_told_how_by_number",
    ),
    (
        "Refusals carry error, error_description, error_codes, trace and correlation ids, timestamp and error_uri",
        Documented,
        LEARN_ERRORS,
        "entra/fault.rs",
        "a_request_that_is_wrong_is_told_how_by_number",
    ),
    (
        "The order of the checks: tenant, application, proof, consent, resource",
        OurGuess,
        "not documented",
        "entra/grant.rs",
        "",
    ),
    (
        "The version 1 endpoint writes its numbers as strings",
        Documented,
        "Microsoft Learn, OAuth 2.0 client credentials, version 1.0",
        "entra/token.rs",
        "the_older_endpoint_writes_its_numbers_as_strings",
    ),
    (
        "A double slash in the scope leaves one in the audience",
        Documented,
        "Microsoft Learn, scopes and permissions, trailing slashes",
        "entra/token.rs",
        "a_double_slash_in_the_scope_leaves_one_in_the_audience",
    ),
    (
        "Tokens for Azure's own resources are version 1: issuer sts.windows.net, appid, oid, tid, idtyp",
        Documented,
        "Microsoft Learn, access token claims reference",
        "tokens.rs",
        "the_managed_identity_speaks_for_the_application_in_the_customers_tenant",
    ),
    (
        "The assertion's aud is the address that was asked for",
        OurGuess,
        "real tokens may carry a GUID in its place",
        "entra/mod.rs",
        "",
    ),
    (
        "Discovery names the issuer, the endpoints and the keys",
        Recorded,
        "azure-sdk-for-js, recordings of keyvault-keys",
        "entra/discovery.rs",
        "discovery_leads_to_the_key_that_signs",
    ),
    (
        "Approving admin consent lets the application in and leads back with tenant, state and admin_consent=True",
        Documented,
        LEARN_CONSENT,
        "entra/consent.rs",
        "approving_lets_the_application_in_and_leads_back_as_documented",
    ),
    (
        "Cancelling leads back with an error, in version 2 beside admin_consent=True",
        Documented,
        LEARN_CONSENT,
        "entra/consent.rs",
        "cancelling_lets_nobody_in_and_leads_back_with_the_error",
    ),
    (
        "For organizations the administrator's own tenant is let into",
        Documented,
        LEARN_CONSENT,
        "entra/consent.rs",
        "for_organizations_the_administrators_own_tenant_is_let_into",
    ),
    (
        "Only an administrator of the tenant may approve",
        Documented,
        LEARN_CONSENT,
        "entra/consent.rs",
        "only_an_administrator_of_the_tenant_may_approve",
    ),
    (
        "The wording of the refusal of somebody of another tenant",
        OurGuess,
        "Entra's own names the e-mail address",
        "entra/fault.rs",
        "only_an_administrator_of_the_tenant_may_approve",
    ),
    (
        "A link that makes no sense is refused on the page and never followed",
        Documented,
        LEARN_CONSENT,
        "entra/consent.rs",
        "a_link_that_makes_no_sense_is_refused_on_the_page_and_never_followed",
    ),
];

pub(super) const GRAPH: &[Row] = &[
    (
        "Applications are made with 201, found by filter, changed with 204 and deleted with 204",
        Recorded,
        CLI_ROLE,
        "graph/applications.rs",
        "an_application_is_made_found_changed_and_deleted",
    ),
    (
        "A deleted application leaves nothing to restore",
        OurGuess,
        "Graph keeps it for thirty days",
        "graph/applications.rs",
        "an_application_is_made_found_changed_and_deleted",
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
        "",
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
