//! What a local world remembers from one start to the next, so that links and open shells go on working.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use latchkey_cli::write_private;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What is remembered. It holds the key that signs customers' links, so it does not print.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Memory {
    /// Where the function app was reached.
    pub(super) http_port: Option<u16>,
    /// Where the broker listened.
    pub(super) broker_port: Option<u16>,
    /// Where the blob store listened, in the shape that is deployed.
    #[serde(default)]
    pub(super) blob_port: Option<u16>,
    /// Signs links and consent states; base64.
    pub(super) signing_key: String,
    /// The first purchase: it is offered again instead of another one being made.
    pub(super) first_purchase: Option<Uuid>,
    #[serde(skip)]
    file: PathBuf,
}

impl Memory {
    /// Reads what is remembered at `file`, or begins anew when there is nothing.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or holds something else. It is left as it is.
    pub(super) fn recall(file: PathBuf) -> anyhow::Result<Self> {
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::new(file)),
            Err(error) => return Err(error).with_context(|| unreadable(&file)),
        };
        let memory: Self = serde_json::from_slice(&text).with_context(|| unreadable(&file))?;
        Ok(Self { file, ..memory })
    }

    /// Saves it.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub(super) fn keep(&self) -> anyhow::Result<()> {
        let text = serde_json::to_vec_pretty(self).context("could not save the local world's memory")?;
        write_private(&self.file, &text).with_context(|| format!("could not write {}", self.file.display()))
    }

    /// A version 4 UUID holds 122 random bits: three of them make more than the 256 that are asked for.
    fn new(file: PathBuf) -> Self {
        let bytes: Vec<u8> = (0..3).flat_map(|_| Uuid::new_v4().into_bytes()).collect();
        let signing_key = STANDARD.encode(bytes);
        Self { http_port: None, broker_port: None, blob_port: None, signing_key, first_purchase: None, file }
    }
}

fn unreadable(file: &Path) -> String {
    format!("could not read {}; choose another folder, or move this file away to start again", file.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_recalled() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("world.json");
        let mut memory = Memory::recall(file.clone()).unwrap();
        memory.http_port = Some(20_001);
        memory.keep().unwrap();
        let again = Memory::recall(file).unwrap();
        assert_eq!((again.http_port, again.broker_port), (Some(20_001), None));
        assert_eq!(again.signing_key, memory.signing_key);
    }

    #[test]
    fn two_worlds_sign_with_different_keys_of_more_than_32_bytes() {
        let key = || Memory::new(PathBuf::new()).signing_key;
        assert_ne!(key(), key());
        assert_eq!(STANDARD.decode(key()).unwrap().len(), 48);
    }

    #[test]
    fn a_file_that_holds_something_else_is_refused_and_left() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("world.json");
        fs::write(&file, "not ours").unwrap();
        assert!(Memory::recall(file.clone()).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "not ours");
    }
}
