//! What becomes of the disks of a purchase: which are encrypted without further ado, which in a window, in which order and
//! for how long their machines are down, and which not, and why; and what was made from them and stays outside.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use azure_clients::{
    ArmError, ArmRefusal,
    compute::{Disk, EncryptionType, GALLERY_VERSIONS, IMAGES, PowerState, Snapshot},
};
use azure_ids::ArmId;
use onboarding::{
    Onboarding, Set,
    preflight::{limit_of, made_from},
    window::Planned,
};

use super::{
    disks::{is_gone, is_tagged_for, of_the_estate, snapshots_of_the_estate, traits_of},
    machines::is_anothers,
};
use crate::{App, settings::Pace};

/// What becomes of a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Becomes {
    /// It is encrypted under the onboarding's set.
    Encrypted,
    /// It is encrypted by itself: it is attached to no machine, or to one that is deallocated.
    WithoutWindow,
    /// It is encrypted in a window, while this machine is down.
    InWindow(ArmId),
    /// It is not encrypted, for this reason.
    Not(String),
}

/// The plan.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The disks that are tagged for the purchase, by id.
    pub(crate) disks: BTreeMap<ArmId, Becomes>,
    /// The machines that have to be stopped, in the order in which they are begun: those with the fewest disks first, so
    /// that what goes wrong goes wrong with them.
    pub(crate) machines: Vec<Planned>,
    /// What was made from the disks and is not encrypted with them.
    pub(crate) outside: Vec<Outside>,
}

/// A snapshot, an image, or a version of an image in a gallery.
#[derive(Debug)]
pub(crate) struct Outside {
    pub(crate) resource: ArmId,
    /// One that cannot be read may have been made from these disks.
    pub(crate) can_be_read: bool,
}

/// When a machine is down, counted from the opening of a window, if each takes as long as expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) from: Duration,
    pub(crate) until: Duration,
}

/// Makes the plan from what Azure says now; changes nothing.
pub(crate) async fn of(app: &App, onboarding: &Onboarding) -> Result<Plan, ArmError> {
    let estate: BTreeMap<ArmId, Disk> =
        of_the_estate(app).await?.into_iter().map(|disk| (disk.id.clone(), disk)).collect();
    let snapshots = snapshots_of_the_estate(app).await?;
    let mut disks = BTreeMap::new();
    for disk in estate.values().filter(|disk| is_tagged_for(disk, onboarding)) {
        disks.insert(disk.id.clone(), by_itself(disk, onboarding, &snapshots));
    }
    let mut running: BTreeMap<ArmId, Vec<ArmId>> = BTreeMap::new();
    for (disk, becomes) in &disks {
        if let Becomes::InWindow(machine) = becomes {
            running.entry(machine.clone()).or_default().push(disk.clone());
        }
    }
    let mut machines = vec![];
    for (machine, its) in running {
        match obstacle(app, onboarding, &machine, &estate).await? {
            Some(Obstacle::Not(why)) => {
                disks.extend(its.into_iter().map(|disk| (disk, Becomes::Not(why.clone()))));
            }
            Some(Obstacle::IsDown) => {
                disks.extend(its.into_iter().map(|disk| (disk, Becomes::WithoutWindow)))
            }
            None => {
                let takes = takes(&app.settings.pace, its.len());
                machines.push(Planned::waiting(machine, its, takes));
            }
        }
    }
    machines.sort_by_key(|planned| (planned.disks.len(), planned.machine.clone()));
    let ours: Vec<&Disk> = estate.values().filter(|disk| disks.contains_key(&disk.id)).collect();
    let outside = outside(app, onboarding, &ours, &snapshots).await?;
    Ok(Plan { disks, machines, outside })
}

/// What was made from these disks, or from their machines, and is not under the onboarding's set.
async fn outside(
    app: &App,
    onboarding: &Onboarding,
    disks: &[&Disk],
    snapshots: &[Snapshot],
) -> Result<Vec<Outside>, ArmError> {
    if disks.is_empty() {
        return Ok(vec![]);
    }
    let from: BTreeSet<ArmId> =
        disks.iter().flat_map(|disk| disk.machines.iter().chain([&disk.id])).cloned().collect();
    let mut named: BTreeMap<ArmId, Vec<ArmId>> = BTreeMap::new();
    let mut unread = vec![];
    for one in snapshots {
        named.insert(one.id.clone(), one.source.iter().chain(&one.disk_encryption_set).cloned().collect());
    }
    let all = app.compute.resources(app.settings.vendor_subscription, &app.settings.resource_group).await?;
    for id in all.into_iter().filter(|id| id.is_of_type(IMAGES) || id.is_of_type(GALLERY_VERSIONS)) {
        match app.compute.ids_named_by(&id).await {
            Ok(ids) => {
                named.insert(id, ids);
            }
            Err(error) if is_gone(&error) => {}
            Err(ArmError::Refused(ArmRefusal::Forbidden { .. })) => unread.push(id),
            Err(error) => return Err(error),
        }
    }
    let is_inside = |id: &ArmId| match onboarding.set() {
        Set::Ready { set } => named.get(id).is_some_and(|ids| ids.contains(set)),
        Set::None | Set::Requested { .. } => false,
    };
    let made = made_from(&from, &named).into_iter().filter(|id| !is_inside(id));
    let read = made.map(|resource| Outside { resource, can_be_read: true });
    Ok(read.chain(unread.into_iter().map(|resource| Outside { resource, can_be_read: false })).collect())
}

