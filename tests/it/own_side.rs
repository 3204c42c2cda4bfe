//! What happens to many customers at once is not their doing: nobody is called revoked, and the vendor gets one alarm.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use local_world::{
    cast::{Azure, Customer, CustomerKey},
    story::Story,
    world::LocalWorld,
};
use object_store::{ObjectStore, local::LocalFileSystem};
use onboarding::{
    Cause, Fact, Onboarding, OnboardingId, ProvenKey, Purchase, SubscriptionStatus, event::EventId,
    journal::Journal, watched::Watched,
};
use reqwest::Method;
use sandbox::{Automation, FaultScript, SeedTenant};
use serde_json::{Value, json};
use service_bus::{Entity, ServiceBusClient};
use time::OffsetDateTime;
use tokio::time::Instant;
use uuid::Uuid;

use crate::support::{PATIENCE, a_world_with, plain_client};

const WATCHED: [(&str, &str); 4] = [
    ("LATCHKEY_WATCH_SECONDS", "10"),
    ("LATCHKEY_WATCH_SCHEDULE", "*/2 * * * * *"),
    ("LATCHKEY_CHECK_FIRST_SECONDS", "2"),
    ("LATCHKEY_SPREADING_SECONDS", "0"),
];

/// A customer with a tenant of its own, which has approved the application.
struct Tenant {
    id: Uuid,
    region: String,
    principal: Uuid,
    customer: Customer,
}

async fn tenant(world: &LocalWorld, number: u32) -> Tenant {
    let body = json!({ "displayName": format!("Customer {number}") });
    let url = format!("{}/control/tenants", world.sandbox().own_url());
    let made: Value = plain_client().post(url).json(&body).send().await.unwrap().json().await.unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let guid = |value: &Value| Uuid::parse_str(value.as_str().unwrap()).unwrap();
    let seed = SeedTenant {
        tenant_id: guid(&made["tenantId"]),
        domain: text(&made["domain"]),
        subscription_id: guid(&made["subscriptions"][0]["subscriptionId"]),
        administrator: Automation {
            client_id: guid(&made["administratorApplication"]["clientId"]),
            client_secret: text(&made["administratorApplication"]["clientSecret"]),
        },
        administrator_user: guid(&made["users"][0]["objectId"]),
        ordinary_user: guid(&made["users"][1]["objectId"]),
        region: text(&made["region"]),
    };
    let azure = Azure::new(world.network(), &seed).unwrap();
    let body = json!({ "appId": world.vendor().estate().application_id });
    let consented = azure.graph(Method::POST, "/servicePrincipals", Some(&body)).await.unwrap();
    let principal = guid(&consented.ok("the consent").unwrap()["id"]);
    let customer = Customer::new(azure, world.network(), Story::silent()).unwrap();
    Tenant { id: seed.tenant_id, region: seed.region, principal, customer }
}

/// An active onboarding with this key, written into the store as if it had come about.
async fn active(world: &LocalWorld, tenant: &Tenant, number: u32, key: &str) -> OnboardingId {
    let url: reqwest::Url = world.settings()["LATCHKEY_JOURNAL_URL"].parse().unwrap();
    let store = LocalFileSystem::new_with_prefix(url.to_file_path().unwrap()).unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(store);
    let journal = Journal::new(store.clone());
    let subscription = Uuid::new_v4();
    let id = OnboardingId::of_subscription(subscription);
    let cause = |origin: &str| Cause {
        event: EventId::of_origin("test", &format!("{id} {origin}")),
        function: "test",
        now: OffsetDateTime::now_utc(),
        traceparent: None,
        first_check: Duration::from_secs(60),
        hold: Duration::from_secs(7 * 86_400),
    };
    let purchase = Purchase {
        subscription,
        plan: "gold".to_owned(),
        quantity: None,
        status: SubscriptionStatus::PendingFulfillmentStart,
    };
    let bound = tenant.id.to_string().parse().unwrap();
    let region: azure_ids::Region = tenant.region.parse().unwrap();
    let opened = Onboarding::open(id, bound, region.clone(), purchase, cause("open"));
    let mut head = journal.append(None, opened).await.unwrap();
    let below = format!(
        "{}/providers/Microsoft.Compute",
        world.vendor().estate().identity.id.split("/providers/").next().unwrap()
    );
    let set: azure_ids::ArmId = format!("{below}/diskEncryptionSets/latchkey-{id}").parse().unwrap();
    let disk: azure_ids::ArmId = format!("{below}/disks/disk-of-{number}").parse().unwrap();
    let proof = ProvenKey {
        version: key.parse().unwrap(),
        tenant: bound,
        region,
        service_principal: tenant.principal.to_string().parse().unwrap(),
        warnings: vec![],
        created: None,
        expires: None,
    };
    let story = [
        Fact::KeyProven { proof },
        Fact::SetRequested { set: set.clone(), operation: None, look_after_ms: 1 },
        Fact::SetReady { set: set.clone(), disks: vec![disk.clone()] },
        Fact::DiskEncrypted { disk, set },
        Fact::Activated,
    ];
    for (place, fact) in story.into_iter().enumerate() {
        let decision = head.onboarding.decide(cause(&place.to_string()), fact).unwrap().unwrap();
        head = journal.append(Some(&head), decision).await.unwrap();
    }
    Watched::new(store).follow(&head.onboarding).await.unwrap();
    id
}

