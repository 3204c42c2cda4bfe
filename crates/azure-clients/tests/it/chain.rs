//! The whole chain against the sandbox, which checks what Azure checks.

use std::{convert::Infallible, time::Duration};

use azure_clients::{
    ArmError, ArmRefusal, EntraError, EntraRefusal, KeyVaultError, KeyVaultRefusal, MarketplaceError,
    MarketplaceRefusal, WebhookTokenError, WebhookTokens,
    compute::{
        Accepted, DiskEncryptionSet, EncryptionType, NewDiskEncryptionSet, OperationState, ProvisioningState,
    },
    key_vault::{ForbiddenKind, KeyType},
    marketplace::{LandingToken, OperationAction, SubscriptionStatus},
};
use azure_ids::{KeyUrl, ObjectId};
use http_body_util::Empty;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use sandbox::{Lags, MarketplaceAction};
use serde_json::json;
use time::OffsetDateTime;
use tokio::{net::TcpListener, sync::mpsc};

use crate::support::scene::{CUSTOMER_VAULT, Clients, Scene, VENDOR_VAULT, key_in};

const LOGIN: &str = "login.microsoftonline.com";

fn new_set(scene: &Scene, key: &KeyUrl) -> NewDiskEncryptionSet {
    let region = scene.vendor.region.parse().unwrap();
    NewDiskEncryptionSet::new(region, scene.identity_id.clone(), scene.application, key.clone()).unwrap()
}

/// Follows a change to its end, as often as a patient handler would.
async fn end_of<T>(clients: &Clients, accepted: Accepted<T>) -> OperationState {
    let Some(operation) = accepted.operation else { return OperationState::Succeeded };
    for _ in 0..20 {
        match clients.compute.operation(&operation).await.unwrap() {
            OperationState::InProgress { .. } => {}
            ended => return ended,
        }
    }
    panic!("the operation does not end")
}

async fn put_set(scene: &Scene, clients: &Clients) -> Result<Accepted<DiskEncryptionSet>, ArmError> {
    let vault = clients.key_vault.verify(scene.tenant(), &scene.key_url()).await.unwrap();
    let key = vault.get_key().await.unwrap();
    clients.compute.put_disk_encryption_set(&scene.set_id(), &new_set(scene, key.kid())).await
}

#[tokio::test]
async fn from_a_purchase_to_an_encrypted_disk_and_its_activation() {
    let scene = Scene::begin(Lags { operation_polls: 2, ..Lags::default() }).await;
    let clients = scene.clients();
    let purchase = scene.purchase("http://127.0.0.1:9/");

    let token = LandingToken::from_decoded_parameter(&purchase.landing_token).unwrap();
    let bought = clients.marketplace.resolve(&token).await.unwrap();
    assert_eq!(bought.id, purchase.subscription_id);
    assert_eq!(bought.subscription.saas_subscription_status, SubscriptionStatus::PendingFulfillmentStart);
    assert_eq!(bought.subscription.beneficiary.unwrap().tenant_id, scene.tenant());

    let consented = scene.consent().await;
    let service_principal = clients.identity.prove_consent(scene.tenant()).await.unwrap();
    assert_eq!(service_principal, consented);
    scene.grant(service_principal).await;

    let vault = clients.key_vault.verify(scene.tenant(), &scene.key_url()).await.unwrap();
    assert_eq!(vault.region().unwrap().as_str(), scene.customer.region);
    let key = vault.get_key().await.unwrap();
    assert_eq!((&key.key_type, key.bits, key.enabled), (&KeyType::Rsa, Some(2048), true));
    assert!(key.allows("wrapKey") && key.allows("unwrapKey"));
    assert_eq!(key.is_purge_protected(), Some(true));
    let wrapped = vault.wrap(&key).await.unwrap();
    vault.unwrap(&wrapped).await.unwrap();

    let set_id = scene.set_id();
    assert!(matches!(
        clients.compute.disk_encryption_set(&set_id).await,
        Err(ArmError::Refused(ArmRefusal::NotFound { .. }))
    ));
    let accepted =
        clients.compute.put_disk_encryption_set(&set_id, &new_set(&scene, key.kid())).await.unwrap();
    assert!(accepted.operation.is_some());
    assert!(matches!(end_of(&clients, accepted).await, OperationState::Succeeded));
    let set = clients.compute.disk_encryption_set(&set_id).await.unwrap();
    assert!(set.id == Some(set_id.clone()) && set.rotation_to_latest_key_version_enabled);
    assert_eq!(set.federated_client_id, Some(scene.application));
    assert_eq!(set.user_assigned_identities, std::slice::from_ref(&scene.identity_id));
    assert_eq!(set.active_key.unwrap().url().unwrap(), *key.kid());
    assert_eq!(set.provisioning_state, ProvisioningState::Succeeded);

    let disk = scene.make_disk("d1").await;
    let accepted = clients.compute.patch_disk_encryption(&disk, &set_id).await.unwrap();
    assert!(matches!(end_of(&clients, accepted).await, OperationState::Succeeded));
    let disks = clients.compute.disks(scene.subscription(), scene.resource_group()).await.unwrap();
    assert_eq!(disks.len(), 1);
    let read_back = clients.compute.disk(&disk).await.unwrap();
    assert_eq!(read_back.encryption.encryption_type, EncryptionType::CustomerKey);
    assert_eq!(read_back.encryption.disk_encryption_set, Some(set_id));
    assert_eq!(read_back.tags["customer"], scene.tenant().to_string());

    clients.marketplace.activate(bought.id, &bought.plan_id, bought.quantity).await.unwrap();
    let subscription = clients.marketplace.subscription(bought.id).await.unwrap();
    assert_eq!(subscription.saas_subscription_status, SubscriptionStatus::Subscribed);
    let again = clients.marketplace.activate(bought.id, &bought.plan_id, bought.quantity).await.unwrap_err();
    assert!(matches!(again, MarketplaceError::Refused(MarketplaceRefusal::BadRequest { .. })), "{again:?}");
    scene.sandbox.stop().await;
}

