//! Much is wrong when this customer shares a key, and with the disks that the vendor has for them. Each finding is mended by
//! doing what its own text says, its commands included. Nothing is changed in Azure before the preflight has named what
//! cannot be encrypted, and nobody is billed before everything is.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::Readings;
use crate::cast::{Azure, Blocker, OnboardingPage, az};
use crate::story::Who;
use crate::world::LocalWorld;

/// The longest wait for a check: they come ever less often.
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);
const VAULTS_API: &str = "2023-07-01";
const GROUP_OF_KEYS: &str = "rg-keys";
const NAME: &str = "disks";
/// A vault that uses access policies.
const OLD_VAULT: &str = "contoso-old";

/// Every refusal is told at once, and a key has to be tagged by whoever owns it.
pub(super) const SETTINGS: &[(&str, &str)] =
    &[("LATCHKEY_OWNERSHIP_PROOF", "tag"), ("LATCHKEY_SPREADING_SECONDS", "0")];

pub(super) async fn play(world: &LocalWorld) -> anyhow::Result<Readings> {
    let story = Misconfigured::begin(world).await?;
    story.mend_the_vault().await?;
    story.mend_the_access_policies().await?;
    story.mend_the_firewall().await?;
    story.mend_the_key().await?;
    story.mend_the_quota().await?;
    story.mend_the_disks().await?;
    story.end().await
}

struct Misconfigured<'world> {
    world: &'world LocalWorld,
    page: OnboardingPage,
    subscription: Uuid,
    mended: std::cell::RefCell<Vec<String>>,
}

impl<'world> Misconfigured<'world> {
    /// The vendor's disks, and the customer's consent.
    async fn begin(world: &'world LocalWorld) -> anyhow::Result<Self> {
        let (vendor, customer) = (world.vendor(), world.customer());
        let purchase = world.purchase().await?;
        let subscription = purchase.subscription_id;
        let good = vendor.make_disk_for("disk-good", subscription).await?;
        vendor.make_snapshot("of-good", &good, false).await?;
        vendor.make_disk_of("disk-elsewhere", subscription, "northeurope", "Premium_LRS").await?;
        let guest = vendor.make_disk_for("disk-guest", subscription).await?;
        vendor.encrypt_in_guest_for_a_while(&guest).await?;
        let incremental = vendor.make_disk_for("disk-incremental", subscription).await?;
        vendor.make_snapshot("backup", &incremental, true).await?;
        let region = &vendor.estate().region;
        vendor.make_disk_of("disk-fast", subscription, region, "PremiumV2_LRS").await?;
        world.sandbox().let_direct_drive_be_refused(true);

        let page = customer.sign_up(&purchase.landing).await?;
        let mended = std::cell::RefCell::default();
        let story = Self { world, page, subscription, mended };
        story.found("consent-missing").await?;
        customer.consent(&story.page).await?;
        story.found("key-not-shared").await?;
        Ok(story)
    }

    /// The name of the vault is wrong; it is another tenant's; it is in another region.
    async fn mend_the_vault(&self) -> anyhow::Result<()> {
        self.share("https://contoso-kyes.vault.azure.net/keys/disks").await?;
        self.found("vault-not-found").await?;
        let vendor = self.world.vendor().azure();
        make_vault(
            vendor,
            &self.world.vendor().estate().resource_group,
            "somebody-elses",
            &vendor.region,
            json!({}),
        )
        .await?;
        self.share("https://somebody-elses.vault.azure.net/keys/disks").await?;
        self.found("wrong-tenant").await?;
        self.make_vault("contoso-elsewhere", "northeurope", json!({})).await?;
        self.share("https://contoso-elsewhere.vault.azure.net/keys/disks").await?;
        self.found("wrong-region").await?;
        Ok(())
    }

