//! Whether Azure's image can start an executable: what machine it is for, and which C library it needs.

use std::{fmt, str::FromStr};

use anyhow::{Context as _, bail, ensure};
use object::{
    Endianness, elf,
    read::elf::{Dyn as _, ElfFile64, FileHeader as _},
};
use serde::{Serialize, Serializer};

/// Libraries that come with glibc and GCC, which every image has.
const AT_HAND: &[&str] = &[
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
];

/// A version of glibc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Glibc(u32, u32);

impl FromStr for Glibc {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "must be a version such as 2.31";
        let (major, minor) = text.split_once('.').ok_or(WRONG)?;
        // Some have a third number, as 2.2.5: it does not matter here.
        let minor = minor.split('.').next().unwrap_or(minor);
        Ok(Self(major.parse().map_err(|_| WRONG)?, minor.parse().map_err(|_| WRONG)?))
    }
}

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl Serialize for Glibc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What an executable needs to start.
#[derive(Debug, Serialize)]
pub(super) struct Needs {
    /// The newest version of glibc that it asks for; absent when it asks for none.
    pub(super) glibc: Option<Glibc>,
    pub(super) libraries: Vec<String>,
}

/// What it needs.
///
/// # Errors
/// When Azure's image has not all of that, with what to do about it.
pub(super) fn check(executable: &[u8], newest: Glibc) -> anyhow::Result<Needs> {
    ensure!(executable.starts_with(b"\x7fELF"), "it is no executable for Linux (no ELF file)");
    let file = ElfFile64::<Endianness>::parse(executable).context("it is no 64-bit ELF file")?;
    let (header, endian) = (file.elf_header(), file.endian());
    ensure!(
        header.e_machine(endian) == elf::EM_X86_64,
        "it is for another machine than x86-64: build it with --target x86_64-unknown-linux-gnu.2.28"
    );
    ensure!(matches!(header.e_type(endian), elf::ET_EXEC | elf::ET_DYN), "it is not linked");
    let sections = header.sections(endian, executable).context("reading its sections")?;

    let mut libraries = Vec::new();
    if let Some((entries, strings)) = sections.dynamic(endian, executable).context("reading its libraries")? {
        let strings = sections.strings(endian, executable, strings).context("reading its libraries")?;
        for entry in entries {
            if entry.tag(endian) == elf::DT_NEEDED {
                let name = entry.string(endian, strings).context("reading its libraries")?;
                libraries.push(String::from_utf8_lossy(name).into_owned());
            }
        }
    }
    let missing: Vec<_> =
        libraries.iter().filter(|name| !AT_HAND.contains(&name.as_str())).cloned().collect();
    if !missing.is_empty() {
        bail!("it needs {}, which Azure's image does not have: link it statically", missing.join(", "));
    }

    let mut glibc = None;
    if let Some((mut needs, strings)) =
        sections.gnu_verneed(endian, executable).context("reading its versions")?
    {
        let strings = sections.strings(endian, executable, strings).context("reading its versions")?;
        while let Some((_, mut versions)) = needs.next().context("reading its versions")? {
            while let Some(version) = versions.next().context("reading its versions")? {
                let name = version.name(endian, strings).context("reading its versions")?;
                let version = String::from_utf8_lossy(name).strip_prefix("GLIBC_").map(str::parse);
                if let Some(Ok(version)) = version {
                    glibc = glibc.max(Some(version));
                }
            }
        }
    }
    if let Some(needed) = glibc
        && needed > newest
    {
        bail!(
            "it needs glibc {needed}, and Azure's image may have {newest}: build it with `cargo zigbuild` for an older \
             one (--target x86_64-unknown-linux-gnu.2.28), or name a newer one with --glibc if you know better"
        );
    }
    Ok(Needs { glibc, libraries })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn this() -> Vec<u8> {
        std::fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    fn why(executable: &[u8], newest: Glibc) -> String {
        format!("{:#}", check(executable, newest).unwrap_err())
    }

    #[test]
    fn an_executable_that_the_image_can_start_is_taken() {
        let needs = check(&this(), Glibc(2, 99)).unwrap();
        assert!(needs.libraries.contains(&"libc.so.6".to_owned()), "{needs:?}");
        assert!(needs.glibc >= Some(Glibc(2, 2)), "{needs:?}");
    }

    #[test]
    fn one_that_needs_a_newer_glibc_is_refused_with_what_to_do() {
        let why = why(&this(), Glibc(2, 1));
        assert!(why.contains("needs glibc 2.") && why.contains("cargo zigbuild"), "{why}");
    }

    #[test]
    fn what_is_no_executable_for_this_machine_is_refused() {
        assert!(why(b"#!/bin/sh\n", Glibc(2, 99)).contains("no executable for Linux"));
        assert!(why(b"\x7fELF", Glibc(2, 99)).contains("no 64-bit ELF"));
        let mut arm = this();
        arm[18..20].copy_from_slice(&elf::EM_AARCH64.0.to_le_bytes());
        assert!(why(&arm, Glibc(2, 99)).contains("another machine"));
        let mut cut = this();
        cut.truncate(cut.len() / 2);
        assert!(check(&cut, Glibc(2, 99)).is_err());
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        let version = |text: &str| text.parse::<Glibc>();
        assert!(version("2.4").unwrap() < version("2.31").unwrap());
        assert_eq!(version("2.2.5").unwrap(), Glibc(2, 2));
        assert!(version("2").is_err() && version("two.one").is_err());
    }
}