/// How long a machine with so many disks to change is expected to be down.
fn takes(pace: &Pace, disks: usize) -> Duration {
    pace.machine + pace.disk.saturating_mul(u32::try_from(disks).unwrap_or(u32::MAX))
}

/// What becomes of a disk, as far as the disk itself says.
fn by_itself(disk: &Disk, onboarding: &Onboarding, snapshots: &[Snapshot]) -> Becomes {
    let under = disk.encryption.disk_encryption_set.as_ref();
    if let (Some(under), Set::Ready { set }) = (under, onboarding.set())
        && under == set
    {
        return Becomes::Encrypted;
    }
    if disk.encryption.encryption_type != EncryptionType::PlatformKey {
        let under = under.map_or("another key", ArmId::name);
        return Becomes::Not(format!("disk-under-other-set: it is encrypted under {under}"));
    }
    if let Some(finding) = limit_of(&traits_of(disk, snapshots), onboarding.region()) {
        return Becomes::Not(format!("{}: {}", finding.code().name(), finding.summary()));
    }
    let is_attached = disk.state.as_deref().is_some_and(|state| state.eq_ignore_ascii_case("Attached"));
    match disk.machines.as_slice() {
        _ if !is_attached => Becomes::WithoutWindow,
        [machine] => Becomes::InWindow(machine.clone()),
        [] => Becomes::Not("disk-attached: Azure does not say to which machine".to_owned()),
        [..] => Becomes::Not("disk-attached: it is attached to more than one machine".to_owned()),
    }
}

/// Why a machine is not stopped.
enum Obstacle {
    Not(String),
    IsDown,
}

async fn obstacle(
    app: &App,
    onboarding: &Onboarding,
    machine: &ArmId,
    estate: &BTreeMap<ArmId, Disk>,
) -> Result<Option<Obstacle>, ArmError> {
    let read = match app.compute.machine(machine).await {
        Ok(read) => read,
        Err(ArmError::Refused(ArmRefusal::BadId { .. })) => {
            let why = format!("machine-not-stopped: {} is not a single virtual machine", machine.name());
            return Ok(Some(Obstacle::Not(why)));
        }
        Err(ArmError::Refused(ArmRefusal::Forbidden { code, .. } | ArmRefusal::NotFound { code })) => {
            let why = format!("machine-not-stopped: {} cannot be read ({code})", machine.name());
            return Ok(Some(Obstacle::Not(why)));
        }
        Err(error) => return Err(error),
    };
    for disk in &read.disks {
        let its = match estate.get(disk) {
            Some(known) => known.clone(),
            None => match app.compute.disk(disk).await {
                Ok(read) => read,
                // A disk of the vendor's that nobody may read says nothing of whose it is.
                Err(ArmError::Refused(ArmRefusal::Forbidden { .. } | ArmRefusal::NotFound { .. })) => {
                    let why = format!("machine-shared: whose {} is cannot be read", disk.name());
                    return Ok(Some(Obstacle::Not(why)));
                }
                Err(error) => return Err(error),
            },
        };
        if is_anothers(&its, onboarding) {
            let (machine, disk) = (machine.name(), disk.name());
            let why = format!("machine-shared: {machine} also uses {disk}, which is another customer's");
            return Ok(Some(Obstacle::Not(why)));
        }
    }
    Ok(match read.power {
        PowerState::Running | PowerState::Starting => None,
        PowerState::Deallocated | PowerState::Deallocating => Some(Obstacle::IsDown),
        PowerState::Stopped | PowerState::Stopping | PowerState::Other(_) => Some(Obstacle::Not(format!(
            "disk-attached: {} does not run and is not deallocated; deallocate it",
            machine.name()
        ))),
    })
}

/// When each machine is down, if so many are down at a time.
pub(crate) fn turns(machines: &[Planned], at_once: u32) -> Vec<Turn> {
    let places = usize::try_from(at_once).unwrap_or(usize::MAX).clamp(1, machines.len().max(1));
    let mut free = vec![Duration::ZERO; places];
    machines
        .iter()
        .map(|planned| {
            let Some(place) = free.iter_mut().min() else {
                return Turn { from: Duration::ZERO, until: planned.takes };
            };
            let from = *place;
            *place += planned.takes;
            Turn { from, until: *place }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(name: &str, seconds: u64) -> Planned {
        let id = format!(
            "/subscriptions/0a1b2c3d-1111-2222-3333-444455556666/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/{name}"
        );
        Planned::waiting(id.parse().unwrap(), vec![], Duration::from_secs(seconds))
    }

    #[test]
    fn a_machine_is_down_when_a_place_is_free() {
        let machines = [machine("a", 60), machine("b", 120), machine("c", 60), machine("d", 60)];
        let seconds = |at_once| -> Vec<(u64, u64)> {
            turns(&machines, at_once).iter().map(|turn| (turn.from.as_secs(), turn.until.as_secs())).collect()
        };
        assert_eq!(seconds(1), [(0, 60), (60, 180), (180, 240), (240, 300)]);
        assert_eq!(seconds(2), [(0, 60), (0, 120), (60, 120), (120, 180)]);
        assert_eq!(seconds(9), [(0, 60), (0, 120), (0, 60), (0, 60)]);
    }

    #[test]
    fn the_estimate_is_one_part_for_the_machine_and_one_for_each_disk() {
        let pace = Pace { machine: Duration::from_secs(300), disk: Duration::from_secs(60) };
        assert_eq!(takes(&pace, 3), Duration::from_secs(480));
    }
}