    /// The vault uses access policies, and none is for the application; there is no key of this name; the key was deleted.
    async fn mend_the_access_policies(&self) -> anyhow::Result<()> {
        let customer = self.world.customer();
        let azure = customer.azure();
        let administrator = customer.service_principal(azure.client_id()).await?;
        let theirs = json!({
            "tenantId": azure.tenant_id, "objectId": administrator,
            "permissions": { "keys": ["get", "list", "create", "delete", "recover"] },
        });
        let by_policies = json!({ "enableRbacAuthorization": false, "accessPolicies": [theirs] });
        self.make_vault(OLD_VAULT, &azure.region, by_policies).await?;
        let rsa = json!({ "kty": "RSA", "key_size": 2048 });
        let path = format!("/keys/{NAME}/create");
        azure.vault(Method::POST, OLD_VAULT, &path, Some(&rsa)).await?.ok("making the key")?;
        self.share(&format!("https://{OLD_VAULT}.vault.azure.net/keys/{NAME}")).await?;
        self.mend("access-policy-missing").await?;
        self.found("ownership-not-proven").await?;
        self.share(&format!("https://{OLD_VAULT}.vault.azure.net/keys/disk")).await?;
        self.found("key-not-found").await?;
        // The vault says the same of a key that was deleted.
        let key = format!("/keys/{NAME}");
        azure.vault(Method::DELETE, OLD_VAULT, &key, None).await?.ok("deleting the key")?;
        self.share(&format!("https://{OLD_VAULT}.vault.azure.net/keys/{NAME}")).await?;
        self.mend("key-not-found").await?;
        self.found("ownership-not-proven").await?;
        Ok(())
    }

    /// The application may not use the key; the vault can be reached by private endpoints alone; its firewall is shut.
    async fn mend_the_firewall(&self) -> anyhow::Result<()> {
        self.world.customer().make_key("contoso-keys").await?;
        self.share("https://contoso-keys.vault.azure.net/keys/disks").await?;
        self.mend("grant-missing").await?;
        self.found("ownership-not-proven").await?;
        let shut =
            json!({ "defaultAction": "Deny", "bypass": "None", "ipRules": [], "virtualNetworkRules": [] });
        let body = json!({ "properties": { "publicNetworkAccess": "Disabled", "networkAcls": shut } });
        self.arm(Method::PATCH, &self.vault_id("contoso-keys"), &body).await?;
        self.mend("private-only").await?;
        self.mend("firewall").await?;
        self.found("ownership-not-proven").await?;
        Ok(())
    }

    /// Its newest version is of another type; then it is disabled, valid only later, soon expired, and good for signing
    /// alone; and nobody has shown that it is the customer's.
    async fn mend_the_key(&self) -> anyhow::Result<()> {
        let elliptic = json!({ "kty": "EC", "crv": "P-256" });
        self.key(Method::POST, "/create", &elliptic).await?;
        self.mend("key-type").await?;
        self.found("ownership-not-proven").await?;
        let at = |hours: i64| (self.world.now() + time::Duration::hours(hours)).unix_timestamp();
        let wrong = json!({
            "attributes": { "enabled": false, "nbf": at(12), "exp": at(20) },
            "key_ops": ["sign", "verify"],
            "tags": { "team": "storage" },
        });
        self.key(Method::PATCH, "", &wrong).await?;
        for code in ["key-disabled", "key-not-yet-valid", "key-expired", "key-operations"] {
            self.mend(code).await?;
        }
        // Azure takes no other set, which is found when the key works.
        self.allow_sets(0).await?;
        self.mend("ownership-not-proven").await
    }

    async fn mend_the_quota(&self) -> anyhow::Result<()> {
        self.found("set-quota").await?;
        let sets = self.world.vendor().disk_encryption_sets().await?;
        ensure!(sets.is_empty(), "a set was made before the preflight was over");
        for code in ["disk-in-other-region", "disk-encrypted-in-guest", "disk-has-incremental-snapshots"] {
            self.find(code).await?.with_context(|| format!("the preflight did not name {code}"))?;
        }
        self.world
            .story()
            .tell(Who::Vendor, "reads on the page which disks cannot be encrypted; nothing is changed yet");
        self.allow_sets(5000).await?;
        self.world.story().tell(Who::Vendor, "has Azure support raise the quota of disk encryption sets");
        Ok(())
    }

    async fn mend_the_disks(&self) -> anyhow::Result<()> {
        self.found("disk-refused").await?;
        ensure!(!self.is_activated().await?, "billed before every disk is encrypted");
        let vendor = self.world.vendor();
        for (code, copy) in
            [("disk-in-other-region", "disk-elsewhere-copy"), ("disk-encrypted-in-guest", "disk-guest-copy")]
        {
            vendor.make_disk_for(copy, self.subscription).await?;
            self.mend(code).await?;
        }
        self.mend("disk-has-incremental-snapshots").await?;
        ensure!(!self.is_activated().await?, "billed before every disk is encrypted");
        self.world.sandbox().let_direct_drive_be_refused(false);
        self.told("disk-refused", Who::Vendor, "Azure now takes Premium SSD v2 here");
        Ok(())
    }

