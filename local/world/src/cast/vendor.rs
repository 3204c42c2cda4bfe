//! The vendor's engineer: sets up once what Latchkey stands on, makes disks, and reads them back.
//!
//! Everything here can be repeated: what is already there is used as it is.

use std::time::Duration;

use latchkey_cli::setup::Identity;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::Azure;
use super::names::{DISK_ENCRYPTION_SETS_API, DISKS_API};
use super::set_up::set_up;
use crate::story::{Story, Who};

/// Making a disk may take this long.
const DISK_LIMIT: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(200);

/// The vendor's engineer, set-up done.
#[derive(Debug)]
pub struct Vendor {
    azure: Azure,
    estate: Estate,
    story: Story,
}

/// What the one-time set-up made.
#[derive(Debug, Clone)]
pub struct Estate {
    /// The multi-tenant application that customers consent to.
    pub application_id: Uuid,
    /// The group that holds identity, disk encryption sets and disks.
    pub resource_group: String,
    /// The region of all of it.
    pub region: String,
    /// Whom the function app runs as.
    pub identity: Identity,
    /// The URL of the key that signs evidence, without a version.
    pub evidence_key: String,
}

impl DiskReading {
    /// Whether it is under the disk encryption set of this name. Azure spells ids in changing case.
    #[must_use]
    pub fn is_under_set(&self, name: &str) -> bool {
        let set = self.disk_encryption_set.as_deref().and_then(|id| id.rsplit('/').next());
        set.is_some_and(|set| set.eq_ignore_ascii_case(name))
    }
}

/// A disk as Azure Resource Manager tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskReading {
    /// ARM id.
    pub id: String,
    /// The encryption type; nothing when Azure names none.
    pub encryption: Option<String>,
    /// ARM id of the disk encryption set, in whatever case Azure spells it.
    pub disk_encryption_set: Option<String>,
}

impl Vendor {
    /// Does the one-time set-up, or finds it done.
    ///
    /// # Errors
    ///
    /// Azure refuses something, or does not answer.
    pub async fn set_up(azure: Azure, public_url: &str, story: Story) -> anyhow::Result<Self> {
        let estate = set_up(&azure, public_url, &story).await?;
        Ok(Self { azure, estate, story })
    }

    /// The engineer of an estate that something else set up.
    #[must_use]
    pub fn of(azure: Azure, estate: Estate, story: Story) -> Self {
        Self { azure, estate, story }
    }

    /// What the set-up made.
    #[must_use]
    pub fn estate(&self) -> &Estate {
        &self.estate
    }

    pub(super) fn story(&self) -> &Story {
        &self.story
    }

    /// The vendor's hands on Azure, for what a test wants to do besides.
    #[must_use]
    pub fn azure(&self) -> &Azure {
        &self.azure
    }

    /// Makes an empty managed disk for a purchase, or finds it. Returns its ARM id.
    ///
    /// # Errors
    ///
    /// Azure refuses, or does not answer.
    pub async fn make_disk_for(&self, name: &str, subscription: Uuid) -> anyhow::Result<String> {
        let id = self.compute_id("disks", name);
        if self.has_disk(name).await? {
            return Ok(id);
        }
        self.make_disk_of(name, subscription, &self.estate.region, "Premium_LRS").await
    }

    /// Makes an empty managed disk of this type for a purchase, in this region.
    ///
    /// # Errors
    ///
    /// Azure refuses, or does not answer.
    pub async fn make_disk_of(
        &self,
        name: &str,
        subscription: Uuid,
        region: &str,
        sku: &str,
    ) -> anyhow::Result<String> {
        let id = self.compute_id("disks", name);
        let since = Instant::now();
        let body = json!({
            "location": region,
            "tags": { "latchkey-subscription": subscription },
            "sku": { "name": sku },
            "properties": { "creationData": { "createOption": "Empty" }, "diskSizeGB": 32 },
        });
        self.azure.arm(Method::PUT, &id, DISKS_API, Some(&body)).await?.ok("making the disk")?;
        self.disk_is_ready(&id).await?;
        self.story.tell_since(
            since,
            Who::Vendor,
            format!("creates the managed disk {name} for the customer"),
        );
        Ok(id)
    }

