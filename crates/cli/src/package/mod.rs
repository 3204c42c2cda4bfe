//! `latchkey package`: the zip that Azure takes, checked before it is written.
//!
//! Azure mounts a package read-only and repairs nothing in it: a lost permission, an executable for another machine or
//! for a newer C library means a host that never starts, and an error that does not say why. So all of that is refused
//! here. The same executable gives the same bytes.

mod archive;
mod bill_of_materials;
mod contents;
mod executable;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde::Serialize;

use crate::{
    End,
    output::{print, print_json},
};
use executable::{Glibc, Needs};

/// What a command ends with.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    the package is written
  1    the host would not start it, or something failed; stderr says what. Nothing is written then
  2    the command line is wrong";

/// What `package` takes.
#[derive(Debug, Args)]
pub struct PackageArgs {
    /// The executable to package
    ///
    /// Build it for the C library of Azure's image. From a checkout, with Python:
    ///   pip install cargo-zigbuild
    ///   cargo zigbuild --release --locked --package latchkey-functions \
    ///     --target x86_64-unknown-linux-gnu.2.28
    #[arg(
        long,
        value_name = "FILE",
        default_value = "target/x86_64-unknown-linux-gnu/release/latchkey-functions",
        verbatim_doc_comment
    )]
    executable: PathBuf,

    /// Where to write the package; the checksum and the bill of materials are written beside it
    #[arg(long, value_name = "FILE", default_value = "target/azure/functions.zip")]
    out: PathBuf,

    /// The manifest that the executable was built from, for the bill of materials
    #[arg(long, value_name = "FILE", default_value = "Cargo.toml")]
    manifest_path: PathBuf,

    /// The newest glibc that the executable may need
    ///
    /// Which glibc the image of Flex Consumption has is not documented. 2.31 is that of Debian 11, the
    /// oldest that Microsoft's images for custom handlers were built on.
    #[arg(long, value_name = "VERSION", default_value = "2.31")]
    glibc: Glibc,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What was written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    package: PathBuf,
    bytes: u64,
    sha256: String,
    functions: usize,
    executable: Needs,
    bill_of_materials: PathBuf,
    components: usize,
}

/// Checks and writes the package.
///
/// # Errors
/// The host would not start it; or a file cannot be read or written.
pub fn run(args: &PackageArgs) -> anyhow::Result<End> {
    let executable = fs::read(&args.executable).with_context(|| {
        format!("reading {}: `latchkey package --help` shows how to build it", args.executable.display())
    })?;
    let needs = executable::check(&executable, args.glibc)
        .with_context(|| format!("{} would not start in Azure", args.executable.display()))?;
    let entries = contents::entries(executable)?;
    let package = archive::write(&entries)?;
    ensure!(archive::read(&package)? == entries, "the package does not read back as it was written");
    let bill = bill_of_materials::of(&args.manifest_path)?;

    let sha256 = archive::sha256(&package);
    let name = args.out.file_name().context("--out names no file")?.to_string_lossy().into_owned();
    let bill_path = args.out.with_extension("cdx.json");
    put(&bill_path, format!("{:#}\n", bill.document).as_bytes())?;
    put(&beside(&args.out, "sha256"), format!("{sha256}  {name}\n").as_bytes())?;
    put(&args.out, &package)?;

    let written = Written {
        package: args.out.clone(),
        bytes: u64::try_from(package.len())?,
        sha256,
        functions: contents::functions(&entries),
        executable: needs,
        bill_of_materials: bill_path,
        components: bill.components,
    };
    if args.json {
        print_json(&written)?;
    } else {
        print(&shown(&written));
    }
    Ok(End::Well)
}

fn shown(written: &Written) -> String {
    format!(
        "{}  {} bytes, {} functions\nsha256 {}\nexecutable: x86-64, needs glibc {} and {}\n{}  {} components",
        written.package.display(),
        written.bytes,
        written.functions,
        written.sha256,
        written.executable.glibc.map_or_else(|| "of no version".to_owned(), |version| version.to_string()),
        written.executable.libraries.join(", "),
        written.bill_of_materials.display(),
        written.components,
    )
}

/// The same path with one more extension.
fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}

/// Writes a file as a whole or not at all.
fn put(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
    let unfinished = beside(path, "unfinished");
    fs::write(&unfinished, content).with_context(|| format!("writing {}", unfinished.display()))?;
    fs::rename(&unfinished, path).with_context(|| format!("writing {}", path.display()))
}
