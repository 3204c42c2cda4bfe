//! Somebody deletes or changes the disk encryption set, or where it belongs, between two steps: nothing is encrypted under
//! what is not as it was made, nobody is billed, and the vendor's name is on it until it is as it was.

use local_world::{
    cast::{CustomerKey, OnboardingPage},
    world::LocalWorld,
};
use reqwest::Method;
use sandbox::FaultScript;
use serde_json::{Value, json};

use crate::support::{
    a_world_with, exchanges, grant, history, options, sign_up, succeeded, until, until_blocked,
    until_nothing_is_left,
};

/// What sets and disks are called with.
const COMPUTE: &str = "2025-01-02";
/// What role assignments are called with.
const ROLES: &str = "2022-04-01";
/// Contributor.
const CONTRIBUTOR: &str = "b24988ac-6180-42a0-ab88-20f7382dd24c";
/// What resource groups are called with.
const GROUPS: &str = "2024-11-01";

/// A deletion is done at once, checks come soon, and a set that was made can be read soon.
async fn a_world() -> LocalWorld {
    let mut options = options();
    options.lags.operation_polls = 0;
    let quick = [("LATCHKEY_CHECK_FIRST_SECONDS", "1"), ("LATCHKEY_SPREADING_SECONDS", "4")];
    options.settings.extend(quick.map(|(name, value)| (name.to_owned(), value.to_owned())));
    LocalWorld::start(options).await.unwrap()
}

/// Azure does not answer this call until [`no_faults`].
fn unanswered(world: &LocalWorld, method: &str, path: &str) {
    let rule = json!({
        "call": { "method": method, "path": path },
        "fault": { "kind": "status", "status": 503 }
    });
    world.sandbox().set_faults(FaultScript::parse(&json!({ "faults": [rule] }).to_string()).unwrap());
}

fn no_faults(world: &LocalWorld) {
    world.sandbox().set_faults(FaultScript::parse(&json!({ "faults": [] }).to_string()).unwrap());
}

/// An onboarding with one disk, held up where Azure does not answer this call.
async fn held_up_at(
    world: &LocalWorld,
    (method, path): (&str, &str),
    state: &str,
) -> (OnboardingPage, CustomerKey) {
    let page = sign_up(world).await.page;
    world.customer().consent(&page).await.unwrap();
    until(world, &page, "awaiting-key").await;
    let key = world.customer().make_key("contoso-keys").await.unwrap();
    grant(world, &key).await;
    unanswered(world, method, path);
    world.customer().share_key(&page, &key.url).await.unwrap();
    until(world, &page, state).await;
    (page, key)
}

async fn set_of(world: &LocalWorld, page: &OnboardingPage) -> Value {
    let name = format!("latchkey-{}", page.onboarding());
    world.vendor().disk_encryption_set(&name).await.unwrap()
}

/// Changes the set as soon as Azure takes it: another key's grant may still be spreading.
async fn on_set(world: &LocalWorld, method: Method, set: &Value, body: Option<&Value>) {
    let id = set["id"].as_str().unwrap();
    let change = async || {
        let reply = world.vendor().azure().arm(method.clone(), id, COMPUTE, body).await?;
        reply.ok("changing the set").map(drop).map_err(Into::into)
    };
    crate::support::insist(world, "the change", change).await;
}

async fn is_told(world: &LocalWorld, page: &OnboardingPage, fact: &str) -> bool {
    history(world, page).await.iter().any(|entry| entry["fact"]["fact"] == fact)
}

/// The disk is under the set that is there now, and everything else is as without the incident.
async fn until_all_is_well(world: &LocalWorld, page: &OnboardingPage) {
    let view = until(world, page, "active").await;
    assert_eq!((view.disks.len(), view.blockers.len()), (1, 0));
    let disk = world.vendor().disk_named("disk-customer-1").await.unwrap();
    assert!(disk.is_under_set(view.disk_encryption_set.as_deref().unwrap()), "{disk:?}");
    until_nothing_is_left(world).await;
}

