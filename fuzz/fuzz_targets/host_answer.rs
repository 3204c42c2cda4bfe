//! What a handler may answer to the functions host, however broken.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| functions_host::fuzzing::host_answer(data));