    async fn end(&self) -> anyhow::Result<Readings> {
        let view = async || self.world.customer().look(&self.page).await;
        let active = async || Ok(view().await?.state == "active");
        self.world.advance_until("the state active", 2 * A_DAY, active).await?;
        let view = view().await?;
        ensure!(view.blockers.is_empty(), "it waits for something still: {:?}", view.blockers);
        let set = view.disk_encryption_set.clone().context("there is a set")?;
        let encrypted =
            ["disk-good", "disk-incremental", "disk-fast", "disk-elsewhere-copy", "disk-guest-copy"];
        for name in encrypted {
            ensure!(
                self.world.vendor().disk_named(name).await?.is_under_set(&set),
                "{name} is not under the set"
            );
        }
        for name in ["disk-elsewhere", "disk-guest"] {
            let read = self.world.vendor().disk_named(name).await?;
            ensure!(read.disk_encryption_set.is_none(), "{name} was changed");
        }
        let outside = self.plan().await?["outside"].clone();
        ensure!(
            outside.as_array().is_some_and(|all| all.len() == 1 && all[0]["kind"] == "snapshot"),
            "what stays outside: {outside}"
        );
        let mended = self.mended.borrow();
        Ok(vec![
            ("state on the page", view.state),
            ("findings mended", format!("{}: {}", mended.len(), mended.join(", "))),
            ("disks under the set, from ARM", encrypted.len().to_string()),
            ("what stays outside, in the plan", "1 snapshot".to_owned()),
        ])
    }

    /// Waits until the page names this.
    async fn found(&self, code: &str) -> anyhow::Result<Blocker> {
        let named = async || Ok(self.find(code).await?.is_some());
        self.world.advance_until(&format!("the finding {code}"), A_DAY, named).await?;
        let found = self.find(code).await?.with_context(|| format!("{code} is gone"))?;
        self.told(code, Who::Customer, &found.summary);
        Ok(found)
    }

    /// Waits until the page names this, and runs the commands that it says, each placeholder filled in.
    async fn mend(&self, code: &str) -> anyhow::Result<()> {
        let found = self.found(code).await?;
        let texts = if found.owner == "vendor" { self.told_to_the_vendor(code).await? } else { found.mend };
        let mut commands = texts.iter().filter(|step| step.starts_with("az ")).peekable();
        ensure!(commands.peek().is_some(), "{code} says no command: {texts:?}");
        for command in commands {
            let command = self.filled_in(command)?;
            let (azure, group, who) = if found.owner == "vendor" {
                let vendor = self.world.vendor();
                (vendor.azure(), vendor.estate().resource_group.as_str(), Who::Vendor)
            } else {
                (self.world.customer().azure(), GROUP_OF_KEYS, Who::Customer)
            };
            az(azure, group, &command).await?;
            self.world.story().tell(who, &command);
            if command.starts_with("az snapshot delete") {
                // The rest of the text is the other way to mend it.
                break;
            }
        }
        Ok(())
    }

    /// How the vendor mends it, which the customer's page does not say.
    async fn told_to_the_vendor(&self, code: &str) -> anyhow::Result<Vec<String>> {
        let path = format!("/api/operations/onboardings/{}", self.page.onboarding());
        let client = reqwest::Client::builder().no_proxy().build()?;
        let shown: Value =
            client.get(self.world.url().join(&path)?).send().await?.error_for_status()?.json().await?;
        let newest = shown["entries"].as_array().and_then(|entries| entries.last());
        let mut blockers = newest.and_then(|entry| entry["blockers"].as_array()).into_iter().flatten();
        let found = blockers.find(|blocker| blocker["code"] == code);
        let found = found.with_context(|| format!("the operator is not told of {code}: {newest:?}"))?;
        Ok(serde_json::from_value(found["mend"].clone())?)
    }

