//! The fulfillment API.

use std::time::Duration;

use azure_clients::{
    EntraError, EntraRefusal, Marketplace, MarketplaceError, MarketplaceRefusal, Outage,
    marketplace::{LandingToken, OperationAction, SubscriptionStatus},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    Answer, FakeCloud, body_of, entra_refusal, identity, refusal, token_in_the_tenant_asked,
};

const ID: &str = "9b1b5b3e-0000-4000-8000-000000000001";
const HOST: &str = "marketplaceapi.microsoft.com";

fn id() -> Uuid {
    ID.parse().unwrap()
}

fn subscription() -> Value {
    json!({"id": ID, "offerId": "cmk-offer", "planId": "silver", "quantity": "", "saasSubscriptionStatus": " Subscribed ",
        "beneficiary": {"emailId": "user@contoso.example", "tenantId": ID, "objectId": ID}})
}

async fn marketplace_that_answers(answer: Answer) -> (FakeCloud, Marketplace) {
    let cloud = FakeCloud::start(move |seen| match seen.host.as_str() {
        HOST => answer.clone(),
        _ => token_in_the_tenant_asked(seen),
    })
    .await;
    let marketplace = Marketplace::new(&cloud.transport(), &identity(&cloud));
    (cloud, marketplace)
}

#[tokio::test]
async fn a_landing_token_is_resolved_in_a_header_and_in_no_url() {
    let body = json!({"id": ID, "offerId": "cmk-offer", "planId": "silver", "quantity": 3, "subscription": subscription()});
    let (cloud, marketplace) = marketplace_that_answers(Answer::json(200, &body)).await;
    let token = LandingToken::from_decoded_parameter("ab cd/ef==").unwrap();
    let resolved = marketplace.resolve(&token).await.unwrap();
    assert_eq!((resolved.id, resolved.quantity), (id(), Some(3)));
    assert_eq!(resolved.subscription.saas_subscription_status, SubscriptionStatus::Subscribed);

    let seen = &cloud.seen_at(HOST)[0];
    assert_eq!(seen.path, "/api/saas/subscriptions/resolve?api-version=2018-08-31");
    assert_eq!((seen.method.as_str(), seen.header("x-ms-marketplace-token")), ("POST", Some("ab+cd/ef==")));
    assert!(seen.header("authorization").unwrap().starts_with("Bearer "));

    let login = &cloud.seen_at("login.microsoftonline.com")[0];
    let form: std::collections::BTreeMap<_, _> =
        url::form_urlencoded::parse(&login.body).into_owned().collect();
    assert_eq!(form["scope"], "20e940b3-4c77-4b0b-9a53-9e16a1b010a7/.default");
}

#[tokio::test]
async fn a_subscription_is_read_and_activated() {
    let (cloud, marketplace) = marketplace_that_answers(Answer::json(200, &subscription())).await;
    assert_eq!(marketplace.subscription(id()).await.unwrap().quantity, None);
    marketplace.activate(id(), "silver", None).await.unwrap();
    marketplace.activate(id(), "silver", Some(5)).await.unwrap();
    let seen = cloud.seen_at(HOST);
    assert_eq!(seen[0].path, format!("/api/saas/subscriptions/{ID}?api-version=2018-08-31"));
    assert_eq!(seen[1].path, format!("/api/saas/subscriptions/{ID}/activate?api-version=2018-08-31"));
    assert_eq!(body_of(&seen[1]), json!({"planId": "silver"}));
    assert_eq!(body_of(&seen[2]), json!({"planId": "silver", "quantity": "5"}));
    assert_eq!(cloud.seen_at("login.microsoftonline.com").len(), 1, "the publisher's token is cached");
}

#[tokio::test]
async fn an_operation_is_read() {
    let body = json!({"id": ID, "subscriptionId": ID, "action": "Unsubscribe", "status": "Succeeded"});
    let (cloud, marketplace) = marketplace_that_answers(Answer::json(200, &body)).await;
    let operation = marketplace.operation(id(), id()).await.unwrap();
    assert_eq!(operation.action, OperationAction::Unsubscribe);
    assert_eq!(
        cloud.seen_at(HOST)[0].path,
        format!("/api/saas/subscriptions/{ID}/operations/{ID}?api-version=2018-08-31")
    );
}

/// The authors of Microsoft's emulator noted that the real API answers 400, and not 404, for one that it does not find.
#[tokio::test]
async fn an_operation_that_is_not_found_is_answered_in_two_ways() {
    for answer in [refusal(404, "NotFound"), refusal(400, "BadArgument"), Answer::text(400, "")] {
        let (_cloud, marketplace) = marketplace_that_answers(answer).await;
        let error = marketplace.operation(id(), id()).await.unwrap_err();
        assert!(matches!(error, MarketplaceError::Refused(MarketplaceRefusal::NotFound)), "{error:?}");
    }
}

#[tokio::test]
async fn an_operation_is_agreed_to() {
    let (cloud, marketplace) = marketplace_that_answers(Answer::json(200, &json!({}))).await;
    marketplace.agree(id(), id()).await.unwrap();
    let seen = cloud.seen_at(HOST);
    assert_eq!((seen[0].method.as_str(), body_of(&seen[0])), ("PATCH", json!({"status": "Success"})));
    assert_eq!(seen[0].path, format!("/api/saas/subscriptions/{ID}/operations/{ID}?api-version=2018-08-31"));
}

