//! Files that only their owner may read.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    path::Path,
};

/// Replaces a file in one step, readable by its owner only.
///
/// # Errors
///
/// The file cannot be written.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(&beside)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The mode above counts only for a file that is new.
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    file.write_all(content)?;
    std::fs::rename(&beside, path)
}
