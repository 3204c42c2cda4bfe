//! The vendor's virtual machines, for the stories in which they stop and start.

use std::collections::BTreeSet;

use local_world::world::LocalWorld;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::PATIENCE;

/// Another version than Latchkey's, so that its calls can be told from these.
const API: &str = "2022-08-01";

/// One virtual machine.
pub(crate) struct Machine {
    id: String,
}

impl Machine {
    /// One that is made of these disks, and runs.
    pub(crate) async fn make(world: &LocalWorld, name: &str, disks: &[&str]) -> Self {
        let (vendor, estate) = (world.vendor(), world.vendor().estate());
        let group = vendor.azure().resource_group_id(&estate.resource_group);
        let machine = Self { id: format!("{group}/providers/Microsoft.Compute/virtualMachines/{name}") };
        let disk = |id: &&str| json!({ "createOption": "Attach", "managedDisk": { "id": id } });
        let data: Vec<Value> = disks.iter().skip(1).map(disk).collect();
        let storage = json!({ "osDisk": disk(&disks[0]), "dataDisks": data });
        let body = json!({ "location": estate.region, "properties": { "storageProfile": storage } });
        let made = vendor.azure().arm(Method::PUT, &machine.id, API, Some(&body)).await.unwrap();
        made.ok("making a machine").unwrap();
        machine.until(world, "running").await;
        machine
    }

    /// How many were down at the same time at most, as Latchkey asked Azure: from a call that deallocates one to the call after
    /// which it was started.
    pub(crate) fn most_down(world: &LocalWorld) -> usize {
        let of = |action: &'static str| {
            let calls = crate::support::exchanges(world, "POST", &format!("/{action}?")).into_iter();
            calls
                .filter(|call| call["response"]["status"].as_u64().unwrap() < 300)
                .filter(|call| !call["request"]["url"].as_str().unwrap().contains(API))
                .map(move |call| {
                    let machine =
                        call["request"]["url"].as_str().unwrap().split(action).next().unwrap().to_owned();
                    (call["startedDateTime"].as_str().unwrap().to_owned(), action, machine)
                })
        };
        let mut calls: Vec<_> = of("deallocate").chain(of("start")).collect();
        calls.sort();
        // One is asked for again when the answer was lost.
        let mut down = BTreeSet::new();
        let so_many = calls.iter().map(|(_, action, machine)| {
            if *action == "deallocate" {
                down.insert(machine)
            } else {
                down.remove(machine)
            };
            down.len()
        });
        so_many.max().unwrap_or_default()
    }

    /// Its ARM id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Somebody starts, stops or deallocates it.
    pub(crate) async fn switch(&self, world: &LocalWorld, action: &str) {
        let id = format!("{}/{action}", self.id);
        let switched = world.vendor().azure().arm(Method::POST, &id, API, None).await.unwrap();
        assert!(switched.status.is_success(), "{action}: {}", switched.status);
    }

    /// Its power, as its instance view says.
    pub(crate) async fn power(&self, world: &LocalWorld) -> String {
        let id = format!("{}/instanceView", self.id);
        let view = world.vendor().azure().arm(Method::GET, &id, API, None).await.unwrap();
        let view = view.ok("reading a machine").unwrap();
        let mut statuses = view["statuses"].as_array().unwrap().iter();
        let power = statuses.find_map(|status| status["code"].as_str()?.strip_prefix("PowerState/"));
        power.unwrap().to_owned()
    }

    /// Waits until its power is this.
    pub(crate) async fn until(&self, world: &LocalWorld, power: &str) {
        let is_so = async || Ok(self.power(world).await == power);
        if let Err(error) = world.wait_until(power, Instant::now() + PATIENCE, is_so).await {
            panic!("{error:#}: {} is {}\nsteps: {:#?}", self.id, self.power(world).await, world.steps());
        }
    }

    /// How often Azure was asked for this, and accepted. A step that another step on the same onboarding overtakes is run
    /// again and asks again, which Azure takes for the same.
    pub(crate) fn times_asked(&self, world: &LocalWorld, action: &str) -> usize {
        let by_latchkey = |entry: &&Value| !entry["request"]["url"].as_str().unwrap().contains(API);
        let asked = crate::support::exchanges(world, "POST", &format!("{}/{action}", self.id));
        crate::support::succeeded(&asked.iter().filter(by_latchkey).cloned().collect::<Vec<_>>())
    }
}
