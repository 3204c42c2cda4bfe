//! How a story ended: read from the page, from the simulated Azure, from the journal and from the queues.

use axum::{body::Body, http::Request};
use local_world::cast::{OnboardingPage, OnboardingView};
use serde_json::Value;
use uuid::Uuid;

use crate::host::{Host, asks_for_json};

/// The end, without what differs from story to story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    state: String,
    blockers: Vec<String>,
    /// Whether the set and every disk of this story were as the page says, read from Azure before the customer left.
    encrypted: bool,
    /// Whether no disk is under a set, and the set is gone.
    given_back: bool,
    subscription: String,
    /// Whether no change of the outside world succeeded twice: the set, a disk, the activation.
    nothing_twice: bool,
    journal_holds: bool,
    /// Of the machine that the disks belong to.
    power: String,
    dead: Vec<&'static str>,
    left: usize,
}

impl End {
    /// Whether the set and every disk of this story are as the page says.
    pub(crate) async fn encrypted(host: &Host<'_>, page: &OnboardingPage, disks: &[String]) -> bool {
        let view = view(host, page).await;
        let set = view.disk_encryption_set.clone().unwrap_or_default();
        let mut encrypted = !set.is_empty();
        for disk in disks {
            let read = host.stage.vendor.disk(disk).await.unwrap();
            let is_shown = view.disks.iter().any(|shown| disk.ends_with(&format!("/{}", shown.name)));
            encrypted &= is_shown && read.is_under_set(&set);
        }
        encrypted
    }

    pub(crate) async fn read(
        host: &Host<'_>,
        page: &OnboardingPage,
        subscription: Uuid,
        (disks, encrypted, power): (&[String], bool, String),
    ) -> Self {
        let view = view(host, page).await;
        let name = format!("latchkey-{}", page.onboarding());
        let sets = host.stage.vendor.disk_encryption_sets().await.unwrap();
        let mut given_back = sets.iter().all(|set| set["name"] != name.as_str());
        for disk in disks {
            given_back &= host.stage.vendor.disk(disk).await.unwrap().disk_encryption_set.is_none();
        }
        let har = host.stage.sandbox.har();
        let succeeded = |method: &str, in_url: &str| successes(&har, method, in_url);
        // Once under the set, and once back.
        let of_disks = disks.iter().map(|disk| succeeded("PATCH", &format!("{disk}?")).saturating_sub(1));
        let mut changes: Vec<usize> = of_disks.collect();
        changes.push(succeeded("PUT", &format!("/diskEncryptionSets/latchkey-{}", page.onboarding())));
        changes.push(succeeded("POST", &format!("{subscription}/activate")));
        let path = format!("/api/operations/onboardings/{}/verification", page.onboarding());
        let verification = Request::get(path).body(Body::empty()).unwrap();
        Self {
            state: view.state,
            blockers: view.blockers.into_iter().map(|blocker| blocker.code).collect(),
            encrypted,
            given_back,
            subscription: host.stage.fulfilment.subscription_status(subscription).await.unwrap(),
            nothing_twice: changes.into_iter().all(|times| times <= 1),
            journal_holds: host.app.look(verification).await.status().is_success(),
            power,
            dead: host.dead(),
            left: host.left(),
        }
    }
}

async fn view(host: &Host<'_>, page: &OnboardingPage) -> OnboardingView {
    let answer = host.app.look(asks_for_json(page.url())).await;
    serde_json::from_slice(answer.body()).unwrap()
}

/// Exchanges that succeeded. One whose answer a fault replaced is in the record as the fault gave it.
fn successes(har: &Value, method: &str, in_url: &str) -> usize {
    let is_meant = |entry: &&Value| {
        let url = entry["request"]["url"].as_str().unwrap_or_default();
        entry["request"]["method"] == method && url.to_lowercase().contains(&in_url.to_lowercase())
    };
    let succeeded = |entry: &&Value| entry["response"]["status"].as_u64().is_some_and(|status| status < 300);
    har["log"]["entries"].as_array().unwrap().iter().filter(is_meant).filter(succeeded).count()
}
