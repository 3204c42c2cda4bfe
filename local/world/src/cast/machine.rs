//! The vendor's machine: what runs on the customer's disks, and what a lost key does to it.

use std::time::Duration;

use anyhow::Context;
use reqwest::Method;
use serde_json::json;
use tokio::time::sleep;

use super::Vendor;
use super::names::MACHINES_API;

/// How often a machine is looked at until it runs.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// A virtual machine, by its ARM id.
#[derive(Debug, Clone)]
pub struct Machine(String);

impl Vendor {
    /// Makes a machine that runs from this disk.
    ///
    /// # Errors
    ///
    /// Azure refuses, or does not answer.
    pub async fn make_machine(&self, name: &str, disk: &str) -> anyhow::Result<Machine> {
        self.make_machine_of(name, &[disk.to_owned()]).await
    }

    /// Makes a machine that runs from the first of these disks, and has the others.
    ///
    /// # Errors
    ///
    /// Azure refuses, or does not answer.
    pub async fn make_machine_of(&self, name: &str, disks: &[String]) -> anyhow::Result<Machine> {
        let id = self.compute_id("virtualMachines", name);
        let mut attached =
            disks.iter().map(|disk| json!({ "createOption": "Attach", "managedDisk": { "id": disk } }));
        let os_disk = attached.next().context("a machine runs from a disk")?;
        let body = json!({
            "location": self.estate().region,
            "properties": {
                "storageProfile": { "osDisk": os_disk, "dataDisks": attached.collect::<Vec<_>>() },
            },
        });
        self.azure().arm(Method::PUT, &id, MACHINES_API, Some(&body)).await?.ok("making the machine")?;
        Ok(Machine(id))
    }

    /// Whether a machine runs, such as `running` or `stopped`, as Azure Resource Manager tells it.
    ///
    /// # Errors
    ///
    /// Azure refuses, or does not answer.
    pub async fn power(&self, machine: &Machine) -> anyhow::Result<String> {
        let view = format!("{}/instanceView", machine.0);
        let view = self.azure().arm(Method::GET, &view, MACHINES_API, None).await?;
        let view = view.ok("reading the machine")?;
        let mut codes =
            view["statuses"].as_array().into_iter().flatten().filter_map(|one| one["code"].as_str());
        let power = codes.find_map(|code| code.strip_prefix("PowerState/"));
        Ok(power.context("the machine has no power state")?.to_owned())
    }

    /// Stops a machine and frees what it runs on, so that the encryption of its disks can be changed.
    ///
    /// # Errors
    ///
    /// Azure refuses, or does not answer.
    pub async fn deallocate(&self, machine: &Machine) -> anyhow::Result<()> {
        let id = format!("{}/deallocate", machine.0);
        self.azure().arm(Method::POST, &id, MACHINES_API, None).await?.ok("deallocating the machine")?;
        Ok(())
    }

    /// Starts a machine, and tells whether it runs then.
    ///
    /// # Errors
    ///
    /// Azure refuses to try, or does not answer.
    pub async fn start(&self, machine: &Machine) -> anyhow::Result<bool> {
        let start = format!("{}/start", machine.0);
        self.azure().arm(Method::POST, &start, MACHINES_API, None).await?.ok("starting the machine")?;
        for _ in 0..LOOKS {
            if self.power(machine).await? == "running" {
                return Ok(true);
            }
            sleep(PAUSE).await;
        }
        Ok(false)
    }
}
