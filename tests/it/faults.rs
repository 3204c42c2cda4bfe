//! Every chain ends the same, whatever fails once: faults by script on the calls that the function app makes.

use futures::{StreamExt as _, stream};
use sandbox::FaultScript;
use serde_json::{Value, json};

use crate::support::{a_world, play_through_failures, until_nothing_is_left};

/// The calls that the function app alone makes, each the first of its kind.
const CALLS: [(&str, &str, &str); 7] = [
    ("GET", "127.0.0.1", "/msi/token"),
    ("POST", "marketplaceapi.microsoft.com", "*/resolve"),
    ("POST", "*.vault.azure.net", "*/wrapkey"),
    ("POST", "*.vault.azure.net", "*/unwrapkey"),
    ("PUT", "management.azure.com", "*/diskEncryptionSets/latchkey-*"),
    ("PATCH", "management.azure.com", "*/disks/disk-customer-1"),
    ("POST", "marketplaceapi.microsoft.com", "*/activate"),
];

/// What may become of a call. A lost effect is not among them: nobody can know that what was answered was undone.
fn faults() -> [Value; 8] {
    [
        json!({ "kind": "slow", "milliseconds": 700 }),
        json!({ "kind": "throttled", "retryAfterSeconds": 1 }),
        json!({ "kind": "status", "status": 503 }),
        json!({ "kind": "status", "status": 500, "afterEffect": true }),
        json!({ "kind": "answerLost" }),
        json!({ "kind": "unseen" }),
        json!({ "kind": "cutOff" }),
        json!({ "kind": "duplicated" }),
    ]
}

/// Each call meets another fault in each world. Four of the eight turns are run, for the time they take; the disk that
/// is written twice, which once never came to rest, is in one of them.
#[tokio::test(flavor = "multi_thread")]
async fn every_chain_ends_the_same_whatever_fails_once() {
    stream::iter([0, 2, 4, 6]).for_each_concurrent(4, run).await;
}

async fn run(turn: usize) {
    let world = a_world().await;
    let kinds = faults();
    let rules: Vec<Value> = CALLS
        .iter()
        .enumerate()
        .map(|(number, (method, host, path))| {
            json!({
                "call": { "method": method, "host": host, "path": path },
                "nth": [1],
                "fault": kinds[(number + turn) % kinds.len()],
            })
        })
        .collect();
    let script = FaultScript::parse(&json!({ "faults": rules }).to_string()).unwrap();
    world.sandbox().set_faults(script);
    let signed_up = play_through_failures(&world).await;

    let summary = world.sandbox().fault_summary();
    for fault in &summary.faults {
        assert_eq!(fault.fired, 1, "turn {turn}: {} was never called", fault.call);
    }
    assert_eq!(world.vendor().disk_encryption_sets().await.unwrap().len(), 1, "turn {turn}");
    let status = world.fulfilment().subscription_status(signed_up.purchase.subscription_id).await.unwrap();
    assert_eq!(status, "Subscribed", "turn {turn}");
    until_nothing_is_left(&world).await;
    world.stop().await;
}
