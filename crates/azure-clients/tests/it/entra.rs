//! Tokens, and the table from Entra's refusals to errors.

use std::{
    sync::Arc,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use azure_clients::{
    EntraError, EntraRefusal, IdentitySettings, Outage, SystemClock, TransportOptions, WorkloadIdentity,
    entra::TenantPolicy,
};
use azure_core::error::ErrorKind;
use azure_ids::TenantId;

use crate::support::{
    Answer, FakeCloud, FixedIdentity, entra_refusal, identity, identity_from, new_id, token_for,
    token_in_the_tenant_asked,
};

async fn refusal_of(answer: Answer) -> EntraError {
    let cloud = FakeCloud::start(move |_| answer.clone()).await;
    identity(&cloud).prove_consent(new_id()).await.unwrap_err()
}

/// The variant's name, and the code if it carries one.
fn named(error: &EntraError) -> (&'static str, Option<u32>) {
    use EntraRefusal as E;
    let refusal = match error {
        EntraError::Throttled { .. } => return ("Throttled", None),
        EntraError::Unavailable(_) => return ("Unavailable", None),
        EntraError::Undecodable(_) => return ("Undecodable", None),
        EntraError::Token(_) => return ("Token", None),
        EntraError::Refused(refusal) => refusal,
    };
    match refusal {
        E::ConsentMissing { code } => ("ConsentMissing", Some(*code)),
        E::CredentialSpreading { code } => ("CredentialSpreading", Some(*code)),
        E::ApplicationDisabled { code } => ("ApplicationDisabled", Some(*code)),
        E::TenantNotFound { code } => ("TenantNotFound", Some(*code)),
        E::PolicyBlocks { code, .. } => ("PolicyBlocks", Some(*code)),
        E::ServiceUnknown { code } => ("ServiceUnknown", Some(*code)),
        E::Misconfigured { code } => ("Misconfigured", Some(*code)),
        E::ManagedIdentityMissing => ("ManagedIdentityMissing", None),
        E::Unrecognized { code, .. } => ("Unrecognized", *code),
        E::WrongTenant { .. } => ("WrongTenant", None),
        E::Setup(_) => ("Setup", None),
    }
}

/// Every number that Microsoft documents for this exchange, and what it comes to. The status that a number comes with
/// varies and decides nothing.
#[tokio::test]
async fn every_code_that_we_know_has_its_meaning() {
    let table: [(&str, &[u32]); 8] = [
        ("ConsentMissing", &[7_000_229, 700_016, 65_001, 65_004]),
        ("CredentialSpreading", &[70_021, 700_211, 700_212, 700_213, 7_002_121, 7_002_138]),
        ("ApplicationDisabled", &[7_000_112, 70_001]),
        ("TenantNotFound", &[90_002, 900_382]),
        (
            "PolicyBlocks",
            &[53_000, 53_003, 53_011, 530_032, 530_034, 500_212, 500_213, 90_094, 90_095, 900_941],
        ),
        ("ServiceUnknown", &[500_011, 650_052]),
        (
            "Misconfigured",
            &[
                700_222, 700_226, 700_227, 700_229, 700_236, 700_022, 700_025, 700_027, 50_194, 650_056,
                7_000_215, 7_000_222,
            ],
        ),
        ("Unrecognized", &[123_456]),
    ];
    for (name, codes) in table {
        for code in codes {
            for status in [400, 401] {
                let error = refusal_of(entra_refusal(status, *code)).await;
                assert_eq!(named(&error), (name, Some(*code)), "{error:?}");
            }
        }
    }
    // An assertion that ran out on the way is made anew at the next try; the others say that Entra is not well.
    for code in [700_024, 50_033, 90_006, 90_012, 90_024, 90_033, 90_055, 90_090] {
        let error = refusal_of(entra_refusal(400, code)).await;
        assert_eq!(named(&error), ("Unavailable", None), "{error:?}");
    }
    assert_eq!(
        named(&refusal_of(entra_refusal(400, 50_196)).await),
        ("Throttled", None),
        "a loop of requests"
    );
    for status in [500, 502, 503, 504] {
        let error = refusal_of(entra_refusal(status, 123_456)).await;
        assert_eq!(named(&error), ("Unavailable", None), "{status}: {error:?}");
    }
}

#[tokio::test]
async fn a_policy_is_told_by_its_kind_because_each_is_lifted_elsewhere() {
    for (code, expected) in [
        (53_003, TenantPolicy::ConditionalAccess),
        (530_034, TenantPolicy::ConditionalAccess),
        (500_212, TenantPolicy::OutboundAccess),
        (500_213, TenantPolicy::InboundAccess),
        (90_094, TenantPolicy::AdministratorConsent),
        (90_095, TenantPolicy::AdministratorConsent),
        (900_941, TenantPolicy::RiskyApplication),
    ] {
        let error = refusal_of(entra_refusal(400, code)).await;
        assert!(
            matches!(error, EntraError::Refused(EntraRefusal::PolicyBlocks { policy, .. }) if policy == expected),
            "{code}: {error:?}"
        );
    }
}

#[tokio::test]
async fn throttling_and_outages_carry_the_time_to_wait() {
    let error = refusal_of(entra_refusal(429, 90_055).with_header("retry-after", "17")).await;
    assert_eq!((named(&error).0, error.retry_after()), ("Throttled", Some(Duration::from_secs(17))));

    // The page of a gateway, not Entra's JSON.
    let gateway = Answer::text(503, "<html>Service Unavailable</html>").with_header("retry-after", "3");
    let error = refusal_of(gateway).await;
    assert!(matches!(error, EntraError::Unavailable(Outage::Status { status: 503, .. })), "{error:?}");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
}

#[tokio::test]
async fn a_refusal_without_codes_is_read_from_its_description() {
    let body =
        serde_json::json!({"error": "invalid_client", "error_description": "AADSTS7000229: The client ..."});
    assert_eq!(named(&refusal_of(Answer::json(401, &body)).await), ("ConsentMissing", Some(7_000_229)));
    assert_eq!(
        named(&refusal_of(Answer::text(400, "<html>Bad Request</html>")).await),
        ("Unrecognized", None)
    );
}

#[tokio::test]
async fn an_answer_that_is_no_token_is_undecodable() {
    assert_eq!(named(&refusal_of(Answer::text(200, "<html>")).await).0, "Undecodable");
    let opaque = serde_json::json!({"access_token": "opaque", "expires_in": 3599, "token_type": "Bearer"});
    assert_eq!(named(&refusal_of(Answer::json(200, &opaque)).await).0, "Undecodable");
}

#[tokio::test]
async fn consent_is_proven_by_a_token_of_the_bound_tenant() {
    let (tenant, object_id): (TenantId, azure_ids::ObjectId) = (new_id(), new_id());
    let cloud = FakeCloud::start(move |_| token_for(&tenant.to_string(), &object_id.to_string())).await;
    let managed_identity = FixedIdentity::new();
    let identity = identity_from(&cloud, managed_identity.clone());
    assert_eq!(identity.prove_consent(tenant).await.unwrap(), object_id);

    let seen = cloud.seen();
    assert_eq!(
        (seen[0].host.as_str(), seen[0].path.clone()),
        ("login.microsoftonline.com", format!("/{tenant}/oauth2/v2.0/token"))
    );
    let form: std::collections::BTreeMap<_, _> =
        url::form_urlencoded::parse(&seen[0].body).into_owned().collect();
    assert_eq!(form["client_id"], identity.settings().application_id.to_string());
    assert_eq!(form["scope"], "https://vault.azure.net/.default");
    assert_eq!(form["grant_type"], "client_credentials");
    assert_eq!(form["client_assertion"], *managed_identity.token);
    assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
}

#[tokio::test]
async fn a_token_of_another_tenant_proves_nothing() {
    let (bound, other): (TenantId, TenantId) = (new_id(), new_id());
    let cloud = FakeCloud::start(move |_| token_for(&other.to_string(), &other.to_string())).await;
    let error = identity(&cloud).prove_consent(bound).await.unwrap_err();
    assert!(
        matches!(error, EntraError::Refused(EntraRefusal::WrongTenant { expected, found }) if expected == bound && found == other)
    );
}

#[tokio::test]
async fn every_proof_asks_entra_anew() {
    let revoked = Arc::new(AtomicBool::new(false));
    let is_revoked = revoked.clone();
    let cloud = FakeCloud::start(move |seen| match is_revoked.load(Ordering::SeqCst) {
        false => token_in_the_tenant_asked(seen),
        true => entra_refusal(401, 7_000_229),
    })
    .await;
    let (identity, tenant) = (identity(&cloud), new_id());
    identity.prove_consent(tenant).await.unwrap();
    identity.prove_consent(tenant).await.unwrap();
    assert_eq!(cloud.seen().len(), 2, "the second proof came from a cache");
    revoked.store(true, Ordering::SeqCst);
    let error = identity.prove_consent(tenant).await.unwrap_err();
    assert_eq!(
        named(&error),
        ("ConsentMissing", Some(7_000_229)),
        "the token before is still valid, and no proof"
    );
}

#[tokio::test]
async fn a_call_that_nobody_answers_ends_in_time() {
    let cloud = FakeCloud::start(|_| Answer::Hang).await;
    let transport = cloud.transport_with_time_limit(Duration::from_millis(300));
    let settings = IdentitySettings {
        application_id: new_id(),
        vendor_tenant: new_id(),
        managed_identity_client_id: new_id(),
    };
    let identity = WorkloadIdentity::with_managed_identity(
        settings,
        &transport,
        Arc::new(FixedIdentity::new()),
        Arc::new(SystemClock),
    );
    let begun = Instant::now();
    let error = identity.prove_consent(new_id()).await.unwrap_err();
    assert_eq!(named(&error).0, "Unavailable", "{error:?}");
    let usual = TransportOptions::default().time_limit;
    assert!(begun.elapsed() < usual, "took {:?}", begun.elapsed());
}

#[tokio::test]
async fn nobody_retries_inside_a_call() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let cloud = FakeCloud::start(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        Answer::text(500, "")
    })
    .await;
    assert_eq!(named(&identity(&cloud).prove_consent(new_id()).await.unwrap_err()).0, "Unavailable");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_cloud_that_cannot_be_reached_is_an_outage() {
    let cloud = FakeCloud::start(|_| Answer::Hang).await;
    let identity = identity(&cloud);
    cloud.stop();
    let error =
        tokio::time::timeout(Duration::from_secs(120), identity.prove_consent(new_id())).await.unwrap();
    assert_eq!(named(&error.unwrap_err()).0, "Unavailable");
}