#[tokio::test]
async fn a_set_that_is_deleted_before_it_was_read_back_is_made_again() {
    let world = a_world().await;
    // It has just been asked for, and what became of that is not heard.
    let (page, _) = held_up_at(&world, ("GET", "*/operations/*"), "provisioning").await;
    let asked = async || Ok(is_told(&world, &page, "set-requested").await);
    let patience = tokio::time::Instant::now() + crate::support::PATIENCE;
    world.wait_until("the set", patience, asked).await.unwrap();
    let set = set_of(&world, &page).await;
    on_set(&world, Method::DELETE, &set, None).await;
    no_faults(&world);
    until_all_is_well(&world, &page).await;
    assert!(is_told(&world, &page, "set-gone").await);
    assert_eq!(succeeded(&exchanges(&world, "PUT", "/diskEncryptionSets/")), 2);
    world.stop().await;
}

#[tokio::test]
async fn a_set_that_is_deleted_before_the_first_disk_is_made_again() {
    let world = a_world().await;
    let (page, _) = held_up_at(&world, ("GET", "*/disks/disk-customer-1"), "encrypting").await;
    let set = set_of(&world, &page).await;
    on_set(&world, Method::DELETE, &set, None).await;
    no_faults(&world);
    until_all_is_well(&world, &page).await;
    assert!(is_told(&world, &page, "set-gone").await);
    world.stop().await;
}

/// The key that it uses, whether it follows new versions, by which identity it calls, whose it is.
#[tokio::test]
async fn a_set_that_somebody_changed_encrypts_nothing_until_it_is_as_it_was() {
    let world = a_world().await;
    let (page, key) = held_up_at(&world, ("GET", "*/disks/disk-customer-1"), "encrypting").await;
    let set = set_of(&world, &page).await;
    let other = world.customer().make_key("contoso-other").await.unwrap();
    grant(&world, &other).await;
    let properties = |name: &str, value: Value| json!({ "properties": { name: value } });
    let of_key = |key: &CustomerKey| properties("activeKey", json!({ "keyUrl": key.url }));
    let identity = |value: Value| json!({ "identity": value });
    let assigned = world.vendor().estate().identity.id.clone();
    let the_identity = json!({ "type": "UserAssigned", "userAssignedIdentities": { assigned: {} } });
    let changes = [
        (of_key(&other), of_key(&key), "set-changed", "key is"),
        (
            properties("rotationToLatestKeyVersionEnabled", json!(false)),
            properties("rotationToLatestKeyVersionEnabled", json!(true)),
            "set-changed",
            "rotationToLatestKeyVersionEnabled",
        ),
        (identity(json!({ "type": "None" })), identity(the_identity), "set-changed", "identity"),
        (json!({ "tags": {} }), json!({ "tags": set["tags"] }), "set-not-ours", ""),
    ];
    let mut back = None;
    for (change, undo, code, names) in changes {
        // The next change comes before the last one is undone: at no moment the set is as it was.
        on_set(&world, Method::PATCH, &set, Some(&change)).await;
        if let Some(back) = back.replace(undo) {
            on_set(&world, Method::PATCH, &set, Some(&back)).await;
        }
        no_faults(&world);
        let names_it = async || {
            // Its own checks come ever less often, and one that comes while Azure still changes the set finds what was.
            let _ = world.customer().check_again(&page).await;
            let view = world.customer().look(&page).await?;
            Ok(view.blockers.iter().any(|found| found.code == code && found.summary.contains(names)))
        };
        let patience = tokio::time::Instant::now() + crate::support::PATIENCE;
        if let Err(error) = world.wait_until(names, patience, names_it).await {
            let steps = world.steps().into_iter().map(|step| {
                format!("{} {} {:?} {:?}", step.started_at.time(), step.function, step.outcome, step.detail)
            });
            panic!("{error:#}: {:#?}\n{:#?}", world.customer().look(&page).await, steps.collect::<Vec<_>>());
        }
    }
    assert_eq!(succeeded(&exchanges(&world, "PATCH", "/disks/")), 0, "nothing was encrypted meanwhile");
    on_set(&world, Method::PATCH, &set, Some(&back.unwrap())).await;
    let is_well = async || {
        // One that comes while Azure still changes the set finds what was.
        let _ = world.customer().check_again(&page).await;
        Ok(world.customer().look(&page).await?.state == "active")
    };
    let patience = tokio::time::Instant::now() + crate::support::PATIENCE;
    world.wait_until("the state active", patience, is_well).await.unwrap();
    until_all_is_well(&world, &page).await;
    assert_eq!(succeeded(&exchanges(&world, "PUT", "/diskEncryptionSets/")), 1, "it is the same set");
    world.stop().await;
}

