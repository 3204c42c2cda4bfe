//! The runtime's decoder of invocations, through its real router: any bytes in, a JSON object out, no body changed.

#![no_main]

use std::cell::LazyCell;

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/custom-handler/tests/fuzzing/mod.rs"]
mod fuzzing;

thread_local! {
    static TARGET: LazyCell<fuzzing::Target> = LazyCell::new(fuzzing::Target::new);
}

fuzz_target!(|input: &[u8]| TARGET.with(|target| target.run(input)));
