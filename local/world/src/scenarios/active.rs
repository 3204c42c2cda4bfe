//! Where most scenarios begin: an onboarding that is active, its disk under the customer's key.

use std::time::Duration;

use anyhow::{Context, ensure};
use uuid::Uuid;

use super::soon;
use crate::cast::{Blocker, CustomerKey, OnboardingPage, OnboardingView};
use crate::play::{self, Ending, Played};
use crate::story::Who;
use crate::world::LocalWorld;

/// How long the watch may take to notice something: two looks a quarter of an hour apart, and the time between.
const NOTICED_WITHIN: Duration = Duration::from_secs(60 * 60);

/// An active onboarding.
pub(super) struct Active<'world> {
    world: &'world LocalWorld,
    pub(super) page: OnboardingPage,
    pub(super) key: CustomerKey,
    pub(super) subscription: Uuid,
    pub(super) ending: Ending,
}

impl<'world> Active<'world> {
    pub(super) async fn begin(world: &'world LocalWorld) -> anyhow::Result<Self> {
        let played = Played::default();
        let ending = play::whole_story(world, soon(), &played).await?;
        if let Some(fault) = ending.fault() {
            anyhow::bail!("the onboarding did not become active: {fault}");
        }
        let reached = played.reached();
        let page = reached.page.context("the story has a page")?;
        let key = reached.key.context("the story has a key")?;
        let subscription = reached.subscription_id.context("the story has a purchase")?;
        world.settle().await?;
        Ok(Self { world, page, key, subscription, ending })
    }

    pub(super) async fn look(&self) -> anyhow::Result<OnboardingView> {
        self.world.customer().look(&self.page).await
    }

    /// Lets time pass until the page says this.
    pub(super) async fn becomes(&self, state: &str) -> anyhow::Result<OnboardingView> {
        self.becomes_within(state, NOTICED_WITHIN).await
    }

    /// The same, with the patience for it.
    pub(super) async fn becomes_within(
        &self,
        state: &str,
        at_most: Duration,
    ) -> anyhow::Result<OnboardingView> {
        let began = self.world.now();
        let is = async || Ok(self.look().await?.state == state);
        self.world.advance_until(&format!("the state {state}"), at_most, is).await?;
        let minutes = (self.world.now() - began).whole_minutes();
        self.world.story().tell(Who::Customer, format!("reads on the page, after {minutes} min: {state}"));
        self.look().await
    }

    /// Lets time pass until the page waits for this.
    pub(super) async fn waits_for(&self, code: &str) -> anyhow::Result<Blocker> {
        let found = async || {
            let blockers = self.look().await?.blockers;
            Ok(blockers.iter().any(|blocker| blocker.code == code))
        };
        self.world.advance_until(code, NOTICED_WITHIN, found).await?;
        let view = self.look().await?;
        let blocker = view.blockers.into_iter().find(|blocker| blocker.code == code);
        let blocker = blocker.context("it was there a moment ago")?;
        self.world.story().tell(Who::Customer, format!("reads on the page: {}", blocker.summary));
        Ok(blocker)
    }

    /// The first disk's ARM id.
    pub(super) fn disk(&self) -> anyhow::Result<&str> {
        Ok(&self.ending.disks.first().context("the onboarding has a disk")?.id)
    }

    /// The set's active key and the versions before it that disks are still under, from Azure Resource Manager.
    pub(super) async fn keys_of_the_set(&self) -> anyhow::Result<(String, usize)> {
        let set = self.ending.view.disk_encryption_set.as_deref().context("the onboarding has a set")?;
        let found = self.world.vendor().disk_encryption_set(set).await?;
        let properties = &found["properties"];
        let active = properties["activeKey"]["keyUrl"].as_str().context("the set has an active key")?;
        Ok((active.to_owned(), properties["previousKeys"].as_array().map_or(0, Vec::len)))
    }

    /// Every disk is under the customer's key still, as Azure Resource Manager tells it.
    pub(super) async fn disks_are_encrypted(&self) -> anyhow::Result<()> {
        for disk in &self.ending.disks {
            let read = self.world.vendor().disk(&disk.id).await?;
            ensure!(read == *disk, "the disk {} is encrypted in another way now", disk.id);
        }
        Ok(())
    }

    pub(super) async fn set_key_enabled(&self, enabled: bool) -> anyhow::Result<()> {
        self.world.customer().enable_key(&self.key, enabled).await
    }
}
