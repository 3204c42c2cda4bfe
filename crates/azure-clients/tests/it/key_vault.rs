//! Whose a vault is, and what it answers to whom.

use std::time::Duration;

use azure_clients::{
    EntraError, EntraRefusal, KeyVault, KeyVaultError, KeyVaultRefusal, Outage, VerifiedVault,
    key_vault::{ForbiddenKind, KeyType},
};
use azure_ids::{KeyUrl, TenantId};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::json;

use crate::support::{
    Answer, FakeCloud, Seen, body_of, challenge, entra_refusal, identity, new_id, refusal,
    token_in_the_tenant_asked,
};

const VAULT: &str = "contoso.vault.azure.net";
const LOGIN: &str = "login.microsoftonline.com";
const VERSION: &str = "6e0e609e42384619a19df944faebcc84";

fn key() -> KeyUrl {
    format!("https://{VAULT}/keys/disks").parse().unwrap()
}

fn kid() -> String {
    format!("https://{VAULT}/keys/disks/{VERSION}")
}

/// A cloud with a vault of this tenant that answers authorized requests by `respond`.
async fn cloud_with_vault(
    tenant: TenantId,
    respond: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
) -> FakeCloud {
    FakeCloud::start(move |seen| match seen.host.as_str() {
        LOGIN => token_in_the_tenant_asked(seen),
        VAULT if seen.header("authorization").is_none() => challenge(&tenant.to_string()),
        VAULT => respond(seen),
        other => panic!("{other} was called"),
    })
    .await
}

fn key_vault(cloud: &FakeCloud) -> KeyVault {
    KeyVault::new(&cloud.transport(), &identity(cloud))
}

async fn verified(cloud: &FakeCloud, tenant: TenantId) -> VerifiedVault {
    key_vault(cloud).verify(tenant, &key()).await.unwrap()
}

fn bundle() -> Answer {
    let modulus = BASE64_URL_SAFE_NO_PAD.encode([0x80; 256]);
    let key =
        json!({"kid": kid(), "kty": "RSA", "key_ops": ["wrapKey", "unwrapKey"], "n": modulus, "e": "AQAB"});
    Answer::json(200, &json!({"key": key, "attributes": {"enabled": true, "recoveryLevel": "Recoverable"}}))
}

#[tokio::test]
async fn a_challenge_tells_tenant_region_and_our_address_without_a_token() {
    let tenant: TenantId = new_id();
    let cloud = cloud_with_vault(tenant, |_| panic!("a token was sent")).await;
    let challenge = key_vault(&cloud).challenge(&key()).await.unwrap();
    assert_eq!(challenge.tenant, tenant);
    assert_eq!(challenge.region.unwrap().as_str(), "westeurope");
    assert_eq!(challenge.our_address, Some("203.0.113.5".parse().unwrap()));
    let seen = cloud.seen();
    assert_eq!((seen.len(), seen[0].path.as_str()), (1, "/keys/disks/?api-version=7.4"));
}

#[tokio::test]
async fn a_vault_of_another_tenant_gets_no_token() {
    let (bound, other): (TenantId, TenantId) = (new_id(), new_id());
    let cloud = cloud_with_vault(other, |_| panic!("a token was sent")).await;
    let error = key_vault(&cloud).verify(bound, &key()).await.unwrap_err();
    assert!(
        matches!(error, KeyVaultError::Refused(KeyVaultRefusal::WrongTenant { expected, found }) if expected == bound && found == other),
        "{error:?}"
    );
    assert!(cloud.seen_at(LOGIN).is_empty(), "a token was asked for");
    assert!(cloud.seen().iter().all(|seen| seen.header("authorization").is_none()));
}

