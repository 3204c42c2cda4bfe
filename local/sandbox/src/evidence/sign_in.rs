//! People who sign in.

use super::Evidence::{Documented, OurGuess};
use super::Row;

const LEARN_CODE: &str = "Microsoft Learn, OAuth 2.0 authorization code flow";
const LEARN_DEVICE: &str = "Microsoft Learn, OAuth 2.0 device authorization grant flow";
const LEARN_REFRESH: &str = "Microsoft Learn, refresh tokens in the Microsoft identity platform";

pub(super) const SIGN_IN: &[Row] = &[
    (
        "A code is good once, for its client, with its verifier, in its time",
        Documented,
        LEARN_CODE,
        "entra/user_grant.rs",
        "a_code_is_good_once_for_its_client_with_its_verifier_in_its_time",
    ),
    (
        "A refresh token is good for its client and its tenant, for one service after the other",
        Documented,
        LEARN_REFRESH,
        "entra/user_grant.rs",
        "a_refresh_token_is_good_for_its_client_and_its_tenant_in_its_time",
    ),
    (
        "A device code is pending until somebody decides",
        Documented,
        LEARN_DEVICE,
        "entra/device_code.rs",
        "a_device_code_is_pending_until_somebody_decides",
    ),
    (
        "Who signs in is chosen on the page, or named with any password",
        OurGuess,
        "the sandbox keeps no passwords for people",
        "entra/sign_in.rs",
        "a_name_and_any_password_will_do",
    ),
    (
        "Nobody consents for themselves, an administrator must",
        OurGuess,
        "stricter than the default of a new tenant",
        "entra/clients.rs",
        "an_application_of_ones_own_signs_people_in_once_it_is_let_in_and_proves_itself",
    ),
    (
        "Numbers and words of some refusals, and that a plain code challenge is one",
        OurGuess,
        "the words of the errors are documented, not all of their numbers",
        "entra/user_fault.rs",
        "a_link_that_makes_no_sense_is_refused_on_the_page",
    ),
];
