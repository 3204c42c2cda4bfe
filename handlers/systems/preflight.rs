//! What is looked at before the disk encryption set is asked for: disks that cannot be encrypted with it, and whether Azure
//! takes another set. Changes nothing.

use azure_clients::{ArmError, compute::EncryptionType};
use onboarding::{
    Onboarding,
    finding::Finding,
    preflight::{UnfitDisk, limit_of},
};

use super::disks::{is_tagged_for, of_the_estate, snapshots_of_the_estate, traits_of};
use crate::App;

/// What was seen.
#[derive(Debug)]
pub(crate) struct Preflight {
    /// The disks of the purchase that cannot be encrypted with the set.
    pub(crate) unfit: Vec<UnfitDisk>,
    /// How many disk encryption sets there are in the onboarding's region: those of the resource group. Of others in the
    /// subscription, the app need not know.
    pub(crate) sets: u32,
}

pub(crate) async fn look(app: &App, onboarding: &Onboarding) -> Result<Preflight, ArmError> {
    let mut disks = of_the_estate(app).await?;
    disks.retain(|disk| {
        is_tagged_for(disk, onboarding) && disk.encryption.encryption_type == EncryptionType::PlatformKey
    });
    let snapshots = if disks.is_empty() { vec![] } else { snapshots_of_the_estate(app).await? };
    let limited = |disk| {
        let finding = limit_of(&traits_of(disk, &snapshots), onboarding.region())?;
        Some(UnfitDisk { disk: disk.id.clone(), finding })
    };
    Ok(Preflight { unfit: disks.iter().filter_map(limited).collect(), sets: sets_in(app, onboarding).await? })
}

/// How many sets of the resource group are in the onboarding's region.
async fn sets_in(app: &App, onboarding: &Onboarding) -> Result<u32, ArmError> {
    let settings = &app.settings;
    let sets =
        app.compute.disk_encryption_sets(settings.vendor_subscription, &settings.resource_group).await?;
    let here = sets.iter().filter(|set| set.location == *onboarding.region()).count();
    Ok(u32::try_from(here).unwrap_or(u32::MAX))
}

impl Preflight {
    /// That Azure takes no other set, if there are as many as it allows.
    pub(crate) fn no_room(&self, app: &App, onboarding: &Onboarding) -> Option<Finding> {
        (self.sets >= app.settings.set_quota).then(|| self.too_many(onboarding, None))
    }

    /// That there are too many sets; with Azure's code, when it says so.
    pub(crate) fn too_many(&self, onboarding: &Onboarding, error: Option<String>) -> Finding {
        Finding::SetQuota { region: onboarding.region().clone(), sets: self.sets, error }
    }
}
