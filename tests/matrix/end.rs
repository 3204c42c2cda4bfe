//! How a story ended: read from the page, from the simulated Azure, from the journal and from the queues.

use axum::{body::Body, http::Request};
use local_world::cast::{OnboardingPage, OnboardingView};
use serde_json::Value;

use crate::{
    host::{Host, asks_for_json},
    story::Cast,
};

/// The end, without what differs from story to story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    state: String,
    blockers: Vec<String>,
    /// Whether every disk of this story is under the set that the page names; or, where it names none, whether no disk is
    /// under a set and the set is gone.
    disks_are_as_said: bool,
    has_set: bool,
    subscription: String,
    /// Whether no change of the outside world succeeded twice: the set, a disk, the activation.
    nothing_twice: bool,
    journal_holds: bool,
    /// Of the machines.
    powers: Vec<String>,
    /// How many of the keys of this story somebody holds.
    keys: usize,
    dead: Vec<String>,
    left: usize,
}

impl End {
    /// Whether it is an end to compare others with.
    pub(crate) fn is_well(&self) -> bool {
        let is_still = self.blockers.is_empty() && self.dead.is_empty() && self.left == 0;
        is_still && self.disks_are_as_said && self.nothing_twice && self.journal_holds
    }

    pub(crate) async fn read(host: &Host<'_>, cast: &Cast) -> Self {
        let (stage, vendor, page) = (host.stage, &host.stage.vendor, &cast.page);
        let view = view(host, page).await;
        let name = format!("latchkey-{}", page.onboarding());
        let sets = vendor.disk_encryption_sets().await.unwrap();
        let is_there = sets.iter().any(|set| set["name"] == name.as_str());
        let said = view.disk_encryption_set.as_deref();
        let mut disks_are_as_said = is_there == said.is_some();
        for disk in &cast.disks {
            let read = vendor.disk(disk).await.unwrap();
            disks_are_as_said &= match said {
                Some(set) => read.is_under_set(set),
                None => read.disk_encryption_set.is_none(),
            };
        }
        let mut powers = vec![];
        for machine in &cast.machines {
            powers.push(vendor.power(machine).await.unwrap());
        }
        let path = format!("/api/operations/onboardings/{}/verification", page.onboarding());
        let verification = Request::get(path).body(Body::empty()).unwrap();
        Self {
            state: view.state,
            blockers: view.blockers.into_iter().map(|blocker| blocker.code).collect(),
            disks_are_as_said,
            has_set: is_there,
            subscription: stage.fulfilment.subscription_status(cast.subscription).await.unwrap(),
            nothing_twice: nothing_twice(&stage.sandbox.har(), cast, !is_there),
            journal_holds: host.app.look(verification).await.status().is_success(),
            powers,
            keys: host.app.held(&cast.keys).await,
            dead: host.dead().await,
            left: host.left(),
        }
    }
}

/// A disk is changed once, and once more when it is given back.
fn nothing_twice(har: &Value, cast: &Cast, is_given_back: bool) -> bool {
    let of_disk = if is_given_back { 2 } else { 1 };
    let disks = cast.disks.iter().all(|disk| successes(har, "PATCH", &format!("{disk}?")) <= of_disk);
    let set = format!("/diskEncryptionSets/latchkey-{}", cast.page.onboarding());
    let activation = format!("{}/activate", cast.subscription);
    disks && successes(har, "PUT", &set) <= 1 && successes(har, "POST", &activation) <= 1
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
