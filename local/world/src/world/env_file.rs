//! The file of shell exports that points other programs at the local world.
//!
//! Meant for `source`: every value is quoted so that a shell reads it back byte for byte, whatever it holds.

use std::io;
use std::path::Path;

use latchkey_cli::write_private;

/// Writes the exports to `path`, readable by its owner only: they include the emulated queue's key.
///
/// # Errors
///
/// The file cannot be written.
pub fn write_exports(path: &Path, exports: &[(&str, String)]) -> io::Result<()> {
    write_private(path, exports_text(exports).as_bytes())
}

/// Reads back what [`write_exports`] wrote.
///
/// # Errors
///
/// The file cannot be read, or was not written by it.
pub fn read_exports(path: &Path) -> io::Result<Vec<(String, String)>> {
    let text = std::fs::read_to_string(path)?;
    let mut rest = text.as_str();
    let mut exports = Vec::new();
    let foreign = || io::Error::new(io::ErrorKind::InvalidData, "it holds something else than exports");
    while let Some((comment, after)) = rest.split_once('\n').filter(|(line, _)| line.starts_with('#')) {
        let _ = comment;
        rest = after;
    }
    while !rest.is_empty() {
        let (name, after) =
            rest.strip_prefix("export ").and_then(|rest| rest.split_once('=')).ok_or_else(foreign)?;
        let (value, after) = unquoted(after).ok_or_else(foreign)?;
        exports.push((name.to_owned(), value));
        rest = after.strip_prefix('\n').ok_or_else(foreign)?;
    }
    Ok(exports)
}

fn exports_text(exports: &[(&str, String)]) -> String {
    let mut text = String::from("# Written by `latchkey`; changes are lost at its next start.\n");
    for (name, value) in exports {
        text.push_str(&format!("export {name}={}\n", quoted(value)));
    }
    text
}

/// In single quotes a POSIX shell leaves everything alone but the single quote itself.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// The value that [`quoted`] wrote, and what follows it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text.strip_prefix('\'')?;
    loop {
        let (part, after) = rest.split_once('\'')?;
        value.push_str(part);
        match after.strip_prefix(r"\''") {
            Some(more) => {
                value.push('\'');
                rest = more;
            }
            None => return Some((value, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const AWKWARD: &str = "it's $HOME `id` \"x\" \\ ;&\n two  lines*";

    #[test]
    fn the_text_is_one_export_a_line() {
        let text = exports_text(&[("A", "http://127.0.0.1:1".into()), ("B", "it's".into())]);
        assert_eq!(
            text,
            "# Written by `latchkey`; changes are lost at its next start.\n\
             export A='http://127.0.0.1:1'\nexport B='it'\\''s'\n"
        );
    }

    #[test]
    fn what_was_written_is_read_back_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("env");
        write_exports(&file, &[("AWKWARD", AWKWARD.into()), ("EMPTY", String::new())]).unwrap();
        let expected =
            [("AWKWARD", AWKWARD), ("EMPTY", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read_exports(&file).unwrap(), expected);
        for foreign in ["PATH=/bin", "export A=b\n", "export A='b", "export A='b'; rm x\n"] {
            std::fs::write(&file, foreign).unwrap();
            assert!(read_exports(&file).is_err(), "{foreign}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_reads_every_value_back_byte_for_byte() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("env");
        write_exports(&file, &[("AWKWARD", AWKWARD.into()), ("EMPTY", String::new())]).unwrap();
        let output = Command::new("sh")
            .args(["-c", r#". "$1"; printf '%s|%s|' "$AWKWARD" "$EMPTY""#, "sh"])
            .arg(&file)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{AWKWARD}||"));
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_may_read_the_file_even_if_it_was_open_before() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("env");
        std::fs::write(&file, "old").unwrap();
        std::fs::write(file.with_extension("new"), "left over, open to all").unwrap();
        write_exports(&file, &[("A", "b".into())]).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(std::fs::read_to_string(&file).unwrap().contains("export A='b'"));
    }
}
