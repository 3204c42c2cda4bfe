//! Why Entra refuses, in Entra's own numbers and words.
//!
//! Numbers and meanings: Microsoft Learn, "Microsoft Entra authentication and authorization error codes". The
//! texts are those that users quote in public issues; where a status or an `error` word was not to be found it is
//! marked as a guess. Microsoft warns that texts change: nobody should build on them.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

use crate::state::directory::Application;

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("AADSTS{code}: {description}")]
pub(crate) struct EntraFault {
    /// The number after `AADSTS`.
    pub(crate) code: u32,
    /// The OAuth 2.0 error word.
    pub(crate) error: &'static str,
    pub(crate) status: StatusCode,
    /// The text after the number, without trace ids.
    pub(crate) description: String,
}

impl EntraFault {
    fn bad_request(code: u32, error: &'static str, description: String) -> Self {
        Self { code, error, status: StatusCode::BAD_REQUEST, description }
    }

    fn invalid_client(code: u32, description: String) -> Self {
        Self { code, error: "invalid_client", status: StatusCode::UNAUTHORIZED, description }
    }

    pub(crate) fn tenant_not_found(tenant: &str) -> Self {
        let text = format!(
            "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the \
             correct cloud. Check with your subscription administrator, this may happen if there are no active \
             subscriptions for the tenant."
        );
        Self::bad_request(90_002, "invalid_request", text)
    }

    pub(crate) fn no_tenant_named() -> Self {
        let text = "No tenant-identifying information found in either the request or implied by any provided \
                    credentials.";
        Self::bad_request(50_059, "invalid_request", text.to_owned())
    }

    pub(crate) fn application_not_found(application: impl std::fmt::Display, tenant: &str) -> Self {
        let text = format!(
            "Application with identifier '{application}' was not found in the directory '{tenant}'. This can happen \
             if the application has not been installed by the administrator of the tenant or consented to by any \
             user in the tenant. You may have sent your authentication request to the wrong tenant."
        );
        Self::bad_request(700_016, "unauthorized_client", text)
    }

    /// Microsoft gives the date in words of its own: the day from which new applications are held to this.
    pub(crate) fn single_tenant(application: &Application, path: &str) -> Self {
        let (id, name) = (application.app_id, application.display_name());
        let text = format!(
            "Application '{id}'({name}) is not configured as a multi-tenant application. Usage of the /{path} endpoint \
             is not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or configure the \
             application to be multi-tenant."
        );
        Self::bad_request(50_194, "invalid_request", text)
    }

    pub(crate) fn service_principal_missing(application: Uuid, tenant: Uuid) -> Self {
        let text = format!(
            "The client application {application} is missing service principal in the tenant {tenant}. See \
             instructions here: https://go.microsoft.com/fwlink/?linkid=2225119"
        );
        Self::invalid_client(7_000_229, text)
    }

    /// Our guess: the status. The number, the text and the word are those that users quote.
    pub(crate) fn application_disabled(application: Uuid, name: &str) -> Self {
        let text = format!("Application '{application}'({name}) is disabled.");
        Self::bad_request(7_000_112, "unauthorized_client", text)
    }