    /// Makes a snapshot of a disk; an incremental one binds the disk to its key.
    ///
    /// # Errors
    ///
    /// Azure refuses, or does not answer.
    pub async fn make_snapshot(&self, name: &str, disk: &str, incremental: bool) -> anyhow::Result<()> {
        let id = self.compute_id("snapshots", name);
        let body = json!({
            "location": self.estate.region,
            "properties": {
                "creationData": { "createOption": "Copy", "sourceResourceId": disk }, "incremental": incremental,
            },
        });
        self.azure.arm(Method::PUT, &id, DISKS_API, Some(&body)).await?.ok("making the snapshot")?;
        let kind = if incremental { "an incremental" } else { "a full" };
        self.story.tell(Who::Vendor, format!("has {kind} snapshot of {}", last(disk)));
        Ok(())
    }

    /// Turns Azure Disk Encryption on, inside the machine of a disk, and off again.
    ///
    /// # Errors
    ///
    /// Azure refuses, or does not answer.
    pub async fn encrypt_in_guest_for_a_while(&self, disk: &str) -> anyhow::Result<()> {
        for enabled in [true, false] {
            let body = json!({ "properties": { "encryptionSettingsCollection": { "enabled": enabled } } });
            self.azure.arm(Method::PATCH, disk, DISKS_API, Some(&body)).await?.ok("changing the disk")?;
            self.disk_is_ready(disk).await?;
        }
        self.story.tell(Who::Vendor, format!("once had Azure Disk Encryption on for {}", last(disk)));
        Ok(())
    }

    /// Makes a managed disk for a purchase that has none.
    ///
    /// # Errors
    ///
    /// Azure refuses, or does not answer.
    pub async fn provide_disk_for(&self, subscription: Uuid) -> anyhow::Result<()> {
        let disks = self.disks().await?;
        let tag = json!(subscription);
        if !disks.iter().any(|disk| disk["tags"]["latchkey-subscription"] == tag) {
            self.make_disk_for(&format!("disk-customer-{}", disks.len() + 1), subscription).await?;
        }
        Ok(())
    }

    /// Looks through the list: to ask for one that is not there is an answer that the API's description does not have.
    async fn has_disk(&self, name: &str) -> anyhow::Result<bool> {
        Ok(self.disks().await?.iter().any(|disk| disk["name"] == name))
    }

    async fn disks(&self) -> anyhow::Result<Vec<Value>> {
        let group = self.azure.resource_group_id(&self.estate.resource_group);
        let list = format!("{group}/providers/Microsoft.Compute/disks");
        let mut body = self.azure.arm(Method::GET, &list, DISKS_API, None).await?.ok("listing the disks")?;
        match body["value"].take() {
            Value::Array(disks) => Ok(disks),
            _ => anyhow::bail!("the list of disks has no value"),
        }
    }

    /// Reads a disk of the resource group back from Azure Resource Manager.
    ///
    /// # Errors
    ///
    /// Azure refuses, or does not answer.
    pub async fn disk_named(&self, name: &str) -> anyhow::Result<DiskReading> {
        self.disk(&self.compute_id("disks", name)).await
    }

