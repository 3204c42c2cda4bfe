//! The whole story, played once: a customer goes from sign-up to a disk that is encrypted under a key of theirs.
//!
//! The cast acts; the function app does its part by itself; here it is only waited for. `latchkey demo` shows it, and
//! tests play it too.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;
use uuid::Uuid;

use crate::cast::{CustomerKey, DiskReading, OnboardingPage, OnboardingView};
use crate::world::LocalWorld;

/// Microsoft Learn, "Disks - Get": the type of a disk that is encrypted under the customer's key.
const CUSTOMER_KEY: &str = "EncryptionAtRestWithCustomerKey";
const SUBSCRIBED: &str = "Subscribed";

/// What was played so far. Kept aside from the playing, so that a story that breaks off can still be told.
#[derive(Debug, Default)]
pub struct Played {
    reached: Mutex<Reached>,
}

/// How far the story came.
#[derive(Debug, Clone, Default)]
pub struct Reached {
    /// The purchase in the marketplace.
    pub subscription_id: Option<Uuid>,
    /// The customer's page.
    pub page: Option<OnboardingPage>,
    /// The key that the customer made.
    pub key: Option<CustomerKey>,
}

impl Played {
    /// How far the story came.
    #[must_use]
    pub fn reached(&self) -> Reached {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, note: impl FnOnce(&mut Reached)) {
        note(&mut self.reached.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Where the story ended, read from those who know: the customer's page, Azure Resource Manager and the marketplace.
#[derive(Debug, Clone)]
pub struct Ending {
    /// The customer's page.
    pub view: OnboardingView,
    /// The customer's disks, as Azure Resource Manager tells them.
    pub disks: Vec<DiskReading>,
    /// The purchase's status in the marketplace.
    pub subscription_status: String,
}

/// Plays the story from the purchase until the onboarding is active.
///
/// # Errors
///
/// Somebody is refused, or the deadline passes; `played` tells how far it came.
pub async fn whole_story(world: &LocalWorld, deadline: Instant, played: &Played) -> anyhow::Result<Ending> {
    let purchase = world.purchase().await?;
    played.note(|reached| reached.subscription_id = Some(purchase.subscription_id));
    world.vendor().provide_disk_for(purchase.subscription_id).await?;
    let customer = world.customer();
    let page = customer.sign_up(&purchase.landing).await?;
    played.note(|reached| reached.page = Some(page.clone()));

    wait_for_state(world, &page, deadline, "awaiting-consent").await?;
    customer.consent(&page).await?;
    wait_for_state(world, &page, deadline, "awaiting-key").await?;

    let key = customer.make_key(&vault_name()).await?;
    played.note(|reached| reached.key = Some(key.clone()));
    let principal = customer.service_principal(world.vendor().estate().application_id).await?;
    customer.grant(&key, principal).await?;
    customer.share_key(&page, &key.url).await?;
    wait_for_state(world, &page, deadline, "active").await?;

    // The marketplace takes its time to show what it has accepted.
    let status = async || world.fulfilment().subscription_status(purchase.subscription_id).await;
    let what = "the marketplace to show the subscription as Subscribed";
    world.wait_until(what, deadline, async || Ok(status().await? == SUBSCRIBED)).await?;
    read_ending(world, &page, purchase.subscription_id).await
}

/// Reads where an onboarding stands from those who know.
///
/// # Errors
///
/// Somebody refuses or does not answer.
pub async fn read_ending(
    world: &LocalWorld,
    page: &OnboardingPage,
    subscription_id: Uuid,
) -> anyhow::Result<Ending> {
    let view = world.customer().look(page).await?;
    let mut disks = Vec::new();
    for disk in &view.disks {
        disks.push(world.vendor().disk_named(&disk.name).await?);
    }
    let subscription_status = world.fulfilment().subscription_status(subscription_id).await?;
    Ok(Ending { view, disks, subscription_status })
}

impl Ending {
    /// Why this is not how the story must end; nothing when it is.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let Some(set) = &self.view.disk_encryption_set else {
            return Some("there is no disk encryption set".to_owned());
        };
        if self.disks.is_empty() {
            return Some("the customer has no disk".to_owned());
        }
        let open = self.disks.iter().find(|disk| !is_under(disk, set));
        if let Some(disk) = open {
            let encryption = disk.encryption.as_deref().unwrap_or("nothing");
            return Some(format!("the disk {} is under {encryption}, not under the set {set}", disk.id));
        }
        (self.subscription_status != SUBSCRIBED).then(|| {
            format!("the marketplace subscription is {}, not {SUBSCRIBED}", self.subscription_status)
        })
    }
}

fn is_under(disk: &DiskReading, set: &str) -> bool {
    disk.is_under_set(set) && disk.encryption.as_deref() == Some(CUSTOMER_KEY)
}

async fn wait_for_state(
    world: &LocalWorld,
    page: &OnboardingPage,
    deadline: Instant,
    state: &str,
) -> anyhow::Result<()> {
    let what = format!("the onboarding to be {state}");
    world.wait_until(&what, deadline, async || Ok(world.customer().look(page).await?.state == state)).await
}

/// The names of vaults are taken for long after they are deleted, and by everybody: so each story takes a new one.
pub(crate) fn vault_name() -> String {
    let random = Uuid::new_v4().simple().to_string();
    format!("kv-contoso-{}", &random[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: &str = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/diskEncryptionSets/des";

    fn ending() -> Ending {
        let view = serde_json::json!({"onboarding": "o", "state": "active", "diskEncryptionSet": "des"});
        Ending {
            view: serde_json::from_value(view).unwrap(),
            disks: vec![DiskReading {
                id: "/disk".into(),
                encryption: Some(CUSTOMER_KEY.into()),
                disk_encryption_set: Some(SET.replace("rg", "RG")),
            }],
            subscription_status: SUBSCRIBED.into(),
        }
    }

    #[test]
    fn the_story_ends_well_only_with_every_disk_under_that_set_and_the_subscription_active() {
        assert_eq!(ending().fault(), None);

        let spoil: [fn(&mut Ending); 6] = [
            |ending| ending.view.disk_encryption_set = None,
            |ending| ending.disks.clear(),
            |ending| ending.disks[0].encryption = Some("EncryptionAtRestWithPlatformKey".into()),
            |ending| ending.disks[0].disk_encryption_set = Some(format!("{SET}-2")),
            |ending| ending.disks.push(DiskReading { disk_encryption_set: None, ..ending.disks[0].clone() }),
            |ending| ending.subscription_status = "PendingFulfillmentStart".into(),
        ];
        for (number, spoil) in spoil.into_iter().enumerate() {
            let mut ending = ending();
            spoil(&mut ending);
            assert!(ending.fault().is_some(), "{number}");
        }
    }

    #[test]
    fn the_vaults_name_is_one_that_azure_takes() {
        let name = vault_name();
        assert!((3..=24).contains(&name.len()), "{name}");
        assert!(
            name.chars().all(|character| character.is_ascii_alphanumeric() || character == '-'),
            "{name}"
        );
    }
}