#[tokio::test]
async fn consent_that_spreads_is_missing_at_first() {
    let wait = Duration::from_secs(60);
    let scene = Scene::begin(Lags { service_principal: wait, ..Lags::default() }).await;
    // The application's service principal at home spreads as well, and nobody waits for it here.
    let clients = scene.clients();
    let missing = |error| {
        assert!(matches!(error, EntraError::Refused(EntraRefusal::ConsentMissing { .. })), "{error:?}")
    };
    missing(clients.identity.prove_consent(scene.tenant()).await.unwrap_err());
    let principal = scene.consent().await;
    missing(clients.identity.prove_consent(scene.tenant()).await.unwrap_err());
    scene.sandbox.advance_clock(wait);
    assert_eq!(clients.identity.prove_consent(scene.tenant()).await.unwrap(), principal);
}

#[tokio::test]
async fn a_federated_credential_that_spreads_is_told_apart_from_missing_consent() {
    let wait = Duration::from_secs(60);
    let scene = Scene::begin(Lags { federated_credential: wait, ..Lags::default() }).await;
    let clients = scene.clients();
    scene.consent().await;
    let error = clients.identity.prove_consent(scene.tenant()).await.unwrap_err();
    assert!(matches!(error, EntraError::Refused(EntraRefusal::CredentialSpreading { .. })), "{error:?}");
    scene.sandbox.advance_clock(wait);
    clients.identity.prove_consent(scene.tenant()).await.unwrap();
}

#[tokio::test]
async fn a_grant_that_spreads_names_whom_and_what_it_misses() {
    let wait = Duration::from_secs(60);
    let scene = Scene::begin(Lags { role_assignment: wait, ..Lags::default() }).await;
    scene.sandbox.advance_clock(wait);
    // The key is made before its administrator's own role can be in doubt; only our grant spreads.
    let clients = scene.clients();
    let principal = scene.consent().await;
    let vault = clients.key_vault.verify(scene.tenant(), &scene.key_url()).await.unwrap();
    let check = |error: KeyVaultError, principal: ObjectId| match error {
        KeyVaultError::Refused(KeyVaultRefusal::Forbidden(forbidden)) => {
            assert_eq!(forbidden.kind, ForbiddenKind::Rbac);
            assert_eq!(forbidden.caller_object_id, Some(principal));
            assert!(forbidden.action.unwrap().ends_with("/keys/read"));
            assert!(forbidden.resource.unwrap().to_lowercase().contains(CUSTOMER_VAULT));
        }
        other => panic!("{other:?}"),
    };
    check(vault.get_key().await.unwrap_err(), principal);
    scene.grant(principal).await;
    check(vault.get_key().await.unwrap_err(), principal);
    scene.sandbox.advance_clock(wait);
    vault.get_key().await.unwrap();
}