/// A managed identity whose endpoint refuses.
#[derive(Debug)]
struct Refusing(u16);

#[async_trait::async_trait]
impl azure_clients::TokenCredential for Refusing {
    async fn get_token(
        &self,
        _scopes: &[&str],
        _options: Option<azure_core::credentials::TokenRequestOptions<'_>>,
    ) -> azure_core::Result<azure_core::credentials::AccessToken> {
        let body = r#"{"statusCode":400,"message":"No User Assigned or Delegated Managed Identity found"}"#;
        let response = azure_core::http::RawResponse::from_bytes(
            self.0.into(),
            azure_core::http::headers::Headers::new(),
            body,
        );
        let kind = ErrorKind::HttpResponse {
            status: self.0.into(),
            error_code: None,
            raw_response: Some(Box::new(response)),
        };
        Err(azure_core::Error::with_message(kind, "refused"))
    }
}

#[tokio::test]
async fn the_managed_identity_failing_is_told_apart_from_entra_refusing() {
    let cloud = FakeCloud::start(|_| panic!("Entra was called without an assertion")).await;
    for (status, expected) in
        [(400, "ManagedIdentityMissing"), (404, "Unavailable"), (500, "Unavailable"), (429, "Throttled")]
    {
        let settings = IdentitySettings {
            application_id: new_id(),
            vendor_tenant: new_id(),
            managed_identity_client_id: new_id(),
        };
        let identity = WorkloadIdentity::with_managed_identity(
            settings,
            &cloud.transport(),
            Arc::new(Refusing(status)),
            Arc::new(SystemClock),
        );
        let error = identity.prove_consent(new_id()).await.unwrap_err();
        assert_eq!(named(&error).0, expected, "{error:?}");
    }
}
