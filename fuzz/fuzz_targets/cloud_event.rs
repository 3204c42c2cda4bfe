//! The envelope and the data of every kind of event: no panic, and what was read is written and read the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use onboarding::event::{validate, written_again};
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Ok(event) = serde_json::from_slice::<Value>(bytes) else { return };
    let taken = validate(&event);
    let Ok(written) = written_again(&event) else {
        assert!(taken.is_err(), "what is taken can be read");
        return;
    };
    assert_eq!(taken, Ok(()));
    let read: Value = serde_json::from_str(&written).expect("what was written is JSON");
    assert_eq!(written_again(&read).expect("what was written can be read"), written);
});