#[tokio::test]
async fn what_does_not_challenge_like_a_vault_gets_no_token() {
    let tenant: TenantId = new_id();
    let login = format!("https://{LOGIN}/{tenant}");
    let bearer = |authority: &str, resource: &str| {
        Answer::json(401, &json!({})).with_header(
            "www-authenticate",
            &format!(r#"Bearer authorization="{authority}", resource="{resource}""#),
        )
    };
    for answer in [
        Answer::text(200, "{}"),
        Answer::text(401, ""),
        Answer::text(302, "").with_header("location", "https://evil.vault.azure.net/keys/disks"),
        bearer("https://evil.example/tenant", "https://vault.azure.net"),
        bearer(&login, "https://management.azure.com"),
    ] {
        let described = format!("{answer:?}");
        let cloud = FakeCloud::start(move |_| answer.clone()).await;
        let error = key_vault(&cloud).verify(tenant, &key()).await.unwrap_err();
        assert!(
            matches!(error, KeyVaultError::Refused(KeyVaultRefusal::UntrustedChallenge(_))),
            "{described}: {error:?}"
        );
        assert_eq!(cloud.seen().len(), 1, "{described}: one question, no redirect, no token");
    }
}

#[tokio::test]
async fn a_name_without_a_vault_is_told_apart_from_a_network_that_is_down() {
    let respond = |_: &Seen| Answer::text(200, "");
    let cloud = FakeCloud::with_hosts(&[LOGIN], respond).await;
    let error = key_vault(&cloud).challenge(&key()).await.unwrap_err();
    assert!(matches!(error, KeyVaultError::Refused(KeyVaultRefusal::NoSuchVault)), "{error:?}");

    let nothing = FakeCloud::with_hosts(&[], respond).await;
    let error = key_vault(&nothing).challenge(&key()).await.unwrap_err();
    assert!(matches!(error, KeyVaultError::Unavailable(Outage::Connection(_))), "{error:?}");

    let key_vault = key_vault(&cloud);
    cloud.stop();
    let error = key_vault.challenge(&key()).await.unwrap_err();
    assert!(matches!(error, KeyVaultError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn a_vault_with_a_certificate_that_we_do_not_trust_is_not_called_absent() {
    let cloud = FakeCloud::start(|_| panic!("a request got through")).await;
    let distrusting = azure_clients::Transport::new(azure_clients::TransportOptions {
        extra_root_certificates: None,
        ..cloud.options()
    })
    .unwrap();
    let error = KeyVault::new(&distrusting, &identity(&cloud)).challenge(&key()).await.unwrap_err();
    assert!(matches!(error, KeyVaultError::Unavailable(Outage::Connection(_))), "{error:?}");
}

#[tokio::test]
async fn a_vault_that_is_slow_walled_or_busy_says_so_at_the_challenge() {
    let forbidden = json!({"error": {"code": "Forbidden", "message": "", "innererror": {"code": "ForbiddenByConnection"}}});
    let walled = FakeCloud::start(move |_| Answer::json(403, &forbidden)).await;
    let error = key_vault(&walled).challenge(&key()).await.unwrap_err();
    assert!(
        matches!(error, KeyVaultError::Refused(KeyVaultRefusal::Forbidden(f)) if f.kind == ForbiddenKind::Connection)
    );

    let busy = FakeCloud::start(|_| refusal(429, "Throttled").with_header("retry-after", "9")).await;
    let error = key_vault(&busy).challenge(&key()).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(9)));

    let slow = FakeCloud::start(|_| Answer::Hang).await;
    let transport = slow.transport_with_time_limit(Duration::from_millis(200));
    let error = KeyVault::new(&transport, &identity(&slow)).challenge(&key()).await.unwrap_err();
    assert!(matches!(error, KeyVaultError::Unavailable(Outage::TimedOut(_))), "{error:?}");
}

#[tokio::test]
async fn a_key_is_read_and_proven_by_a_round_trip() {
    let tenant: TenantId = new_id();
    let cloud = cloud_with_vault(tenant, |seen| {
        let path = seen.path.split('?').next().unwrap();
        if path == "/keys/disks/" {
            return bundle();
        }
        let body = body_of(seen);
        assert_eq!(body["alg"], "RSA-OAEP-256");
        let value = BASE64_URL_SAFE_NO_PAD.decode(body["value"].as_str().unwrap()).unwrap();
        // Not much of a cipher, but it has an inverse.
        let turned: Vec<u8> = value.iter().map(|byte| !byte).collect();
        assert!(
            value.len() == 32
                && [format!("/keys/disks/{VERSION}/wrapkey"), format!("/keys/disks/{VERSION}/unwrapkey")]
                    .iter()
                    .any(|p| p == path)
        );
        Answer::json(200, &json!({"kid": kid(), "value": BASE64_URL_SAFE_NO_PAD.encode(turned)}))
    })
    .await;
    let vault = verified(&cloud, tenant).await;
    assert_eq!((vault.tenant(), vault.region().unwrap().as_str()), (tenant, "westeurope"));
    let bundle = vault.get_key().await.unwrap();
    assert_eq!((bundle.kid().to_string(), bundle.version()), (kid(), VERSION));
    assert_eq!((&bundle.key_type, bundle.bits), (&KeyType::Rsa, Some(2048)));
    let wrapped = vault.wrap(&bundle).await.unwrap();
    vault.unwrap(&wrapped).await.unwrap();

    let tokens: Vec<_> =
        cloud.seen().into_iter().filter(|seen| seen.header("authorization").is_some()).collect();
    assert!(tokens.iter().all(|seen| seen.host == VAULT), "a token went elsewhere");
    assert_eq!(cloud.seen_at(LOGIN).len(), 1, "one token is enough for all of it");
    for secret in [format!("{vault:?}"), format!("{wrapped:?}")] {
        assert!(!secret.contains("e30."), "a token shows: {secret}");
    }
}

#[tokio::test]
async fn other_bytes_than_were_wrapped_are_found_out() {
    let tenant: TenantId = new_id();
    let cloud = cloud_with_vault(tenant, |seen| match seen.path.starts_with("/keys/disks/?") {
        true => bundle(),
        false => Answer::json(200, &json!({"kid": kid(), "value": BASE64_URL_SAFE_NO_PAD.encode([7; 32])})),
    })
    .await;
    let vault = verified(&cloud, tenant).await;
    let wrapped = vault.wrap(&vault.get_key().await.unwrap()).await.unwrap();
    assert!(matches!(
        vault.unwrap(&wrapped).await,
        Err(KeyVaultError::Refused(KeyVaultRefusal::RoundTripDiffers))
    ));
}

#[tokio::test]
async fn every_refusal_of_a_vault_has_its_variant() {
    async fn refused(answer: Answer) -> KeyVaultError {
        let tenant: TenantId = new_id();
        let cloud = cloud_with_vault(tenant, move |_| answer.clone()).await;
        verified(&cloud, tenant).await.get_key().await.unwrap_err()
    }
    let rbac = json!({"error": {"code": "Forbidden", "message": "Caller: appid=a\r\nAction: 'Microsoft.KeyVault/vaults/keys/read'\r\n",
        "innererror": {"code": "ForbiddenByRbac"}}});
    match refused(Answer::json(403, &rbac)).await {
        KeyVaultError::Refused(KeyVaultRefusal::Forbidden(forbidden)) => {
            assert_eq!(forbidden.kind, ForbiddenKind::Rbac);
            assert_eq!(forbidden.action.as_deref(), Some("Microsoft.KeyVault/vaults/keys/read"));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        refused(refusal(404, "KeyNotFound")).await,
        KeyVaultError::Refused(KeyVaultRefusal::KeyNotFound)
    ));
    assert!(matches!(
        refused(refusal(400, "BadParameter")).await,
        KeyVaultError::Refused(KeyVaultRefusal::BadRequest { .. })
    ));
    assert!(matches!(
        refused(refusal(409, "Conflict")).await,
        KeyVaultError::Refused(KeyVaultRefusal::KeyInBin { .. })
    ));
    let busy = refused(refusal(429, "Throttled").with_header("retry-after", "2")).await;
    assert!(matches!(busy, KeyVaultError::Throttled { retry_after: Some(wait) } if wait.as_secs() == 2));
    assert!(matches!(
        refused(Answer::text(502, "<html>")).await,
        KeyVaultError::Unavailable(Outage::Status { status: 502, .. })
    ));
    assert!(matches!(refused(Answer::text(200, "<html>")).await, KeyVaultError::Undecodable(_)));
}

#[tokio::test]
async fn a_token_that_the_vault_refuses_is_told_by_its_number() {
    let tenant: TenantId = new_id();
    let cloud = cloud_with_vault(tenant, move |_| {
        Answer::json(401, &json!({"error": {"code": "Unauthorized", "message": "AKV10032: Invalid issuer."}}))
    })
    .await;
    let error = verified(&cloud, tenant).await.get_key().await.unwrap_err();
    assert!(
        matches!(error, KeyVaultError::Refused(KeyVaultRefusal::TokenRefused { code: Some(ref code) }) if code == "AKV10032"),
        "{error:?}"
    );
}

#[tokio::test]
async fn entra_refusing_the_token_is_not_the_vault_refusing_the_key() {
    let tenant: TenantId = new_id();
    let cloud = FakeCloud::start(move |seen| match seen.host.as_str() {
        LOGIN => entra_refusal(401, 7_000_229),
        _ => challenge(&tenant.to_string()),
    })
    .await;
    let error = verified(&cloud, tenant).await.get_key().await.unwrap_err();
    assert!(
        matches!(
            error,
            KeyVaultError::Token(ref error)
                if matches!(**error, EntraError::Refused(EntraRefusal::ConsentMissing { code: 7_000_229 }))
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_vault_that_wants_to_be_left_alone_is_asked_once() {
    let tenant: TenantId = new_id();
    for (status, retry_after) in [(429, "1200"), (503, "1200"), (500, "0")] {
        let cloud = cloud_with_vault(tenant, move |_| {
            refusal(status, "Busy").with_header("retry-after", retry_after)
        })
        .await;
        let error = verified(&cloud, tenant).await.get_key().await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(retry_after.parse().unwrap())), "{error:?}");
        let asked = cloud.seen_at(VAULT).iter().filter(|seen| seen.header("authorization").is_some()).count();
        assert_eq!(asked, 1, "{status}");
    }
}
