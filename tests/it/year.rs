//! A day of one active onboarding, on the moved clock, within the budget that is promised. `docs/costs.md` has the year.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use local_world::world::LocalWorld;

use crate::support::{a_world_with, exchanges, history, play};

const DAY: Duration = Duration::from_secs(86_400);

/// What a healthy onboarding may cost a day, whatever its age.
const VAULT_CALLS: usize = 200;
const STORAGE_WRITES: usize = 30;
const MESSAGES: usize = 100;

fn vault_calls(world: &LocalWorld) -> usize {
    ["GET", "POST"].iter().map(|method| exchanges(world, method, ".vault.azure.net/").len()).sum()
}

/// The files of the store, each with when it was written last.
fn written(folder: &Path, files: &mut BTreeMap<PathBuf, SystemTime>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => written(&path, files),
            Ok(metadata) => {
                files.insert(path, metadata.modified().unwrap());
            }
            // It was taken away meanwhile.
            Err(_) => {}
        }
    }
}

#[tokio::test]
async fn a_day_of_a_healthy_onboarding_stays_within_its_budget() {
    let world = a_world_with(&[
        ("LATCHKEY_SWEEP_SCHEDULE", "0 */15 * * * *"),
        ("LATCHKEY_WATCH_SCHEDULE", "0 * * * * *"),
        ("LATCHKEY_WATCH_SECONDS", "900"),
    ])
    .await;
    let page = play(&world).await.page;
    // The first looks learn of the key's age, and write it down.
    world.advance(Duration::from_secs(3 * 3_600)).await.unwrap();
    let (entries, calls, steps) =
        (history(&world, &page).await.len(), vault_calls(&world), world.steps().len());
    let store = world.folder().join("journal");
    let end = world.now() + DAY;
    let (mut known, mut writes) = (BTreeMap::new(), 0);
    written(&store, &mut known);
    world
        .advance_until("a day to pass", DAY * 2, async || {
            let mut now = BTreeMap::new();
            written(&store, &mut now);
            writes += now.iter().filter(|(path, at)| known.get(*path) != Some(at)).count();
            known = now;
            Ok(world.now() >= end)
        })
        .await
        .unwrap();

    assert_eq!(history(&world, &page).await.len(), entries, "a healthy day writes nothing down");
    let (calls, messages) = (vault_calls(&world) - calls, world.steps().len() - steps);
    println!("a day: {calls} calls to the vault, {writes} writes to storage, {messages} messages");
    assert!((150..=VAULT_CALLS).contains(&calls), "{calls} calls to the vault");
    assert!((20..=STORAGE_WRITES).contains(&writes), "{writes} writes to storage");
    assert!((90..=MESSAGES).contains(&messages), "{messages} messages");
    world.stop().await;
}
