//! Records with numbers in a folder, each created only if absent; the newest counts. So of two writers one is first, in any
//! object store: a file system cannot update an object on a condition.

use std::sync::Arc;

use futures::TryStreamExt as _;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, path::Path};

/// The newest record with its number.
pub(crate) async fn newest(
    store: &Arc<dyn ObjectStore>,
    folder: &Path,
) -> Result<Option<(u64, Vec<u8>)>, object_store::Error> {
    let listed: Vec<_> = store.list(Some(folder)).try_collect().await?;
    let numbers = listed
        .iter()
        .filter_map(|object| object.location.filename()?.strip_suffix(".json")?.parse::<u64>().ok());
    let Some(number) = numbers.max() else { return Ok(None) };
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

fn path_of(folder: &Path, number: u64) -> Path {
    Path::from(format!("{folder}/{number:010}.json"))
}
