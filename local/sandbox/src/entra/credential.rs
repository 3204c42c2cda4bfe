//! What a program proves itself with, as a form carries it.

use super::fault::EntraFault;
use super::form::Parameters;
use super::grant::Credential;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub(super) fn credential(form: &Parameters) -> Result<Credential<'_>, EntraFault> {
    match (form.get("client_assertion"), form.get("client_secret")) {
        (Some(assertion), _) => match form.required("client_assertion_type")? {
            ASSERTION_TYPE => Ok(Credential::Assertion(assertion)),
            other => Err(EntraFault::unsupported_assertion_type(other)),
        },
        (None, Some(secret)) => Ok(Credential::Secret(secret)),
        (None, None) => Err(EntraFault::no_credential()),
    }
}
