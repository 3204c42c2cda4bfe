//! Purchases and operations, as samples have them and as they might come.

use serde_json::json;

use super::*;

const ID: &str = "9b1b5b3e-0000-4000-8000-000000000001";
const TENANT: &str = "11111111-1111-4111-8111-111111111111";

fn subscription(status: &str, quantity: &Value) -> Value {
    let party = json!({"emailId": "user@contoso.example", "objectId": ID, "tenantId": TENANT, "puid": "1"});
    json!({
        "id": ID, "name": "Contoso CMK", "publisherId": "fabrikam", "offerId": "cmk-offer", "planId": "silver",
        "quantity": quantity, "beneficiary": party, "purchaser": party,
        "allowedCustomerOperations": ["Delete", "Update", "Read"], "sessionMode": "None", "isFreeTrial": false,
        "isTest": false, "sandboxType": "None", "saasSubscriptionStatus": status,
        "term": {"termUnit": "P1M", "startDate": "2022-03-07T00:00:00Z"}, "autoRenew": true,
        "lastModified": "0001-01-01T00:00:00", "fieldOfTomorrow": null,
    })
}

#[test]
fn a_purchase_is_read_in_the_shape_of_the_documented_sample() {
    let resolved: ResolvedSubscription = serde_json::from_value(json!({
        "id": ID, "subscriptionName": "Contoso CMK", "offerId": "cmk-offer", "planId": "silver", "quantity": "20",
        "subscription": subscription(" PendingFulfillmentStart ", &json!(5)),
    }))
    .unwrap();
    assert_eq!((resolved.quantity, resolved.subscription.quantity), (Some(20), Some(5)));
    assert_eq!(resolved.subscription.saas_subscription_status, SubscriptionStatus::PendingFulfillmentStart);
    assert_eq!(resolved.subscription.beneficiary.as_ref().unwrap().tenant_id, TENANT.parse().unwrap());
    assert!(!format!("{resolved:?}").contains('@'), "an e-mail address shows: {resolved:?}");
}

#[test]
fn a_quantity_is_read_in_every_form() {
    let check = |quantity: Value, expected| {
        let read: Subscription = serde_json::from_value(subscription("Subscribed", &quantity)).unwrap();
        assert_eq!(read.quantity, expected, "{quantity}");
    };
    check(json!(7), Some(7));
    check(json!(7.0), Some(7));
    check(json!("7"), Some(7));
    check(json!(" 7 "), Some(7));
    check(json!(""), None);
    check(json!(null), None);
    for bad in [json!("many"), json!(-1), json!(1.5), json!([])] {
        assert!(serde_json::from_value::<Subscription>(subscription("Subscribed", &bad)).is_err(), "{bad}");
    }
}

#[test]
fn a_purchase_is_read_whatever_its_unused_fields_hold() {
    let odd = [json!(null), json!(""), json!(7), json!("00000000-0000-0000-0000-000000000000"), json!({})];
    for field in ["name", "offerId", "isTest", "purchaser", "term", "publisherId", "autoRenew"] {
        for value in &odd {
            let mut body = subscription("Subscribed", &json!(5.0));
            body[field] = value.clone();
            let read: Subscription = serde_json::from_value(body).unwrap();
            assert_eq!((read.quantity, read.beneficiary.is_some()), (Some(5), true), "{field}: {value}");
        }
    }
    for party in ["purchaser", "beneficiary"] {
        for value in &odd {
            let mut body = subscription("Subscribed", &json!(5));
            body[party]["objectId"] = value.clone();
            let read: Subscription = serde_json::from_value(body).unwrap();
            assert!(read.beneficiary.is_some() && read.purchaser.is_some(), "{party}: {value}");
        }
        for tenant in [json!(null), json!(""), json!("none")] {
            let mut body = subscription("Subscribed", &json!(5));
            body[party]["tenantId"] = tenant;
            let read: Subscription = serde_json::from_value(body).unwrap();
            let found = if party == "purchaser" { read.purchaser } else { read.beneficiary };
            assert_eq!(found, None, "nobody's tenant");
        }
    }
}

#[test]
fn every_status_is_read_padded_or_not() {
    let check = |text: &str, expected| assert_eq!(SubscriptionStatus::from(text.to_owned()), expected);
    check(" Subscribed ", SubscriptionStatus::Subscribed);
    check("Suspended", SubscriptionStatus::Suspended);
    check("Unsubscribed\n", SubscriptionStatus::Unsubscribed);
    check(" NotStarted", SubscriptionStatus::Other("NotStarted".into()));
}

#[test]
fn an_operation_with_an_unknown_action_is_read() {
    let operation: Operation = serde_json::from_value(json!({
        "id": ID, "activityId": ID, "subscriptionId": ID, "offerId": "o", "publisherId": "p", "planId": "silver",
        "quantity": "20", "action": "Transfer", "timeStamp": "2018-12-01T00:00:00", "status": "InProgress",
        "errorStatusCode": "", "errorMessage": "",
    }))
    .unwrap();
    assert_eq!(operation.action, OperationAction::Other("Transfer".into()));
    assert_eq!((operation.status, operation.quantity), (OperationStatus::InProgress, Some(20)));
    assert_eq!(operation.time_stamp, Some(time::macros::datetime!(2018-12-01 00:00 UTC)));
}