#[tokio::test]
async fn nobody_is_billed_while_the_set_is_not_as_it_was_made() {
    let world = a_world().await;
    let (page, _) = held_up_at(&world, ("POST", "*/activate"), "activating").await;
    let set = set_of(&world, &page).await;
    let rotates = |value: bool| json!({ "properties": { "rotationToLatestKeyVersionEnabled": value } });
    on_set(&world, Method::PATCH, &set, Some(&rotates(false))).await;
    no_faults(&world);
    let view = until_blocked(&world, &page, "set-changed").await;
    assert!(!view.activated);
    assert_eq!(succeeded(&exchanges(&world, "POST", "/activate")), 0);
    on_set(&world, Method::PATCH, &set, Some(&rotates(true))).await;
    until_all_is_well(&world, &page).await;
    world.stop().await;
}

/// Latchkey's managed identity is a contributor there from now on.
async fn may_do_everything(world: &LocalWorld, scope: &str) {
    let id = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{}", uuid::Uuid::new_v4());
    let role = format!("{scope}/providers/Microsoft.Authorization/roleDefinitions/{CONTRIBUTOR}");
    let principal = world.vendor().estate().identity.principal_id;
    let properties =
        json!({ "roleDefinitionId": role, "principalId": principal, "principalType": "ServicePrincipal" });
    let body = json!({ "properties": properties });
    world.vendor().azure().arm(Method::PUT, &id, ROLES, Some(&body)).await.unwrap().ok("the role").unwrap();
}

#[tokio::test]
async fn a_resource_group_that_is_not_there_is_the_vendors_turn_until_it_is() {
    let world = a_world_with(&[
        ("LATCHKEY_CHECK_FIRST_SECONDS", "1"),
        ("LATCHKEY_SPREADING_SECONDS", "4"),
        ("LATCHKEY_RESOURCE_GROUP", "rg-gone"),
    ])
    .await;
    let page = sign_up(&world).await.page;
    crate::support::consent_and_share(&world, &page, "contoso-keys").await;
    // Without a role anywhere Azure does not say whether it is there, and whether the role still spreads is not known.
    let view = until_blocked(&world, &page, "provisioning-failed").await;
    assert!(view.blocker.unwrap().summary.contains("AuthorizationFailed"));
    let azure = world.vendor().azure();
    let group = azure.resource_group_id("rg-gone");
    let (subscription, _) = group.split_once("/resourceGroups").unwrap();
    may_do_everything(&world, subscription).await;
    let names_it = async || {
        let blocker = world.customer().look(&page).await?.blocker;
        Ok(blocker.is_some_and(|found| found.summary.contains("ResourceGroupNotFound")))
    };
    let patience = tokio::time::Instant::now() + crate::support::PATIENCE;
    world.wait_until("the group to be named", patience, names_it).await.unwrap();
    let body = json!({ "location": world.vendor().estate().region });
    azure.arm(Method::PUT, &group, GROUPS, Some(&body)).await.unwrap().ok("the group").unwrap();
    until_blocked(&world, &page, "no-disks").await;
    until_nothing_is_left(&world).await;
    world.stop().await;
}
