//! The executable that is deployed, for tests that start it as Azure would.
//!
//! `cargo test --workspace` has built it by then. A run of these tests alone has not: it is built then, so that nobody
//! tests an old one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::SystemTime,
};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Where it is, up to date.
pub(crate) fn deployed_executable() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let executable = Path::new(env!("CARGO_BIN_EXE_latchkey-local")).with_file_name("latchkey-functions");
        if !is_newer_than_its_sources(&executable) {
            build(&executable);
        }
        assert!(executable.is_file(), "{} was not built", executable.display());
        executable
    })
}

/// Or than what might be among them. When in doubt cargo is asked, which knows.
fn is_newer_than_its_sources(executable: &Path) -> bool {
    let Some(built) = changed(executable) else { return false };
    ["handlers", "crates", "Cargo.toml", "Cargo.lock", "host.json"]
        .iter()
        .all(|name| newest(&Path::new(ROOT).join(name)).is_some_and(|newest| newest < built))
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|found| found.modified()).ok()
}

fn newest(path: &Path) -> Option<SystemTime> {
    if !path.is_dir() {
        return changed(path);
    }
    fs::read_dir(path).ok()?.map(|entry| newest(&entry.ok()?.path())).max()?
}

fn build(executable: &Path) {
    let folder = executable.parent().unwrap();
    let profile = match folder.file_name().unwrap().to_str().unwrap() {
        "debug" => "test",
        other => other,
    };
    eprintln!("{} may be older than its sources: asking cargo to build it", executable.display());
    let built = Command::new(env!("CARGO"))
        .current_dir(ROOT)
        // With what tests need, as everything here is built: otherwise half of it would be built anew.
        .args(["test", "--quiet", "--workspace", "--test", "deployed", "--no-run", "--profile", profile])
        .arg("--target-dir")
        .arg(folder.parent().unwrap())
        .status()
        .unwrap();
    assert!(built.success(), "it cannot be built: {built}");
}
