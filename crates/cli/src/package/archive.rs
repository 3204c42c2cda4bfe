//! The zip: the same files give the same bytes, and every file has the permissions that it needs once it is mounted.

use std::io::{Cursor, Read as _, Write as _};

use anyhow::{Context as _, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use zip::{CompressionMethod, DateTime, System, ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::contents::Entry;

/// Everybody may read; everybody may execute too. Nobody mends them later: the package is mounted read-only.
const FILE: u32 = 0o644;
const EXECUTABLE: u32 = 0o755;

/// What Azure takes at most, with room to spare: an executable of ours has less than 15 MB.
const MOST_BYTES: u64 = 100 * 1024 * 1024;

/// The bytes of a zip with these files.
///
/// # Errors
/// When they cannot be compressed.
pub(super) fn write(entries: &[Entry]) -> anyhow::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            // The first moment that a zip can hold.
            .last_modified_time(DateTime::default())
            // Permissions count only in what says that it was made on Unix.
            .system(System::Unix)
            .unix_permissions(if entry.executable { EXECUTABLE } else { FILE });
        zip.start_file(&entry.name, options).with_context(|| format!("packing {}", entry.name))?;
        zip.write_all(&entry.content).with_context(|| format!("packing {}", entry.name))?;
    }
    Ok(zip.finish().context("packing")?.into_inner())
}

/// The files of a zip.
///
/// # Errors
/// When it is none, or a file has other permissions than it needs.
pub(super) fn read(package: &[u8]) -> anyhow::Result<Vec<Entry>> {
    let mut zip = ZipArchive::new(Cursor::new(package)).context("reading the package")?;
    (0..zip.len())
        .map(|index| {
            let file = zip.by_index(index).context("reading the package")?;
            let name = file.name().context("reading the package")?.into_owned();
            let (mode, size) = (file.unix_mode(), file.size());
            ensure!(size <= MOST_BYTES, "{name} has {size} bytes: too much for a package");
            let permissions = mode.with_context(|| format!("{name} has no permissions"))? & 0o777;
            ensure!(matches!(permissions, FILE | EXECUTABLE), "{name} has the permissions {permissions:o}");
            let mut content = Vec::new();
            file.take(MOST_BYTES).read_to_end(&mut content).with_context(|| format!("reading {name}"))?;
            Ok(Entry { name, executable: permissions == EXECUTABLE, content })
        })
        .collect()
}

/// The checksum of a package, in hexadecimal digits.
pub(super) fn sha256(package: &[u8]) -> String {
    digest(&SHA256, package).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        let file =
            |name: &str, executable| Entry { name: name.to_owned(), executable, content: vec![7; 500] };
        vec![file("app", true), file("f/function.json", false), file("host.json", false)]
    }

    #[test]
    fn the_same_files_give_the_same_bytes() {
        let first = write(&entries()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2100));
        assert_eq!(write(&entries()).unwrap(), first, "the time of day is in the package");
    }

    #[test]
    fn what_is_written_reads_back_with_its_permissions() {
        assert_eq!(read(&write(&entries()).unwrap()).unwrap(), entries());
    }

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), expected);
    }
}