    /// Reads a disk back from Azure Resource Manager.
    ///
    /// # Errors
    ///
    /// Azure refuses, or does not answer.
    pub async fn disk(&self, id: &str) -> anyhow::Result<DiskReading> {
        let disk = self.azure.arm(Method::GET, id, DISKS_API, None).await?.ok("reading the disk")?;
        let encryption = &disk["properties"]["encryption"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Ok(DiskReading {
            id: text(&disk["id"]).unwrap_or_else(|| id.to_owned()),
            encryption: text(&encryption["type"]),
            disk_encryption_set: text(&encryption["diskEncryptionSetId"]),
        })
    }

    /// Reads every disk encryption set of the resource group, as Azure Resource Manager tells them.
    ///
    /// # Errors
    ///
    /// Azure refuses, or does not answer.
    pub async fn disk_encryption_sets(&self) -> anyhow::Result<Vec<Value>> {
        let group = self.azure.resource_group_id(&self.estate.resource_group);
        let list = format!("{group}/providers/Microsoft.Compute/diskEncryptionSets");
        let reply = self.azure.arm(Method::GET, &list, DISK_ENCRYPTION_SETS_API, None).await?;
        let mut body = reply.ok("listing the disk encryption sets")?;
        match body["value"].take() {
            Value::Array(sets) => Ok(sets),
            _ => anyhow::bail!("the list of disk encryption sets has no value"),
        }
    }

    /// Reads the disk encryption set of this name.
    ///
    /// # Errors
    ///
    /// Azure refuses, or does not answer.
    pub async fn disk_encryption_set(&self, name: &str) -> anyhow::Result<Value> {
        let id = self.compute_id("diskEncryptionSets", name);
        let reply = self.azure.arm(Method::GET, &id, DISK_ENCRYPTION_SETS_API, None).await?;
        Ok(reply.ok("reading the disk encryption set")?)
    }

    async fn disk_is_ready(&self, id: &str) -> anyhow::Result<()> {
        let limit = Instant::now() + DISK_LIMIT;
        while Instant::now() < limit {
            let reply = self.azure.arm(Method::GET, id, DISKS_API, None).await?;
            if reply.status.is_success() && reply.body["properties"]["provisioningState"] == "Succeeded" {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
        anyhow::bail!("the disk {id} was not ready after {} s", DISK_LIMIT.as_secs())
    }

    pub(super) fn compute_id(&self, kind: &str, name: &str) -> String {
        format!(
            "{}/providers/Microsoft.Compute/{kind}/{name}",
            self.azure.resource_group_id(&self.estate.resource_group)
        )
    }
}

fn last(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use sandbox::{Lags, Sandbox};

    use super::*;
    use crate::cast::Network;

    async fn set_up_in(sandbox: &Sandbox, public_url: &str) -> Vendor {
        let network = Network::new(&sandbox.proxy_url(), sandbox.ca_file()).unwrap();
        let azure = Azure::new(&network, &sandbox.seed().vendor).unwrap();
        Vendor::set_up(azure, public_url, Story::silent()).await.unwrap()
    }

    #[tokio::test]
    async fn a_repeated_set_up_finds_everything_and_makes_nothing_twice() {
        let folder = tempfile::tempdir().unwrap();
        let lags = Lags { directory_object: Duration::from_millis(300), ..Lags::default() };
        let run_folder = folder.path().to_path_buf();
        let options =
            sandbox::Options { state: None, run_folder, lags, har: false, ahead_milliseconds: None };
        let sandbox = Sandbox::start(options).await.unwrap();

        let first = set_up_in(&sandbox, "http://127.0.0.1:20001").await;
        let subscription = Uuid::from_u128(7);
        let disk = first.make_disk_for("disk", subscription).await.unwrap();
        let second = set_up_in(&sandbox, "http://127.0.0.1:20002").await;

        assert_eq!(second.estate().application_id, first.estate().application_id);
        assert_eq!(second.estate().identity.principal_id, first.estate().identity.principal_id);
        assert_eq!(second.make_disk_for("disk", subscription).await.unwrap(), disk);
        let reading = second.disk(&disk).await.unwrap();
        assert_eq!(reading.encryption.as_deref(), Some("EncryptionAtRestWithPlatformKey"));
        assert_eq!(second.disk_encryption_sets().await.unwrap(), Vec::<Value>::new());

        let applications =
            second.azure().graph(Method::GET, "/applications", None).await.unwrap().ok("").unwrap();
        let all = applications["value"].as_array().unwrap().iter();
        let latchkeys: Vec<_> = all.filter(|application| application["displayName"] == "Latchkey").collect();
        assert_eq!(latchkeys.len(), 1);
        let redirects = &latchkeys[0]["web"]["redirectUris"];
        assert_eq!(*redirects, json!(["http://127.0.0.1:20002/api/consent/callback"]));
        sandbox.stop().await;
    }
}
