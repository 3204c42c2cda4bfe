//! Everything the simulated cloud remembers, as one value, and the file it survives a restart in.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::arm::ArmState;
use crate::directory::Directory;
use crate::key_vault::KeyVaultState;
use crate::marketplace::MarketplaceState;

/// The whole state. Each part belongs to the module of its name.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) directory: Directory,
    pub(crate) arm: ArmState,
    pub(crate) key_vault: KeyVaultState,
    pub(crate) marketplace: MarketplaceState,
}

/// Why the state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateFileError {
    /// The file or its folder could not be used.
    #[error("could not use the sandbox's state at {path}")]
    File {
        /// The file or folder in question.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The file holds something else than a sandbox's state. It is left as it is.
    #[error("{path} does not hold the state of a sandbox; move it away to begin anew")]
    NotAState {
        /// The file in question.
        path: PathBuf,
        /// Where the text departs from what was expected.
        #[source]
        source: serde_json::Error,
    },
}

/// The file that holds the state between runs. It contains private keys and secrets: only its owner may read it.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
}

impl StateFile {
    /// Names the file inside `folder`, which is made, closed to other users, if it is missing.
    pub(crate) fn inside(folder: &Path) -> Result<Self, StateFileError> {
        make_private_folder(folder)
            .map_err(|source| StateFileError::File { path: folder.to_path_buf(), source })?;
        Ok(Self { path: folder.join("sandbox.json") })
    }

    /// The saved state, or nothing when none has been saved yet.
    pub(crate) fn load(&self) -> Result<Option<State>, StateFileError> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StateFileError::File { path: self.path.clone(), source }),
        };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|source| StateFileError::NotAState { path: self.path.clone(), source })
    }

    /// Replaces the file in one step, so that a reader sees the old state or the new one and never half of it.
    pub(crate) fn save(&self, state: &State) -> Result<(), StateFileError> {
        let failed = |source| StateFileError::File { path: self.path.clone(), source };
        let text = serde_json::to_vec(state).map_err(|error| failed(error.into()))?;
        let beside = self.path.with_extension("json.new");
        write_private_file(&beside, &text).map_err(failed)?;
        fs::rename(&beside, &self.path).map_err(failed)
    }
}

/// Makes a folder that only its owner may enter, or closes an existing one to everybody else.
pub(crate) fn make_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn write_private_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)?.write_all(content)
}