#[tokio::test]
async fn every_refusal_of_the_marketplace_has_its_variant() {
    async fn refused(answer: Answer) -> MarketplaceError {
        let (_cloud, marketplace) = marketplace_that_answers(answer).await;
        marketplace.activate(id(), "silver", None).await.unwrap_err()
    }
    assert!(
        matches!(refused(refusal(400, "BadArgument")).await, MarketplaceError::Refused(MarketplaceRefusal::BadRequest { code: Some(code) }) if code == "BadArgument")
    );
    assert!(
        matches!(refused(Answer::json(400, &json!({"code": "Bare"}))).await, MarketplaceError::Refused(MarketplaceRefusal::BadRequest { code: Some(code) }) if code == "Bare")
    );
    assert!(matches!(
        refused(Answer::text(400, "")).await,
        MarketplaceError::Refused(MarketplaceRefusal::BadRequest { code: None })
    ));
    assert!(matches!(
        refused(Answer::text(401, "")).await,
        MarketplaceError::Refused(MarketplaceRefusal::Forbidden)
    ));
    assert!(matches!(
        refused(Answer::text(403, "")).await,
        MarketplaceError::Refused(MarketplaceRefusal::Forbidden)
    ));
    assert!(matches!(
        refused(Answer::text(404, "")).await,
        MarketplaceError::Refused(MarketplaceRefusal::NotFound)
    ));
    assert!(matches!(
        refused(Answer::text(409, "")).await,
        MarketplaceError::Refused(MarketplaceRefusal::Conflict)
    ));
    let throttled = refused(Answer::text(429, "").with_header("retry-after", "4")).await;
    assert_eq!(throttled.retry_after(), Some(Duration::from_secs(4)));
    assert!(matches!(
        refused(Answer::text(500, "")).await,
        MarketplaceError::Unavailable(Outage::Status { status: 500, .. })
    ));
    assert!(matches!(refused(Answer::text(301, "")).await, MarketplaceError::Undecodable(_)));

    let (_cloud, marketplace) = marketplace_that_answers(Answer::text(200, "[]")).await;
    assert!(matches!(marketplace.subscription(id()).await, Err(MarketplaceError::Undecodable(_))));
}

#[tokio::test]
async fn an_expired_landing_token_is_told_apart() {
    let (_cloud, marketplace) = marketplace_that_answers(refusal(400, "BadArgument")).await;
    let token = LandingToken::from_decoded_parameter("expired").unwrap();
    assert!(matches!(
        marketplace.resolve(&token).await,
        Err(MarketplaceError::Refused(MarketplaceRefusal::LandingTokenRefused))
    ));
    let (_cloud, marketplace) = marketplace_that_answers(Answer::text(403, "")).await;
    assert!(matches!(
        marketplace.resolve(&token).await,
        Err(MarketplaceError::Refused(MarketplaceRefusal::Forbidden))
    ));
}

#[tokio::test]
async fn a_publisher_that_entra_refuses_never_calls_the_marketplace() {
    let cloud = FakeCloud::start(|seen| match seen.host.as_str() {
        HOST => panic!("called without a token"),
        _ => entra_refusal(400, 500_011),
    })
    .await;
    let marketplace = Marketplace::new(&cloud.transport(), &identity(&cloud));
    let error = marketplace.subscription(id()).await.unwrap_err();
    assert!(
        matches!(
            error,
            MarketplaceError::Token(ref error)
                if matches!(**error, EntraError::Refused(EntraRefusal::ServiceUnknown { code: 500_011 }))
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_bodies_of_the_documented_samples_are_read() {
    let fixture = |text: &str| Answer::json(200, &serde_json::from_str(text).unwrap());
    let (_cloud, marketplace) =
        marketplace_that_answers(fixture(include_str!("../fixtures/marketplace/resolve_200.json"))).await;
    let token = LandingToken::from_decoded_parameter("any").unwrap();
    let resolved = marketplace.resolve(&token).await.unwrap();
    assert_eq!((resolved.quantity, resolved.subscription.quantity), (Some(20), Some(5)));
    assert_eq!(resolved.subscription.saas_subscription_status, SubscriptionStatus::PendingFulfillmentStart);
    assert!(!format!("{resolved:?}").contains('@'), "{resolved:?}");

    let (_cloud, marketplace) =
        marketplace_that_answers(fixture(include_str!("../fixtures/marketplace/get_subscription_200.json")))
            .await;
    let subscription = marketplace.subscription(id()).await.unwrap();
    assert!(
        !matches!(subscription.saas_subscription_status, SubscriptionStatus::Other(_)),
        "{subscription:?}"
    );
    assert!(subscription.beneficiary.is_some());

    let (_cloud, marketplace) =
        marketplace_that_answers(fixture(include_str!("../fixtures/marketplace/operation_get_200.json")))
            .await;
    let operation = marketplace.operation(id(), id()).await.unwrap();
    assert_eq!((operation.action, operation.quantity), (OperationAction::ChangePlan, Some(20)));
}
