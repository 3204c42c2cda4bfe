//! Leaving through the front door: a hold, an approval, what stands in the way and whose turn it is, and the proof.

use local_world::{cast::OnboardingPage, world::LocalWorld};
use reqwest::Method;
use sandbox::{FaultScript, MarketplaceAction};
use serde_json::{Value, json};
use tokio::{process::Command, time::Instant};

use crate::{
    machines::Machine,
    support::{
        PATIENCE, a_world_with, check_again, facts_of, grant, history, page_of, plain_client, play, until,
        until_blocked, until_nothing_is_left,
    },
};

/// Another version than Latchkey's, so that its calls can be told from these.
const API: &str = "2024-03-02";
const MACHINES_API: &str = "2024-07-01";

const QUICK: [(&str, &str); 3] = [
    ("LATCHKEY_CHECK_FIRST_SECONDS", "1"),
    ("LATCHKEY_SPREADING_SECONDS", "0"),
    ("LATCHKEY_LEAVING_HOLD_SECONDS", "2"),
];

async fn operate(world: &LocalWorld, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let url = world.url().join(&format!("/api/operations/{path}")).unwrap();
    let answer = plain_client().request(method, url).json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Runs the operator's tool, and answers what it printed.
async fn latchkey(world: &LocalWorld, arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_latchkey-local"))
        .arg("onboardings")
        .args(arguments)
        .args(["--app-url", world.url().as_str()])
        .env("LATCHKEY_OPS_DIR", folder.path())
        .env("LATCHKEY_WHO", "operator")
        .output()
        .await
        .unwrap();
    let said = [&output.stdout[..], &output.stderr[..]].map(|out| String::from_utf8_lossy(out).into_owned());
    (output.status.code(), said.concat())
}

async fn only_disk(world: &LocalWorld, page: &OnboardingPage) -> String {
    let view = world.customer().look(page).await.unwrap();
    world.vendor().disk_named(&view.disks[0].name).await.unwrap().id
}

async fn encryption(world: &LocalWorld, disk: &str) -> Option<String> {
    world.vendor().disk(disk).await.unwrap().encryption
}

/// Waits until this is one of the things that the page waits for, and the vendor's turn.
async fn until_vendors_turn(world: &LocalWorld, page: &OnboardingPage, code: &str) {
    let view = until_blocked(world, page, code).await;
    assert_eq!(view.blocker.unwrap().owner, "vendor", "{code}");
    assert_eq!(view.state, "leaving");
}

/// An image and a scale set that name the set of this disk. Azure does not list them among what the set is used for.
async fn namers_of_the_set(world: &LocalWorld, disk: &str) -> Vec<String> {
    let sets = world.vendor().disk_encryption_sets().await.unwrap();
    let set = json!({"id": sets[0]["id"]});
    let os = json!({"osType": "Linux", "osState": "Generalized", "managedDisk": {"id": disk}, "diskEncryptionSet": set});
    let profile = json!({"dataDisks": [{"lun": 0, "managedDisk": {"diskEncryptionSet": set}}]});
    let mut made = vec![];
    for (kind, properties) in [
        ("images", json!({"storageProfile": {"osDisk": os}})),
        ("virtualMachineScaleSets", json!({"virtualMachineProfile": {"storageProfile": profile}})),
    ] {
        let id = disk.replace("/disks/", &format!("/{kind}/"));
        let body = json!({"location": world.vendor().estate().region, "properties": properties});
        let put = world.vendor().azure().arm(Method::PUT, &id, MACHINES_API, Some(&body)).await.unwrap();
        put.ok("what names the set").unwrap();
        made.push(id);
    }
    made
}

#[tokio::test]
async fn what_is_in_the_way_is_named_nothing_goes_before_it_is_approved_and_the_access_ends_proven() {
    let world = a_world_with(&QUICK).await;
    let signed_up = play(&world).await;
    let (page, id) = (&signed_up.page, signed_up.page.onboarding());
    let disk = only_disk(&world, page).await;
    let machine = Machine::make(&world, "m", &[&disk]).await;
    let azure = world.vendor().azure();
    let snapshot = disk.replace("/disks/", "/snapshots/") + "-copy";
    let copy = json!({"createOption": "Copy", "sourceResourceId": disk});
    let body = json!({"location": world.vendor().estate().region, "properties": {"creationData": copy}});
    azure.arm(Method::PUT, &snapshot, API, Some(&body)).await.unwrap().ok("a snapshot").unwrap();
    let namers = namers_of_the_set(&world, &disk).await;
    let key = world.customer().look(page).await.unwrap().key.unwrap();
    let used = json!({"key": key, "reason": "a try"});
    let (status, refused) = operate(&world, Method::POST, "claims/release", &used).await;
    assert_eq!(status, 409, "{refused}");

    let unsubscribe = MarketplaceAction::Unsubscribe;
    world.sandbox().send_webhook(signed_up.purchase.subscription_id, unsubscribe).await.unwrap();
    until_vendors_turn(&world, page, "leaving-not-approved").await;
    assert_eq!(encryption(&world, &disk).await.as_deref(), Some("EncryptionAtRestWithCustomerKey"));
    let stays = operate(&world, Method::POST, &format!("onboardings/{id}/stay"), &Value::Null).await;
    assert_eq!(stays.0, 409, "its subscription is over: {}", stays.1);
    let approve = format!("onboardings/{id}/approve-leaving");
    let stale = json!({"who": "operator", "plan": 1});
    let (status, refused) = operate(&world, Method::POST, &approve, &stale).await;
    assert_eq!(status, 409, "{refused}");
    let (code, said) = latchkey(&world, &["approve-leaving", id]).await;
    assert_eq!(code, Some(6), "there is no terminal to ask on: {said}");
    let (code, said) = latchkey(&world, &["approve-leaving", id, "--yes", "--why", "seen"]).await;
    assert_eq!(code, Some(0), "{said}");
    println!("{said}\n{}", page_of(&world, page).await);
    for words in [
        "1 disk goes back",
        "(attached to m: deallocate it first)",
        "In the way of 2.",
        "snapshot  /subs",
        "image  /subs",
        "scale set  /subs",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }

    until_vendors_turn(&world, page, "disk-not-returned").await;
    machine.switch(&world, "deallocate").await;
    machine.until(&world, "deallocated").await;
    check_again(&world, page).await;
    until_vendors_turn(&world, page, "set-in-use").await;
    assert_eq!(encryption(&world, &disk).await.as_deref(), Some("EncryptionAtRestWithPlatformKey"));
    azure.arm(Method::DELETE, &snapshot, API, None).await.unwrap().ok("deleting the snapshot").unwrap();
    let is_gone = async || Ok(azure.arm(Method::GET, &snapshot, API, None).await?.status == 404);
    world.wait_until("the snapshot to be gone", Instant::now() + PATIENCE, is_gone).await.unwrap();
    check_again(&world, page).await;
    for namer in &namers {
        until_vendors_turn(&world, page, "set-in-use").await;
        azure
            .arm(Method::DELETE, namer, MACHINES_API, None)
            .await
            .unwrap()
            .ok("deleting what names it")
            .unwrap();
        check_again(&world, page).await;
    }
    let view = until_blocked(&world, page, "access-remains").await;
    assert_eq!((view.blocker.unwrap().owner.as_str(), view.disk_encryption_set), ("customer", None));
    assert!(world.vendor().disk_encryption_sets().await.unwrap().is_empty(), "the set is gone");
    let (status, free) = operate(&world, Method::POST, "claims/release", &used).await;
    assert_eq!((status, &free["holder"]), (200, &Value::Null), "its claim ended with it: {free}");

    let html = page_of(&world, page).await;
    for words in
        ["What to remove on your side", "az role assignment delete --assignee", "az ad sp delete --id"]
    {
        assert!(html.contains(words), "{words}: {html}");
    }
    let facts = facts_of(page).await;
    assert_eq!(facts["leaving"]["toRemove"].as_array().unwrap().len(), 3);
    assert!(!facts["leaving"].to_string().contains("/subscriptions/"), "the vendor's ids are the vendor's");
    let parts: Vec<&str> = key.split(['/', '.']).collect();
    let path = format!("/keys/{}", key.split('/').rev().nth(1).unwrap());
    let deleted = world.customer().azure().vault(Method::DELETE, parts[2], &path, None).await.unwrap();
    deleted.ok("the customer deletes the key").unwrap();
    check_again(&world, page).await;
    until(&world, page, "ended").await;
    let html = page_of(&world, page).await;
    println!("{html}");
    assert!(html.contains("was refused: the application has no access to it"), "{html}");
    assert_eq!(machine.power(&world).await, "deallocated");
    machine.switch(&world, "start").await;
    machine.until(&world, "running").await;

    let (_, verified) =
        operate(&world, Method::GET, &format!("onboardings/{id}/verification"), &Value::Null).await;
    assert!(verified["entries"].as_u64().is_some_and(|entries| entries > 15), "{verified}");
    let entries = history(&world, page).await;
    let facts: Vec<&str> = entries.iter().filter_map(|entry| entry["fact"]["fact"].as_str()).collect();
    let told = ["leaving-swept", "leaving-approved", "disk-return", "set-removal", "access-checked"];
    assert!(told.iter().all(|fact| facts.contains(fact)), "{facts:?}");
    until_nothing_is_left(&world).await;
    world.stop().await;
}

#[tokio::test]
async fn what_the_vendor_began_can_be_withdrawn_inside_the_hold_and_everything_is_as_before() {
    let hold = [("LATCHKEY_LEAVING_HOLD_SECONDS", "3600"), ("LATCHKEY_CHECK_FIRST_SECONDS", "1")];
    let world = a_world_with(&hold).await;
    let signed_up = play(&world).await;
    let (page, id) = (&signed_up.page, signed_up.page.onboarding());
    let disk = only_disk(&world, page).await;
    let before = world.customer().look(page).await.unwrap();
    let (code, said) = latchkey(&world, &["leave", id, "--yes"]).await;
    assert_eq!(code, Some(6), "it needs a reason: {said}");
    let (code, said) = latchkey(&world, &["leave", id, "--yes", "--why", "the contract has ended"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("nothing would be undone for 0.041"), "the plan comes first: {said}");
    let view = until(&world, page, "leaving").await;
    assert!(view.blockers.is_empty(), "{:?}", view.blockers);
    let html = page_of(&world, page).await;
    println!("{html}");
    for words in ["The vendor is ending this onboarding.", "Nothing is changed before", "Keep the key"] {
        assert!(html.contains(words), "{words}: {html}");
    }
    assert!(!html.contains("the contract has ended"), "the reason is the vendor's");
    let (code, said) = latchkey(&world, &["stay", id, "--yes"]).await;
    assert_eq!(code, Some(0), "{said}");
    let after = until(&world, page, "active").await;
    assert_eq!((after.key, after.disk_encryption_set), (before.key, before.disk_encryption_set));
    assert_eq!(encryption(&world, &disk).await.as_deref(), Some("EncryptionAtRestWithCustomerKey"));
    until_nothing_is_left(&world).await;
    world.stop().await;
}

/// The customer unsubscribes after Azure took the other key, and before anybody could record that.
#[tokio::test]
async fn who_leaves_in_the_middle_of_a_replacement_leaves_by_the_key_that_the_set_has() {
    let world = a_world_with(&[
        QUICK[0],
        QUICK[1],
        QUICK[2],
        ("LATCHKEY_LEAVING_APPROVAL", "policy"),
        ("LATCHKEY_GRACE_POLICY", "alerts-only"),
    ])
    .await;
    let signed_up = play(&world).await;
    let (page, customer) = (&signed_up.page, world.customer());
    let other = customer.make_key("contoso-others").await.unwrap();
    grant(&world, &other).await;
    customer.share_key(page, &other.url).await.unwrap();
    let works = async || Ok(facts_of(page).await["candidateKey"]["works"] == true);
    world.wait_until("the other key to work", Instant::now() + PATIENCE, works).await.unwrap();

    let sets = "*/diskEncryptionSets/latchkey-*";
    let never_seen = json!({"faults": [
        {"name": "the answer to the change is lost", "call": {"method": "PATCH", "path": sets},
         "fault": {"kind": "status", "status": 503, "afterEffect": true}},
        {"name": "the set cannot be read after it", "call": {"method": "GET", "path": sets},
         "nth": (2..400).collect::<Vec<u32>>(), "fault": {"kind": "status", "status": 503}},
    ]});
    world.sandbox().set_faults(FaultScript::parse(&never_seen.to_string()).unwrap());
    customer.replace_key(page, &other.url).await.unwrap();
    let taken = async || Ok(world.sandbox().fault_summary().faults[0].fired > 0);
    world.wait_until("the change to be taken", Instant::now() + PATIENCE, taken).await.unwrap();
    let unsubscribe = MarketplaceAction::Unsubscribe;
    world.sandbox().send_webhook(signed_up.purchase.subscription_id, unsubscribe).await.unwrap();
    until(&world, page, "leaving").await;
    world.sandbox().set_faults(FaultScript::parse(&json!({"faults": []}).to_string()).unwrap());

    until_blocked(&world, page, "access-remains").await;
    let facts = facts_of(page).await;
    let command = facts["leaving"]["toRemove"][0]["command"].as_str().unwrap();
    assert!(command.contains("--name contoso-others "), "{command}");
    world.stop().await;
}
