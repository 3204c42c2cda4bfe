//! Whose tokens the gateway takes: 401 for all others, with where to get a better one.

use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use crate::cloud::Cloud;
use crate::tokens::{Caller, TokenFault};

use super::error::ArmError;
use super::request;

/// A subscription trusts one tenant, and takes tokens of that tenant alone.
pub(super) fn wrong_tenant(
    cloud: &Cloud,
    caller: &Caller,
    lower: &[&str],
    segments: &[String],
) -> Option<Response> {
    let ["subscriptions", subscription, _, ..] = lower else {
        return None;
    };
    let tenant = Uuid::parse_str(subscription).ok().and_then(|id| {
        cloud.read(|state| state.directory.tenant_of_subscription(id).map(|tenant| tenant.tenant_id))
    });
    let Some(tenant) = tenant else {
        return Some(request::refuse(&ArmError::subscription_not_found(&segments[1])));
    };
    if tenant == caller.tenant {
        return None;
    }
    let authority = format!("https://login.windows.net/{tenant}");
    let error = ArmError::new(
        StatusCode::UNAUTHORIZED,
        "InvalidAuthenticationTokenTenant",
        format!(
            "The access token is from the wrong issuer '{}'. It must match the tenant 'https://sts.windows.net/{tenant}/' \
             associated with this subscription. Please use the authority (URL) '{authority}' to get the token. Note, if \
             the subscription is transferred to another tenant there is no impact to the services, but information about \
             new tenant could take time to propagate (up to an hour). If you just transferred your subscription and see \
             this error message, please try back later.",
            caller.issuer()
        ),
    );
    Some(request::challenge(
        &error,
        &authority,
        "The authentication failed because the access token is from the wrong tenant.",
    ))
}

/// 401 for a token that cannot be used at all.
pub(super) fn refuse_token(fault: &TokenFault) -> Response {
    let (code, message) = match fault {
        TokenFault::Missing => (
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.".to_owned(),
        ),
        TokenFault::Malformed | TokenFault::Signature => {
            ("InvalidAuthenticationToken", "The access token is invalid.".to_owned())
        }
        TokenFault::Expired => ("ExpiredAuthenticationToken", "The access token has expired.".to_owned()),
        TokenFault::Audience { found } => (
            "InvalidAuthenticationTokenAudience",
            format!(
                "The access token has been obtained for wrong audience or resource '{found}'. It should exactly match with \
                 one of the allowed audiences 'https://management.core.windows.net/','https://management.core.windows.net',\
                 'https://management.azure.com/','https://management.azure.com'."
            ),
        ),
    };
    let error = ArmError::new(StatusCode::UNAUTHORIZED, code, message);
    request::challenge(
        &error,
        "https://login.windows.net/",
        "The authentication failed because of missing or invalid 'Authorization' header.",
    )
}