    /// What a person puts in the place of the words in capitals.
    fn filled_in(&self, command: &str) -> anyhow::Result<String> {
        let at = |days: i64| -> anyhow::Result<String> {
            let moment: OffsetDateTime = self.world.now() + time::Duration::days(days);
            Ok(moment.replace_nanosecond(0)?.format(&Rfc3339)?)
        };
        let days = if command.contains("--not-before") { -1 } else { 365 };
        let group = &self.world.vendor().estate().resource_group;
        // As the text says: the tags that are there are added, because the command replaces them.
        let tagged = if command.contains("--tags") { " team=storage" } else { "" };
        Ok(command.replace("DATE", &at(days)?).replace("GROUP", group).replace("SNAPSHOT", "backup") + tagged)
    }

    async fn find(&self, code: &str) -> anyhow::Result<Option<Blocker>> {
        let view = self.world.customer().look(&self.page).await?;
        Ok(view.blockers.into_iter().find(|blocker| blocker.code == code))
    }

    fn told(&self, code: &str, who: Who, what: &str) {
        let mut mended = self.mended.borrow_mut();
        if !mended.iter().any(|known| known == code) {
            mended.push(code.to_owned());
        }
        self.world.story().tell(who, format!("{code}: {what}"));
    }

    async fn is_activated(&self) -> anyhow::Result<bool> {
        Ok(self.world.customer().look(&self.page).await?.activated)
    }

    async fn share(&self, key: &str) -> anyhow::Result<()> {
        self.world.customer().share_key(&self.page, key).await
    }

    async fn make_vault(&self, name: &str, region: &str, other: Value) -> anyhow::Result<()> {
        make_vault(self.world.customer().azure(), GROUP_OF_KEYS, name, region, other).await
    }

    fn vault_id(&self, name: &str) -> String {
        let group = self.world.customer().azure().resource_group_id(GROUP_OF_KEYS);
        format!("{group}/providers/Microsoft.KeyVault/vaults/{name}")
    }

    async fn arm(&self, method: Method, id: &str, body: &Value) -> anyhow::Result<()> {
        let azure = self.world.customer().azure();
        azure.arm(method, id, VAULTS_API, Some(body)).await?.ok("changing the vault")?;
        Ok(())
    }

    /// Changes the key, as its owner should not have.
    async fn key(&self, method: Method, action: &str, body: &Value) -> anyhow::Result<()> {
        let path = format!("/keys/{NAME}{action}");
        let azure = self.world.customer().azure();
        azure.vault(method, "contoso-keys", &path, Some(body)).await?.ok("changing the key")?;
        Ok(())
    }

    /// How many disk encryption sets Azure allows.
    async fn allow_sets(&self, sets: u32) -> anyhow::Result<()> {
        let url = format!("{}/control/limits", self.world.sandbox().own_url());
        let client = reqwest::Client::builder().no_proxy().build()?;
        let answer = client.put(url).json(&json!({ "diskEncryptionSets": sets })).send().await?;
        ensure!(answer.status().is_success(), "setting the limits: {}", answer.status());
        Ok(())
    }

    async fn plan(&self) -> anyhow::Result<Value> {
        let path = format!("/api/operations/onboardings/{}/disks", self.page.onboarding());
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(client.get(self.world.url().join(&path)?).send().await?.error_for_status()?.json().await?)
    }
}

/// Makes a vault, guarded by Azure RBAC if the other properties do not say otherwise.
async fn make_vault(
    azure: &Azure,
    group: &str,
    name: &str,
    region: &str,
    other: Value,
) -> anyhow::Result<()> {
    let group = azure.resource_group_id(group);
    let body = json!({ "location": azure.region });
    azure.arm(Method::PUT, &group, "2024-11-01", Some(&body)).await?.ok("the group")?;
    let mut properties = json!({
        "tenantId": azure.tenant_id, "sku": { "name": "standard", "family": "A" }, "accessPolicies": [],
        "enableRbacAuthorization": true, "enableSoftDelete": true,
    });
    let (Some(properties_of), Value::Object(other)) = (properties.as_object_mut(), other) else {
        bail!("the properties of a vault are an object");
    };
    properties_of.extend(other);
    let id = format!("{group}/providers/Microsoft.KeyVault/vaults/{name}");
    let body = json!({ "location": region, "properties": properties });
    azure.arm(Method::PUT, &id, VAULTS_API, Some(&body)).await?.ok("making the vault")?;
    Ok(())
}