/// The stage and the first blocker's code of every onboarding, and how many entries it has.
async fn all(world: &LocalWorld) -> BTreeMap<String, (String, String, u64)> {
    let url = world.url().join("/api/operations/onboardings").unwrap();
    let listed: Value = plain_client().get(url).send().await.unwrap().json().await.unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one = |one: &Value| {
        let is = (text(&one["state"]), text(&one["blocker"]["code"]), one["entry"].as_u64().unwrap());
        (text(&one["onboarding"]), is)
    };
    listed["onboardings"].as_array().unwrap().iter().map(one).collect()
}

/// Waits until every onboarding is so; nobody may be called revoked meanwhile.
async fn until_all(world: &LocalWorld, stage: &str) {
    let are = async || {
        let all = all(world).await;
        assert!(all.values().all(|(stage, ..)| stage != "revoked"), "{all:?}");
        Ok(all.values().all(|(now, ..)| now == stage))
    };
    if let Err(error) = world.wait_until(stage, Instant::now() + PATIENCE, are).await {
        panic!("{error:#}: {:#?}", all(world).await);
    }
}

async fn alarms(world: &LocalWorld) -> Vec<Value> {
    let client = ServiceBusClient::from_connection_string(&world.broker().connection_string()).unwrap();
    let told = client.receiver(Entity::subscription("onboarding_events", "vendor"));
    let told = told.peek(0, 1000).await.unwrap();
    let events = told.iter().map(|message| serde_json::from_slice::<Value>(&message.body).unwrap());
    events.filter(|event| event["type"] == "latchkey.watch.alarm.v1").collect()
}

async fn thirty(world: &LocalWorld) {
    for number in 0..30 {
        let tenant = tenant(world, number).await;
        let key = format!("https://customer-{number}.vault.azure.net/keys/disks/{}", "0".repeat(32));
        active(world, &tenant, number, &key).await;
    }
}

/// Our application trusts our identity no more, so nobody's tenant lets us in.
#[tokio::test]
async fn without_our_own_credential_thirty_customers_are_unreachable_and_one_alarm_is_raised() {
    let world = a_world_with(&WATCHED).await;
    let azure = world.vendor().azure();
    let application = format!("/applications(appId='{}')", world.vendor().estate().application_id);
    let list = format!("{application}/federatedIdentityCredentials");
    let found = azure.graph(Method::GET, &list, None).await.unwrap().ok("the credentials").unwrap();
    let id = found["value"][0]["id"].as_str().unwrap();
    azure.graph(Method::DELETE, &format!("{list}/{id}"), None).await.unwrap().ok("removing").unwrap();
    thirty(&world).await;
    until_all(&world, "unreachable").await;
    let all = all(&world).await;
    assert!(all.values().all(|(_, code, entries)| code == "vendor-setup" && *entries == 7), "{all:?}");
    let alarms = alarms(&world).await;
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert_eq!(alarms[0]["data"]["cause"], "own-identity");
    world.stop().await;
}

/// No vault of the region answers for a while.
#[tokio::test]
async fn a_regional_outage_of_key_vault_makes_nobody_revoked_raises_one_alarm_and_all_recover() {
    let world = a_world_with(&WATCHED).await;
    let outage =
        json!({ "call": { "host": "*.vault.azure.net" }, "fault": { "kind": "status", "status": 503 } });
    let mut keys = vec![];
    for number in 0..6 {
        let tenant = tenant(&world, number).await;
        let key = working_key(&tenant, number).await;
        active(&world, &tenant, number, &key.url).await;
        keys.push(key);
    }
    world.sandbox().set_faults(FaultScript::parse(&json!({ "faults": [outage] }).to_string()).unwrap());
    until_all(&world, "unreachable").await;
    let raised = async || Ok(!alarms(&world).await.is_empty());
    world.wait_until("the alarm", Instant::now() + PATIENCE, raised).await.unwrap();
    world.sandbox().set_faults(FaultScript::parse(r#"{"faults": []}"#).unwrap());
    until_all(&world, "active").await;
    let alarms = alarms(&world).await;
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert_eq!(alarms[0]["data"]["cause"], "many-at-once");
    world.stop().await;
}

async fn working_key(tenant: &Tenant, number: u32) -> CustomerKey {
    let key = tenant.customer.make_key(&format!("customer-{number}-keys")).await.unwrap();
    tenant.customer.grant(&key, tenant.principal).await.unwrap();
    key
}

/// Azure, or a mistake of ours, refuses everybody in the way that a revocation looks. Once somebody else's key can be
/// used, the others' refusals are theirs.
#[tokio::test]
async fn while_nobody_elses_key_can_be_used_nobody_is_revoked() {
    let world = a_world_with(&WATCHED).await;
    let mut others = vec![];
    for number in 0..3 {
        let tenant = tenant(&world, number).await;
        let key = tenant.customer.make_key(&format!("customer-{number}-keys")).await.unwrap();
        active(&world, &tenant, number, &key.url).await;
        others.push((tenant, key));
    }
    let held = async || {
        let steps = world.steps();
        let held = steps.iter().filter(|step| {
            step.detail.as_deref().unwrap_or_default().contains("the customer is not called revoked")
        });
        Ok(held.count() >= 3)
    };
    world.wait_until("refusals that are not believed", Instant::now() + PATIENCE, held).await.unwrap();
    until_all(&world, "active").await;
    let alarms = alarms(&world).await;
    assert_eq!(alarms.len(), 1, "{alarms:?}");

    let (tenant, key) = &others[0];
    tenant.customer.grant(key, tenant.principal).await.unwrap();
    let two = async || {
        let all = all(&world).await;
        Ok(all.values().filter(|(stage, ..)| stage == "revoked").count() == 2)
    };
    world.wait_until("two revocations", Instant::now() + PATIENCE, two).await.unwrap();
    world.stop().await;
}