#[tokio::test]
async fn a_vault_of_another_tenant_gets_no_token() {
    let scene = Scene::begin(Lags::default()).await;
    let clients = scene.clients();
    scene.consent().await;
    let host = format!("{VENDOR_VAULT}.vault.azure.net");
    let (logins, before) = (scene.calls(LOGIN), scene.calls(&host));
    let error = clients.key_vault.verify(scene.tenant(), &key_in(VENDOR_VAULT)).await.unwrap_err();
    assert!(matches!(error, KeyVaultError::Refused(KeyVaultRefusal::WrongTenant { .. })), "{error:?}");
    assert_eq!(scene.calls(LOGIN), logins, "a token was asked for");
    assert_eq!(scene.calls(&host), before + 1, "one question, without a token");

    let har = scene.sandbox.har();
    let entries = har["log"]["entries"].as_array().unwrap();
    let asked: Vec<_> = entries
        .iter()
        .filter(|entry| entry["request"]["url"].as_str().unwrap().contains(VENDOR_VAULT))
        .collect();
    let headers: Vec<_> = asked
        .iter()
        .filter(|entry| entry["request"]["url"].as_str().unwrap().starts_with(&format!("https://{host}")))
        .flat_map(|entry| entry["request"]["headers"].as_array().unwrap())
        .map(|header| header["name"].as_str().unwrap().to_lowercase())
        .collect();
    assert!(!headers.is_empty() && !headers.contains(&"authorization".to_owned()), "{headers:?}");
}

#[tokio::test]
async fn a_name_without_a_vault_and_a_vault_without_the_key_are_told_apart() {
    let scene = Scene::begin(Lags::default()).await;
    let clients = scene.clients();
    let error = clients.key_vault.challenge(&key_in("kv-nobody")).await.unwrap_err();
    assert!(matches!(error, KeyVaultError::Refused(KeyVaultRefusal::NoSuchVault)), "{error:?}");

    scene.grant(scene.consent().await).await;
    let other: KeyUrl = format!("https://{CUSTOMER_VAULT}.vault.azure.net/keys/other").parse().unwrap();
    let vault = clients.key_vault.verify(scene.tenant(), &other).await.unwrap();
    let error = vault.get_key().await.unwrap_err();
    // The grant is on one key, so that about another one the vault says no more than "no".
    assert!(
        matches!(
            error,
            KeyVaultError::Refused(KeyVaultRefusal::Forbidden(_))
                | KeyVaultError::Refused(KeyVaultRefusal::KeyNotFound)
        ),
        "{error:?}"
    );
    let version: KeyUrl = format!("{}/{}", scene.key_url(), "0".repeat(32)).parse().unwrap();
    let vault = clients.key_vault.verify(scene.tenant(), &version).await.unwrap();
    assert!(matches!(vault.get_key().await, Err(KeyVaultError::Refused(KeyVaultRefusal::KeyNotFound))));
}

