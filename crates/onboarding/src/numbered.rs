//! Records with numbers in a folder, each created only if absent; the newest counts. So of two writers one is first, in any
//! object store: a file system cannot update an object on a condition.
//!
//! The newest record always stays: without it the numbers would begin again, and two writers could both be first.

use std::sync::Arc;

use futures::TryStreamExt as _;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, path::Path};

use crate::expiring::remove;

/// How much older than the newest a record must be before it is taken away. A writer who has not seen it yet could write
/// its number again, and believe to be first; none of them takes a day.
const KEPT: std::time::Duration = std::time::Duration::from_secs(86_400);

/// The newest record with its number.
pub(crate) async fn newest(
    store: &Arc<dyn ObjectStore>,
    folder: &Path,
) -> Result<Option<(u64, Vec<u8>)>, object_store::Error> {
    let listed: Vec<_> = store.list(Some(folder)).try_collect().await?;
    let Some(number) = listed.iter().filter_map(number_of).max() else { return Ok(None) };
    let bytes = store.get(&path_of(folder, number)).await?.bytes().await?;
    Ok(Some((number, bytes.to_vec())))
}

/// Writes the record with this number; `false` when somebody else did.
pub(crate) async fn write(
    store: &Arc<dyn ObjectStore>,
    folder: &Path,
    number: u64,
    bytes: Vec<u8>,
) -> Result<bool, object_store::Error> {
    let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    match store.put_opts(&path_of(folder, number), bytes.into(), create).await {
        Ok(_) => Ok(true),
        Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Takes away the records that were overtaken long ago. Whether they were is told by the store's own clock.
pub(crate) async fn remove_overtaken(
    store: &Arc<dyn ObjectStore>,
    folder: &Path,
) -> Result<(), object_store::Error> {
    let listed: Vec<_> = store.list(Some(folder)).try_collect().await?;
    let Some(newest) = listed.iter().max_by_key(|object| number_of(object)) else { return Ok(()) };
    for object in &listed {
        let is_older = number_of(object) < number_of(newest);
        if is_older && object.last_modified + KEPT < newest.last_modified {
            remove(store, &object.location).await?;
        }
    }
    Ok(())
}

fn number_of(object: &ObjectMeta) -> Option<u64> {
    object.location.filename()?.strip_suffix(".json")?.parse().ok()
}

fn path_of(folder: &Path, number: u64) -> Path {
    Path::from(format!("{folder}/{number:010}.json"))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use object_store::local::LocalFileSystem;

    use super::*;

    #[tokio::test]
    async fn what_was_overtaken_a_day_ago_is_taken_away_and_the_newest_stays() {
        let files = tempfile::tempdir().unwrap();
        let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(files.path()).unwrap());
        let folder = Path::from("claims/k");
        let hours_ago = [(1, 60), (2, 50), (3, 2), (4, 1)];
        for (number, hours) in hours_ago {
            assert!(write(&store, &folder, number, b"{}".to_vec()).await.unwrap());
            let file = File::options().write(true).open(files.path().join(path_of(&folder, number).as_ref()));
            let file = file.unwrap();
            let now = file.metadata().unwrap().modified().unwrap();
            file.set_modified(now - std::time::Duration::from_secs(hours * 3600)).unwrap();
        }
        remove_overtaken(&store, &folder).await.unwrap();
        assert_eq!(newest(&store, &folder).await.unwrap().unwrap().0, 4);
        let listed: Vec<_> = store.list(Some(&folder)).try_collect().await.unwrap();
        let mut numbers: Vec<_> = listed.iter().filter_map(number_of).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [3, 4], "a writer may not have seen the third yet");
    }
}
