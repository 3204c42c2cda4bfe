//! The folder that a local world lives in: a given one that survives, or a temporary one that does not.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tempfile::TempDir;

/// An open folder, locked as long as this value lives.
pub(crate) struct Folder {
    root: PathBuf,
    lasting: bool,
    /// Held, not read: the operating system frees the lock when the process ends, however it ends.
    lock: File,
    /// Last, so that the folder is removed after everything in it was let go.
    _temporary: Option<TempDir>,
}

impl Folder {
    /// Opens the folder and locks it; `None` makes a temporary one.
    ///
    /// # Errors
    ///
    /// The folder cannot be used, or another local world runs in it.
    pub(crate) fn open(dir: Option<&Path>) -> anyhow::Result<Self> {
        let temporary =
            match dir {
                Some(_) => None,
                None => Some(tempfile::Builder::new().prefix("latchkey-").tempdir().context(
                    "could not make a temporary folder; set TMPDIR to a folder that can be written",
                )?),
            };
        let root = match (&temporary, dir) {
            (Some(temporary), _) => temporary.path().to_path_buf(),
            (None, dir) => prepare(dir.unwrap_or(Path::new(".")))?,
        };
        let lock = lock(&root)?;
        Ok(Self { root, lasting: temporary.is_none(), lock, _temporary: temporary })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path inside the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// A path inside the folder, for state that is worth keeping: only a folder that lasts has one.
    pub(crate) fn lasting(&self, name: &str) -> Option<PathBuf> {
        self.lasting.then(|| self.path(name))
    }
}

impl Drop for Folder {
    /// Closing the file would not be enough: a process that is being started elsewhere in this program has a copy of it
    /// for a moment, and the lock with it. Should this fail, that moment has to pass.
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

/// Makes the folder, closed to other users: it holds keys.
fn prepare(dir: &Path) -> anyhow::Result<PathBuf> {
    let failed = || format!("could not use the folder {}", dir.display());
    fs::create_dir_all(dir).with_context(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).with_context(failed)?;
    }
    // Children and other shells need a path that holds wherever they stand.
    fs::canonicalize(dir).with_context(failed)
}

fn lock(root: &Path) -> anyhow::Result<File> {
    let path = root.join("lock");
    let failed = || format!("could not lock {}", path.display());
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .with_context(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder).with_context(failed)?;
            bail!(
                "another local world (process {}) runs in {}; stop it with Ctrl-C, or choose another folder",
                holder.trim(),
                root.display()
            );
        }
        Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
    }
    file.set_len(0).and_then(|()| file.rewind()).with_context(failed)?;
    writeln!(file, "{}", std::process::id()).with_context(failed)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_use_is_refused_with_the_process_that_uses_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = Folder::open(Some(dir.path())).unwrap();
        let error = Folder::open(Some(dir.path())).err().unwrap().to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        // As a process holds it for a moment that is being started while the folder is let go.
        let copy = first.lock.try_clone().unwrap();
        drop(first);
        assert!(Folder::open(Some(dir.path())).is_ok());
        drop(copy);
    }

    #[test]
    fn a_temporary_folder_keeps_nothing() {
        let folder = Folder::open(None).unwrap();
        let root = folder.root().to_path_buf();
        assert!(root.is_dir());
        assert_eq!(folder.lasting("state"), None);
        drop(folder);
        assert!(!root.exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_lasting_folder_is_closed_to_other_users_and_has_a_whole_path() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(Some(&dir.path().join("a/b"))).unwrap();
        assert!(folder.root().is_absolute());
        assert_eq!(fs::metadata(folder.root()).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(folder.lasting("state"), Some(folder.root().join("state")));
    }
}
