//! An evidence pack as somebody may hand it in: there is an answer, and it is never "as it was signed" for bytes that were not.

#![no_main]

use evidence::{PublicKey, render, verify};
use libfuzzer_sys::fuzz_target;

const GENUINE: &[u8] = include_bytes!("../../crates/evidence/tests/golden/v1/pack.json");

fuzz_target!(|file: &[u8]| {
    match verify(file, None) {
        Ok(verified) => {
            // Whoever has no key makes no other pack of a genuine one. (A pack signed with a key of the fuzzer's own would
            // be one too; it has none.)
            assert_eq!(file, GENUINE, "a pack that nobody signed");
            assert!(!render(&verified).contains("<script"));
        }
        Err(faults) => assert!(!faults.0.is_empty() && !faults.to_string().is_empty()),
    }
    if let Ok(text) = std::str::from_utf8(file) {
        let _ = PublicKey::from_text(text);
    }
});
