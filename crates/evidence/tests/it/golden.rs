//! A pack that was made once: packs are kept for years, and every later version has to read it.

use std::{fs, path::PathBuf};

use evidence::{Fault, PublicKey, verify};

use crate::support::{Vendor, draft};

/// Writes the files if they are missing, and only then.
const WRITE_MISSING: &str = "LATCHKEY_WRITE_MISSING_GOLDEN_FILES";

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1").join(name)
}

#[test]
fn a_pack_of_format_1_is_read_for_ever() {
    let (pack, key) = (golden("pack.json"), golden("key.jwk.json"));
    if !pack.exists() && std::env::var_os(WRITE_MISSING).is_some() {
        // The private half is gone with the process.
        let vendor = Vendor::new();
        fs::create_dir_all(golden("")).unwrap();
        fs::write(&key, format!("{}\n", vendor.jwk())).unwrap();
        fs::write(&pack, vendor.pack(draft("aaaaaaaa-0000-4000-8000-000000000001", 4))).unwrap();
    }
    let (pack, key) = (fs::read(pack).unwrap(), fs::read_to_string(key).unwrap());
    let key = PublicKey::from_text(&key).unwrap();
    let verified = verify(&pack, Some(&key)).unwrap();
    assert_eq!(verified.evidence.entries.len(), 4);
    let other = PublicKey::from_text(include_str!("../openssl.pem")).unwrap();
    let found = verify(&pack, Some(&other)).unwrap_err();
    assert_eq!(found.0.iter().map(Fault::code).collect::<Vec<_>>(), ["other-key"]);
}