#[tokio::test]
async fn a_disabled_key_is_read_and_cannot_wrap() {
    let scene = Scene::begin(Lags::default()).await;
    let clients = scene.clients();
    scene.grant(scene.consent().await).await;
    scene.change_key(json!({ "enabled": false })).await;
    let vault = clients.key_vault.verify(scene.tenant(), &scene.key_url()).await.unwrap();
    let key = vault.get_key().await.unwrap();
    assert!(!key.enabled);
    let error = vault.wrap(&key).await.unwrap_err();
    assert!(
        matches!(error, KeyVaultError::Refused(KeyVaultRefusal::Forbidden(ref f)) if f.kind == ForbiddenKind::KeyDisabled),
        "{error:?}"
    );
    let error = clients.compute.put_disk_encryption_set(&scene.set_id(), &new_set(&scene, key.kid())).await;
    assert!(
        matches!(
            error,
            Err(ArmError::Refused(ArmRefusal::KeyUnusable { .. })
                | ArmError::Refused(ArmRefusal::KeyVaultAccessForbidden { .. }))
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_expired_key_cannot_wrap() {
    let scene = Scene::begin(Lags::default()).await;
    let clients = scene.clients();
    scene.grant(scene.consent().await).await;
    scene.change_key(json!({ "exp": 1_000_000_000 })).await;
    let vault = clients.key_vault.verify(scene.tenant(), &scene.key_url()).await.unwrap();
    let key = vault.get_key().await.unwrap();
    assert_eq!(key.expires.unwrap().unix_timestamp(), 1_000_000_000);
    let error = vault.wrap(&key).await.unwrap_err();
    assert!(matches!(error, KeyVaultError::Refused(KeyVaultRefusal::Forbidden(_))), "{error:?}");
}

#[tokio::test]
async fn a_set_is_refused_while_the_application_may_not_use_the_key() {
    let scene = Scene::begin(Lags::default()).await;
    let clients = scene.clients();
    let principal = scene.consent().await;
    let key: KeyUrl = format!("{}/{}", scene.key_url(), "0".repeat(32)).parse().unwrap();
    let put = clients.compute.put_disk_encryption_set(&scene.set_id(), &new_set(&scene, &key)).await;
    let error = match put {
        Ok(accepted) => match end_of(&clients, accepted).await {
            OperationState::Failed(error) => error,
            other => panic!("{other:?}"),
        },
        Err(error) => error,
    };
    assert!(matches!(error, ArmError::Refused(ArmRefusal::KeyVaultAccessForbidden { .. })), "{error:?}");
    scene.grant(principal).await;
    let accepted = put_set(&scene, &clients).await.unwrap();
    assert!(matches!(end_of(&clients, accepted).await, OperationState::Succeeded));
}

#[tokio::test]
async fn an_identity_that_is_not_the_apps_is_missing() {
    let scene = Scene::begin(Lags::default()).await;
    let clients = scene.clients();
    let nobody = azure_clients::WorkloadIdentity::with_managed_identity(
        azure_clients::IdentitySettings {
            application_id: scene.tenant().to_string().parse().unwrap(),
            ..scene.settings()
        },
        &scene.transport(),
        clients.identity.managed_identity(),
        std::sync::Arc::new(azure_clients::SystemClock),
    );
    let error = nobody.prove_consent(scene.tenant()).await.unwrap_err();
    assert!(
        matches!(error, EntraError::Refused(EntraRefusal::ConsentMissing { code: 700_016 })),
        "{error:?}"
    );
}

/// Takes one webhook call and hands its `Authorization` header on.
async fn webhook() -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/marketplace/webhook", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let answer = service_fn(move |request: Request<Incoming>| {
            let authorization = request.headers()["authorization"].to_str().unwrap().to_owned();
            sender.send(authorization).unwrap();
            async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) }
        });
        http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await.unwrap();
    });
    (url, receiver)
}

#[tokio::test]
async fn a_webhook_of_the_marketplace_is_known_by_its_token_and_its_operation() {
    let scene = Scene::begin(Lags::default()).await;
    let clients = scene.clients();
    let (url, mut calls) = webhook().await;
    let id = scene.purchase(&url).subscription_id;
    clients.marketplace.activate(id, "silver", None).await.unwrap();
    let delivery = scene.sandbox.send_webhook(id, MarketplaceAction::Suspend).await.unwrap();
    let authorization = calls.recv().await.unwrap();

    let vendor = scene.settings().vendor_tenant;
    let tokens = WebhookTokens::new(&scene.transport(), vendor, scene.application);
    let now = OffsetDateTime::now_utc();
    tokens.validate(Some(&authorization), now).await.unwrap();
    let later = now + Duration::from_secs(48 * 3600);
    assert!(matches!(tokens.validate(Some(&authorization), later).await, Err(WebhookTokenError::Expired)));
    let of_others = WebhookTokens::new(&scene.transport(), scene.tenant(), scene.application);
    assert!(matches!(
        of_others.validate(Some(&authorization), now).await,
        Err(WebhookTokenError::WrongClaim("tid"))
    ));

    let operation = clients.marketplace.operation(id, delivery.operation_id).await.unwrap();
    assert_eq!((operation.subscription_id, operation.action), (id, OperationAction::Suspend));
    let unknown = clients.marketplace.operation(id, id).await.unwrap_err();
    assert!(matches!(unknown, MarketplaceError::Refused(MarketplaceRefusal::NotFound)), "{unknown:?}");
    let subscription = clients.marketplace.subscription(id).await.unwrap();
    assert_eq!(subscription.saas_subscription_status, SubscriptionStatus::Suspended);
}