    pub(crate) fn wrong_secret(application: Uuid) -> Self {
        let text = format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, \
             not the client secret ID, for a secret added to app '{application}'."
        );
        Self::invalid_client(7_000_215, text)
    }

    pub(crate) fn expired_secret(application: Uuid) -> Self {
        let text = format!(
            "The provided client secret keys for app '{application}' are expired. Visit the Azure portal to create \
             new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for \
             added security: https://aka.ms/certCreds."
        );
        Self::invalid_client(7_000_222, text)
    }

    pub(crate) fn no_credential() -> Self {
        let text =
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
        Self::invalid_client(7_000_218, text.to_owned())
    }

    pub(crate) fn missing_parameter(name: &str) -> Self {
        let text = format!("The request body must contain the following parameter: '{name}'.");
        Self::bad_request(900_144, "invalid_request", text)
    }

    pub(crate) fn unsupported_grant(grant: &str) -> Self {
        let text = format!("The app requested an unsupported grant type '{grant}'.");
        Self::bad_request(70_003, "unsupported_grant_type", text)
    }

    /// Our guess: the number for an assertion type that Entra does not know.
    pub(crate) fn unsupported_assertion_type(kind: &str) -> Self {
        let text = format!("The client assertion type '{kind}' is not supported.");
        Self::bad_request(70_003, "invalid_request", text)
    }

    pub(crate) fn invalid_scope(scope: &str) -> Self {
        let text = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with \
             /.default suffixed to the resource identifier (application ID URI)."
        );
        Self::bad_request(1_002_012, "invalid_scope", text)
    }

    pub(crate) fn resource_not_found(resource: &str, tenant: &str) -> Self {
        let text = format!(
            "The resource principal named {resource} was not found in the tenant named {tenant}. This can happen if \
             the application has not been installed by the administrator of the tenant or consented to by any user \
             in the tenant. You might have sent your authentication request to the wrong tenant."
        );
        Self::bad_request(500_011, "invalid_resource", text)
    }

    pub(crate) fn redirect_not_registered(uri: &str, application: Uuid) -> Self {
        let text = format!(
            "The redirect URI '{uri}' specified in the request does not match the redirect URIs configured for the \
             application '{application}'. Make sure the redirect URI sent in the request matches one added to your \
             application in the Azure portal. Navigate to https://aka.ms/redirectUriMismatchError to learn more \
             about how to fix this."
        );
        Self::bad_request(50_011, "invalid_request", text)
    }

    pub(crate) fn administrator_needed(application: &str) -> Self {
        let text = format!(
            "{application} needs permission to access resources in your organization that only an admin can grant. \
             Please ask an admin to grant permission to this app before you can use it."
        );
        Self { status: StatusCode::FORBIDDEN, ..Self::bad_request(90_094, "access_denied", text) }
    }

    /// Our guess: the wording, without the e-mail address that Entra's own has.
    pub(crate) fn not_of_this_tenant() -> Self {
        let text =
            "The selected user account does not exist in the tenant and cannot access the application in it.";
        Self::bad_request(50_020, "invalid_request", text.to_owned())
    }

    pub(crate) fn malformed_assertion() -> Self {
        Self::bad_request(50_027, "invalid_request", "JWT token is invalid or malformed.".to_owned())
    }

    pub(crate) fn assertion_signature() -> Self {
        Self::invalid_client(700_027, "Client assertion contains an invalid signature.".to_owned())
    }

    /// From when and until when the assertion is good, as its claims say.
    pub(crate) fn assertion_not_in_time(
        now: OffsetDateTime,
        from: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Self {
        let text = format!(
            "Client assertion is not within its valid time range. Current time: {}, assertion valid from {}, expiry time \
             of assertion {}. Review the documentation at \
             https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
            round_trip(now),
            round_trip(from),
            round_trip(until)
        );
        Self::invalid_client(700_024, text)
    }

    pub(crate) fn not_an_identity_assertion() -> Self {
        let text = "AAD-issued tokens may not be used for federated identity flows.";
        Self::bad_request(700_222, "invalid_request", text.to_owned())
    }

    /// Our guess: the wording.
    pub(crate) fn identity_of_another_tenant(identity: Uuid, home: Uuid) -> Self {
        let text = format!(
            "Managed identities of tenant '{identity}' may not be used as federated identity credentials of an \
             application of tenant '{home}'."
        );
        Self::bad_request(700_236, "invalid_request", text)
    }

    pub(crate) fn no_federated_credential(issuer: &str, subject: &str, audience: &str) -> Self {
        let text = format!(
            "No matching federated identity record found for presented assertion. Assertion Issuer: '{issuer}'. \
             Assertion Subject: '{subject}'. Assertion Audience: '{audience}'. \
             https://docs.microsoft.com/en-us/azure/active-directory/develop/workload-identity-federation"
        );
        Self::bad_request(70_021, "invalid_request", text)
    }

    pub(crate) fn no_credential_for_issuer(issuer: &str) -> Self {
        Self::unmatched(700_211, "issuer", issuer)
    }

    pub(crate) fn no_credential_for_subject(subject: &str) -> Self {
        Self::unmatched(700_213, "subject", subject)
    }

    pub(crate) fn no_credential_for_audience(audience: &str) -> Self {
        Self::unmatched(700_212, "audience", audience)
    }

    /// The number came when Entra began to compare subjects with case in 2024.
    pub(crate) fn subject_differs_in_case(subject: &str) -> Self {
        let text = format!(
            "No matching federated identity record found for presented assertion subject '{subject}'. The subject \
             matches with case-insensitive comparison, but not with case-sensitive comparison. Check your federated \
             identity credential Subject, Audience and Issuer against the presented assertion. See documentation at: \
             https://learn.microsoft.com/entra/workload-id/workload-identity-federation. See breaking change \
             notification and remediation at: \
             https://learn.microsoft.com/en-us/entra/identity-platform/reference-breaking-changes#august-2024."
        );
        Self::invalid_client(7_002_138, text)
    }

    fn unmatched(code: u32, what: &str, presented: &str) -> Self {
        let text = format!(
            "No matching federated identity record found for presented assertion {what} '{presented}'. Check your \
             federated identity credential Subject, Audience and Issuer against the presented assertion. \
             https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
        );
        Self::invalid_client(code, text)
    }

    /// The reply of the token endpoint, with Entra's complete envelope.
    pub(crate) fn into_reply(self, now: OffsetDateTime, correlation: Uuid) -> Response {
        let (trace, when) = (Uuid::new_v4(), timestamp(now));
        let body = json!({
            "error": self.error,
            "error_description": format!(
                "AADSTS{}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {when}",
                self.code, self.description
            ),
            "error_codes": [self.code],
            "timestamp": when,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", self.code),
        });
        (self.status, [(header::CACHE_CONTROL, "no-store, no-cache")], axum::Json(body)).into_response()
    }
}

/// A moment as Entra writes it in refusals, such as `2026-01-01 00:00:00Z`.
fn timestamp(moment: OffsetDateTime) -> String {
    moment
        .format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z"))
        .expect("every part of this format is a part of an OffsetDateTime")
}

/// A moment as Entra writes it inside a sentence, to the tenth of a microsecond.
fn round_trip(moment: OffsetDateTime) -> String {
    moment
        .format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]Z"))
        .expect("every part of this format is a part of an OffsetDateTime")
}
